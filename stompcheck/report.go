package stompcheck

import (
	"net/netip"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// StageID names a stage of a test. The ids are stable.
type StageID string

// The stages, in the order in which they run. The first two are made once for a
// peer, the others for every address.
const (
	StageManifest    StageID = "manifest"    // stomp.toml of the peer
	StageCredentials StageID = "credentials" // what we present, judged as the peer will
	StageDNS         StageID = "dns"         // the addresses of a server's name
	StageTCP         StageID = "tcp"         // the connection
	StageTLS         StageID = "tls"         // the handshake: version, suite, group
	StageChain       StageID = "chain"       // the certificates of the server
	StageIdentity    StageID = "identity"    // whose they are
	StageConnect     StageID = "stomp"       // STOMP and CONNECTED
	StageLinger      StageID = "linger"      // waiting for a late refusal
	StageProbe       StageID = "probe"       // SEND and RECEIPT
	StageLoad        StageID = "load"        // many SENDs
	StageSoak        StageID = "soak"        // heart-beats
	StageDisconnect  StageID = "disconnect"  // DISCONNECT and its receipt
	StageClose       StageID = "close"       // the end of the connection
)

// Stage is the outcome of one stage.
type Stage struct {
	ID      StageID
	Outcome check.Outcome
	Took    time.Duration
	// Found is what was seen, or what went wrong. It may quote text that came
	// from strangers.
	Found string
	// Diagnosis is the likely cause of a failure; nil otherwise.
	Diagnosis *Diagnosis
	// StoppedBy is the stage that kept a skipped one from running; "" if it was
	// not asked for or the test was interrupted, and Found says which.
	StoppedBy StageID
}

// Verdict is what a test has proven.
type Verdict string

const (
	// Accepted: the receipt of a SEND proves that the peer takes our messages.
	Accepted Verdict = "accepted"
	// NotRefused: connected, and not refused while we lingered. Without a SEND
	// nothing more can be known.
	NotRefused Verdict = "not refused"
	// Failed: a stage failed.
	Failed Verdict = "failed"
	// Unfinished: interrupted before a verdict.
	Unfinished Verdict = "interrupted"
)

// AddressReport is the test of one address of one server.
type AddressReport struct {
	Server  manifest.Server
	Address netip.AddrPort // the zero AddrPort if the name could not be resolved
	Stages  []Stage
	Verdict Verdict
	Linger  time.Duration // how long a late refusal was waited for
	Session *Session      // nil unless the TLS handshake came about
	Load    *LoadResult   // nil unless messages were counted
	Soak    *SoakResult   // nil unless heart-beats were watched
}

// Session is what TLS agreed on, and until when.
type Session struct {
	Version, Suite, Group string    // as the TLS library names them: "TLS 1.3"
	Ends                  time.Time // when the certificate that the server presented ends
}

// Failure returns the stage that failed first, or nil.
func (a *AddressReport) Failure() *Stage { return firstFailure(a.Stages) }

func firstFailure(stages []Stage) *Stage {
	for i := range stages {
		if stages[i].Outcome == check.Failed {
			return &stages[i]
		}
	}
	return nil
}

// Refusal is one thing that the peer must refuse, and whether it did.
type Refusal struct {
	ID      string // "tls12", "no-certificate", "no-intermediate", "stranger"
	Title   string // what was tried
	Server  manifest.Server
	Address netip.AddrPort
	Outcome check.Outcome // Passed: it was refused
	Took    time.Duration
	Found   string
}

// Report is the test of one peer.
type Report struct {
	Own, Peer certs.Identity
	Started   time.Time
	Took      time.Duration
	OwnEnds   time.Time // when our server certificate ends; zero if it could not be read
	Common    []Stage   // StageManifest and StageCredentials
	Addresses []*AddressReport
	Refusals  []Refusal // filled by a negative test
}

// Verdict is that of the address that fared worst.
func (r *Report) Verdict() Verdict {
	if len(r.Addresses) == 0 {
		return Failed
	}
	worst := Accepted
	for _, a := range r.Addresses {
		switch {
		case a.Verdict == Unfinished:
			return Unfinished
		case a.Verdict == Failed:
			worst = Failed
		case a.Verdict == NotRefused && worst == Accepted:
			worst = NotRefused
		}
	}
	for _, f := range r.Refusals {
		switch {
		case f.Found == wasInterrupted:
			return Unfinished
		case f.Outcome != check.Passed:
			// What could not be tried proves nothing, and proof was asked for.
			worst = Failed
		}
	}
	if firstFailure(r.Common) != nil {
		return Failed
	}
	return worst
}

// Failure returns the stage that failed first, of the peer as a whole or at an
// address, or nil.
func (r *Report) Failure() *Stage {
	if all := r.Failures(); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Failures returns the first failed stage of the peer as a whole and of each
// address.
func (r *Report) Failures() []*Stage {
	var out []*Stage
	if s := firstFailure(r.Common); s != nil {
		out = append(out, s)
	}
	for _, a := range r.Addresses {
		if s := a.Failure(); s != nil {
			out = append(out, s)
		}
	}
	return out
}

package stompcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Tester tests one peer's servers.
type Tester struct {
	p    Peering
	o    Options
	sent atomic.Bool // a message that is sent once
}

// New returns a Tester of the peer. It refuses options that contradict each
// other or exceed a limit, and a peering without the parts that judging needs.
func New(p Peering, o Options) (*Tester, error) {
	if p.OwnRoot == nil || p.PeerRoot == nil || p.Own.IsZero() || p.Peer.IsZero() {
		return nil, errors.New("a peering needs both identities and both root certificates")
	}
	if !p.Own.Type().CanPeerWith(p.Peer.Type()) {
		return nil, fmt.Errorf("%s and %s cannot be peers", p.Own, p.Peer)
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	// A peer that is not registered has given no subnet, and gets no probe.
	if o.Probe.make != nil && p.Intermediate != nil {
		if _, err := p.link(); err != nil {
			return nil, fmt.Errorf("no probe can be made: %w", err)
		}
	}
	return &Tester{p: p, o: o}, nil
}

// Run tests every server of the manifest at every address that its name resolves
// to, at most Options.Parallel at a time. It opens one connection to an address,
// and one more for each refusal that a negative test tries; it sends no message
// that was not asked for.
//
// When ctx is done, open connections are ended with DISCONNECT and what has been
// found so far is returned: the stages that did not run are skipped.
func (t *Tester) Run(ctx context.Context) *Report {
	rep := &Report{Own: t.p.Own, Peer: t.p.Peer, Started: t.o.Now()}
	start := time.Now()
	defer func() { rep.Took = time.Since(start) }()

	own, ok := t.common(rep)
	if !ok {
		return rep
	}
	var jobs []*AddressReport
	for _, server := range t.servers() {
		jobs = append(jobs, t.resolve(ctx, server)...)
	}
	rep.Addresses = jobs
	slots := make(chan struct{}, t.o.Parallel)
	var wg sync.WaitGroup
	for _, job := range jobs {
		if !job.Address.IsValid() {
			continue // the name could not be resolved
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			t.test(ctx, job, own)
		})
	}
	wg.Wait()
	if t.o.Negative {
		rep.Refusals = t.negative(ctx, jobs)
	}
	return rep
}

// common runs the stages that concern the peer as a whole. own is what is wrong
// with our own chain, or nil. ok is false if there is nothing to connect to, or
// nothing to present: a chain that will not hold is presented nevertheless, so
// that the report says what else there is to see.
func (t *Tester) common(rep *Report) (own *Diagnosis, ok bool) {
	add := func(s Stage) {
		rep.Common = append(rep.Common, s)
		if t.o.OnStage != nil {
			t.o.OnStage(manifest.Server{}, netip.AddrPort{}, s)
		}
	}
	switch {
	case t.p.Deactivated:
		add(Stage{ID: StageManifest, Outcome: check.Failed, Found: "found DEACTIVATED in the peer's folder", Diagnosis: diagnose(CauseDeactivatedByUs)})
		add(Stage{ID: StageCredentials, Outcome: check.Skipped, StoppedBy: StageManifest})
		return nil, false
	case t.o.Server != nil && t.p.Manifest != nil:
		add(Stage{ID: StageManifest, Outcome: check.Passed, Found: "only " + t.o.Server.String() + ", as asked" + escapesWarning(t.p.Manifest)})
	case t.p.Manifest == nil:
		what := "no manifest"
		if t.p.ManifestErr != nil {
			what = t.p.ManifestErr.Error()
		}
		cause := CauseManifest
		// A file that is not there, or that we may not read, is no fault of who
		// wrote it.
		if _, ok := errors.AsType[*fs.PathError](t.p.ManifestErr); ok {
			cause = CauseOwnManifest
		}
		add(Stage{ID: StageManifest, Outcome: check.Failed, Found: what, Diagnosis: diagnose(cause)})
	default:
		add(Stage{ID: StageManifest, Outcome: check.Passed, Found: count(len(t.servers()), "server") + ", host " + quote(t.p.Manifest.Host) + ", destination " + quote(t.p.Manifest.Destination) + escapesWarning(t.p.Manifest)})
	}
	start := time.Now()
	rep.OwnEnds = ends(t.o.Certificate)
	own, err := t.p.judgeOwn(t.o.Certificate, t.o.Now())
	if err != nil {
		add(Stage{ID: StageCredentials, Outcome: check.Failed, Took: time.Since(start), Found: err.Error(), Diagnosis: own})
		return own, t.p.Manifest != nil && own.Cause != CauseOwnKey
	}
	add(Stage{ID: StageCredentials, Outcome: check.Passed, Took: time.Since(start), Found: "our chain holds in the peer's eyes, until " + stamp(rep.OwnEnds)})
	return nil, t.p.Manifest != nil
}

// escapesWarning names the values for STOMP and CONNECT that servers read in
// different ways: those in which STOMP 1.2 escapes characters, but not in
// CONNECT, and which some servers unescape there too or refuse. It is a reason
// for which a login may fail; the values themselves may be secrets.
func escapesWarning(m *manifest.Manifest) string {
	var names []string
	for _, v := range []struct {
		name  string
		value *string
	}{{"host", &m.Host}, {"login", m.Login}, {"passcode", m.Passcode}} {
		if v.value != nil && strings.ContainsAny(*v.value, ":\\\r\n") {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; warning: found a colon, backslash or line end in " + strings.Join(names, " and ") + ": servers disagree on how that is written in STOMP and CONNECT"
}

// ends is when a certificate ends; the zero time if it cannot be read.
func ends(c tls.Certificate) time.Time {
	if len(c.Certificate) == 0 {
		return time.Time{}
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// count says, for example, "1 server" or "3 servers".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// servers are those to be tested, each once: repeats in a manifest are weights.
func (t *Tester) servers() []manifest.Server {
	if t.o.Server != nil {
		return []manifest.Server{*t.o.Server}
	}
	var out []manifest.Server
	seen := map[manifest.Server]bool{}
	for _, s := range t.p.Manifest.Servers {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// resolve returns a report to be filled for every address of a server, or one
// that failed.
func (t *Tester) resolve(ctx context.Context, server manifest.Server) []*AddressReport {
	if ip, err := netip.ParseAddr(server.Host); err == nil {
		return []*AddressReport{{
			Server: server, Address: netip.AddrPortFrom(ip, server.Port),
			Stages: []Stage{{ID: StageDNS, Outcome: check.Passed, Found: "an address, nothing to resolve"}},
		}}
	}
	start := time.Now()
	lookup, cancel := context.WithTimeout(ctx, t.o.Timeout)
	ips, err := t.o.Resolve(lookup, server.Host)
	cancel()
	took := time.Since(start)
	if err == nil && len(ips) == 0 {
		err = errors.New("the name has no addresses")
	}
	a := &AddressReport{Server: server}
	r := &run{t: t, rep: a}
	switch {
	case ctx.Err() != nil:
		r.interrupted = true
		r.add(Stage{ID: StageDNS, Outcome: check.Skipped, Found: wasInterrupted})
	case err != nil:
		r.stopped = StageDNS
		r.add(Stage{ID: StageDNS, Outcome: check.Failed, Took: took, Found: err.Error(), Diagnosis: classifyResolve(err)})
	}
	if len(a.Stages) > 0 {
		r.skipFrom(ctx, StageTCP)
		r.conclude()
		return []*AddressReport{a}
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortStableFunc(ips, netip.Addr.Compare)
	ips = slices.Compact(ips)
	var names []string
	for _, ip := range ips {
		names = append(names, ip.String())
	}
	s := Stage{ID: StageDNS, Outcome: check.Passed, Took: took, Found: strings.Join(names, ", ")}
	if t.o.OnStage != nil {
		t.o.OnStage(server, netip.AddrPort{}, s)
	}
	var out []*AddressReport
	for _, ip := range ips {
		out = append(out, &AddressReport{Server: server, Address: netip.AddrPortFrom(ip, server.Port), Stages: []Stage{s}})
	}
	return out
}

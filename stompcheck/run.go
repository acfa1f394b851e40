package stompcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
)

const wasInterrupted = "interrupted"

// NotAskedFor is what was found in a stage that the options did not ask for.
const NotAskedFor = "not asked for"

// addressStages are the stages of one address, in order.
var addressStages = []StageID{
	StageTCP, StageTLS, StageChain, StageIdentity, StageConnect, StageLinger,
	StageProbe, StageLoad, StageSoak, StageDisconnect, StageClose,
}

// run is the test of one address while it runs.
type run struct {
	t           *Tester
	rep         *AddressReport
	own         *Diagnosis // what is wrong with our own chain, or nil
	stopped     StageID    // the stage after which nothing can run
	interrupted bool
	proven      bool  // a SEND was confirmed
	sentOwn     bool  // the operator's own message was sent, and is not confirmed
	asked       bool  // the server asked for our certificate
	signErr     error // why our key did not sign the handshake

	tls   *tls.Conn
	state tls.ConnectionState
	stomp *conn
	// The heart-beats that were agreed on; 0: none (STOMP 1.2, "Heart-beating").
	beatSend, beatReceive time.Duration
}

// failure is why a stage failed.
type failure struct {
	d     *Diagnosis
	found string
}

func failed(d *Diagnosis, format string, args ...any) *failure {
	return &failure{d, fmt.Sprintf(format, args...)}
}

func (r *run) add(s Stage) {
	r.rep.Stages = append(r.rep.Stages, s)
	if r.t.o.OnStage != nil {
		r.t.o.OnStage(r.rep.Server, r.rep.Address, s)
	}
}

// do runs one stage unless an earlier one stopped the test.
func (r *run) do(ctx context.Context, id StageID, f func() (found string, fail *failure)) {
	switch {
	case r.stopped != "":
		r.add(Stage{ID: id, Outcome: check.Skipped, StoppedBy: r.stopped})
		return
	case r.interrupted || ctx.Err() != nil:
		r.interrupted = true
		r.add(Stage{ID: id, Outcome: check.Skipped, Found: wasInterrupted})
		return
	}
	start := time.Now()
	found, fail := f()
	s := Stage{ID: id, Outcome: check.Passed, Took: time.Since(start), Found: found}
	switch {
	case fail != nil && ctx.Err() != nil:
		// What failed now failed because it was broken off.
		r.interrupted = true
		s.Outcome, s.Found = check.Skipped, wasInterrupted
		if r.sentOwn {
			s.Found += "; the message was sent, and whether the peer took it is not known: do not send it again before asking the peer"
		}
	case fail != nil:
		r.stopped = id
		s.Outcome, s.Found, s.Diagnosis = check.Failed, fail.found, fail.d
	}
	r.add(s)
}

// skip records a stage that was not asked for.
func (r *run) skip(id StageID) {
	r.add(Stage{ID: id, Outcome: check.Skipped, Found: NotAskedFor})
}

// skipFrom records every stage from id on as skipped.
func (r *run) skipFrom(ctx context.Context, id StageID) {
	for _, s := range addressStages[slices.Index(addressStages, id):] {
		if r.t.o.asks(s) {
			r.do(ctx, s, nil) // never called: the test is stopped or interrupted
		} else {
			r.skip(s)
		}
	}
}

func (r *run) conclude() {
	switch {
	case r.stopped != "":
		r.rep.Verdict = Failed
	case r.interrupted:
		r.rep.Verdict = Unfinished
	case r.proven:
		r.rep.Verdict = Accepted
	default:
		r.rep.Verdict = NotRefused
	}
}

// test runs every stage of one address.
func (t *Tester) test(ctx context.Context, rep *AddressReport, own *Diagnosis) {
	rep.Linger = t.o.Linger
	r := &run{t: t, rep: rep, own: own}
	defer r.conclude()
	defer r.hangUp()

	r.do(ctx, StageTCP, func() (string, *failure) { return r.dial(ctx) })
	r.do(ctx, StageTLS, func() (string, *failure) { return r.handshake(ctx) })
	// Whose certificates they are is worth knowing even if they do not hold.
	if r.stopped != "" || r.interrupted || ctx.Err() != nil {
		r.do(ctx, StageChain, nil)
		r.do(ctx, StageIdentity, nil)
	} else {
		r.do(ctx, StageChain, func() (string, *failure) { return r.chainFound(), r.judgeChain() })
		stopped := r.stopped
		r.stopped = ""
		r.do(ctx, StageIdentity, r.identity)
		if stopped != "" {
			r.stopped = stopped
		}
	}
	r.do(ctx, StageConnect, func() (string, *failure) { return r.connect(ctx) })
	for _, s := range []struct {
		id  StageID
		run func(context.Context) (string, *failure)
	}{{StageLinger, r.linger}, {StageProbe, r.probe}, {StageLoad, r.load}, {StageSoak, r.soak}} {
		switch {
		case !t.o.asks(s.id):
			r.skip(s.id)
		case s.id == StageProbe && t.o.Probe.once && r.stopped == "" && ctx.Err() == nil && !t.sent.CompareAndSwap(false, true):
			r.add(Stage{ID: s.id, Outcome: check.Skipped, Found: "the message is sent once, and went to another address"})
		default:
			r.do(ctx, s.id, func() (string, *failure) { return s.run(ctx) })
		}
	}
	r.do(ctx, StageDisconnect, func() (string, *failure) { return r.disconnect(ctx) })
	r.do(ctx, StageClose, func() (string, *failure) { return r.finish(ctx) })
}

// hangUpWait is how long an interrupted test takes to leave politely.
const hangUpWait = time.Second

// hangUp ends what is still open. An interrupted session is ended as STOMP
// demands, and the server is given a moment to read that: a connection closed
// with bytes unread is reset, and what was sent last may be lost.
func (r *run) hangUp() {
	if r.stomp == nil {
		if r.tls != nil {
			r.tls.Close()
		}
		return
	}
	if r.interrupted || r.stopped == StageSoak || r.stopped == StageProbe || r.stopped == StageLoad {
		r.leave() // the connection may well be alive
	}
	r.stomp.close()
}

func (r *run) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), hangUpWait)
	defer cancel()
	r.stomp.setTimeout(hangUpWait)
	// The connection may be gone already: there is nobody to tell.
	if r.stomp.send(frame.Disconnect, nil, nil) != nil || r.tls.CloseWrite() != nil {
		return
	}
	for {
		if e, err := r.stomp.next(ctx, hangUpWait); err != nil || e.err != nil {
			return
		}
	}
}

// disconnectReceipt is the id of the receipt of our DISCONNECT.
const disconnectReceipt = "swptpeer-disconnect"

func (r *run) connect(ctx context.Context) (string, *failure) {
	r.stomp = newConn(r.tls, r.t.o.Timeout)
	// An error of writing is explained by what can still be read: an alert, or
	// the end of the stream.
	sendErr := r.stomp.send(frame.Stomp, r.t.connectHeaders(), nil)
	e, err := r.stomp.next(ctx, r.t.o.Timeout)
	switch {
	case err != nil && sendErr != nil:
		return "", failed(classifyEnd(sendErr, r.own, false), "%v", sendErr)
	case err != nil:
		return "", failed(diagnose(CauseSTOMPTimeout), "%v within %s", err, r.t.o.Timeout)
	case e.err != nil:
		return "", failed(classifyEnd(e.err, r.own, false), "%s", endText(e.err))
	case e.command == frame.Error:
		return "", failed(classifyError(&e, false), "ERROR: %s", quote(e.get("message")))
	case e.command != frame.Connected:
		return "", failed(diagnose(CauseNoSTOMP), "found %s, expected CONNECTED", e.command)
	case e.get("version") != "1.2":
		return "", failed(diagnose(CauseNoSTOMP), "found the version %s, expected 1.2", quote(e.get("version")))
	}
	beats := e.get("heart-beat")
	if r.beatSend, r.beatReceive, err = negotiate(beats); err != nil {
		return "", failed(diagnose(CauseNoSTOMP), "%v", err)
	}
	// Beats are owed from here on, whatever the stages after this one wait for.
	r.stomp.startBeats(r.beatSend)
	found := "STOMP 1.2, heart-beat " + quote(beats)
	if beats == "" {
		found = "STOMP 1.2, no heart-beats"
	}
	if server := e.get("server"); server != "" {
		found += ", server " + quote(server)
	}
	return found, nil
}

// connectHeaders are those of STOMP, as the peer's manifest wants them.
func (t *Tester) connectHeaders() []frame.Header {
	m := t.p.Manifest
	headers := []frame.Header{{Key: "accept-version", Value: "1.2"}, {Key: "host", Value: m.Host}, {Key: "heart-beat", Value: ourBeats}}
	if m.Login != nil {
		headers = append(headers, frame.Header{Key: "login", Value: *m.Login})
	}
	if m.Passcode != nil {
		headers = append(headers, frame.Header{Key: "passcode", Value: *m.Passcode})
	}
	return headers
}

func endText(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended in the middle of something"
	}
	return err.Error()
}

// unexpected explains an event that should not have come; sent says whether a
// SEND awaits its receipt.
func (r *run) unexpected(e *event, sent bool, expected string) *failure {
	switch {
	case e.err != nil:
		return failed(classifyEnd(e.err, r.own, true), "%s", endText(e.err))
	case e.command == frame.Error:
		return failed(classifyError(e, sent), "ERROR: %s", quote(e.get("message")))
	case e.command == frame.Receipt:
		return failed(diagnose(CauseReceipt), "found the receipt %s, expected %s", quote(e.get("receipt-id")), expected)
	}
	return failed(diagnose(CauseNoSTOMP), "found %s, expected %s", e.command, expected)
}

func (r *run) linger(ctx context.Context) (string, *failure) {
	e, err := r.stomp.next(ctx, r.t.o.Linger)
	if errors.Is(err, errSilence) {
		return fmt.Sprintf("not refused within %s", r.t.o.Linger), nil
	}
	if err != nil {
		return "", failed(nil, "%v", err)
	}
	return "", r.unexpected(&e, false, "silence")
}

func (r *run) probe(ctx context.Context) (string, *failure) {
	msgs, err := r.t.messages()
	if err != nil {
		return "", failed(diagnose(CauseMessage), "%v", err)
	}
	headers, m, err := msgs.next("")
	if err != nil {
		return "", failed(diagnose(CauseMessage), "%v", err)
	}
	confirmed := false // of the reading goroutine
	r.stomp.ignoreReceipts(func(id []byte) (again bool) {
		again = confirmed && string(id) == m.ID
		confirmed = confirmed || string(id) == m.ID
		return again
	})
	start := time.Now()
	r.sentOwn = r.t.o.Probe.once
	sendErr := r.stomp.send(frame.Send, headers, m.Body)
	e, err := r.stomp.next(ctx, r.t.o.Timeout)
	switch {
	case r.sentOwn && err != nil:
		return "", failed(diagnose(CauseUnconfirmed), "no receipt of a %s within %s", m.Type, r.t.o.Timeout)
	case r.sentOwn && e.err != nil:
		return "", failed(diagnosef(CauseUnconfirmed, endText(e.err)), "no receipt of a %s", m.Type)
	case err != nil && sendErr != nil:
		return "", failed(classifyEnd(sendErr, r.own, true), "%v", sendErr)
	case err != nil:
		return "", failed(diagnose(CauseSTOMPTimeout), "no receipt of a %s within %s", m.Type, r.t.o.Timeout)
	case e.err != nil || e.command != frame.Receipt || e.get("receipt-id") != m.ID:
		return "", r.unexpected(&e, true, "the receipt "+quote(m.ID))
	}
	r.proven, r.sentOwn = true, false
	return fmt.Sprintf("%s confirmed after %s", m.Type, round(time.Since(start))), nil
}

func (r *run) disconnect(ctx context.Context) (string, *failure) {
	sendErr := r.stomp.send(frame.Disconnect, []frame.Header{{Key: "receipt", Value: disconnectReceipt}}, nil)
	e, err := r.stomp.next(ctx, r.t.o.Timeout)
	switch {
	case err != nil && sendErr != nil:
		return "", failed(classifyEnd(sendErr, r.own, true), "%v", sendErr)
	case err != nil:
		return "", failed(diagnose(CauseSTOMPTimeout), "no receipt of DISCONNECT within %s", r.t.o.Timeout)
	case e.err != nil || e.command != frame.Receipt || e.get("receipt-id") != disconnectReceipt:
		return "", r.unexpected(&e, false, "the receipt of DISCONNECT")
	}
	return "receipt", nil
}

// closeWait is how long the server is given to close a connection that both
// sides have ended.
const closeWait = time.Second

func (r *run) finish(ctx context.Context) (string, *failure) {
	// Our half is closed first, so that a server that waits for it goes on.
	closeErr := r.tls.CloseWrite()
	e, err := r.stomp.next(ctx, min(closeWait, r.t.o.Timeout))
	switch {
	case errors.Is(err, errSilence):
		return "by us; the server leaves it to the client", nil
	case err != nil:
		return "", failed(nil, "%v", err)
	case errors.Is(e.err, io.EOF):
		return "both sides", nil
	case e.err != nil:
		if closeErr != nil {
			return "by the server, before we could", nil
		}
		return "by the server, without the close_notify of TLS", nil
	}
	return "", r.unexpected(&e, false, "nothing after the receipt of DISCONNECT")
}

func round(d time.Duration) time.Duration {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	case d < time.Second:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

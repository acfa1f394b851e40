package stompcheck

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ourBeats is the heart-beat that we offer: we can send one every 5 seconds, and
// want one as often.
const ourBeats = "5000,5000"

const ourBeat = 5 * time.Second

// maxBeat bounds the interval that a server may name.
const maxBeat = 24 * time.Hour

// negotiate returns how often we must send and will receive, from the heart-beat
// header of CONNECTED: the larger of what one side can and the other wants; 0 if
// either says 0 (STOMP 1.2, "Heart-beating").
func negotiate(header string) (send, receive time.Duration, err error) {
	if header == "" {
		return 0, 0, nil
	}
	can, wants, ok := strings.Cut(header, ",")
	c, err1 := strconv.ParseUint(can, 10, 31)
	w, err2 := strconv.ParseUint(wants, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("found the heart-beat %s, expected two numbers of milliseconds", quote(header))
	}
	if w > 0 {
		send = min(max(ourBeat, time.Duration(w)*time.Millisecond), maxBeat)
	}
	if c > 0 {
		receive = min(max(ourBeat, time.Duration(c)*time.Millisecond), maxBeat)
	}
	return send, receive, nil
}

// SoakResult is what keeping a connection open showed.
type SoakResult struct {
	Kept          time.Duration // how long the connection was kept
	Send, Receive time.Duration // the intervals agreed on; 0: none
	Sent          int           // heart-beats that we sent
	LongestGap    time.Duration // without a byte from the server
	Gaps          int           // gaps that were longer than agreed on, with the tolerance
}

// tolerance is added to the interval before silence is a gap: the STOMP text
// asks for one, and a server's timer runs when it can.
func tolerance(interval time.Duration) time.Duration { return max(time.Second, interval/2) }

// soak keeps the connection, on which the heart-beats that the server wants are
// sent as in every stage, and watches for those that it promised.
func (r *run) soak(ctx context.Context) (string, *failure) {
	res := &SoakResult{Send: r.beatSend, Receive: r.beatReceive}
	r.rep.Soak = res
	start := time.Now()
	end := start.Add(r.t.o.Soak)
	last := start // when the server was last heard
	inGap := false
	sent := r.stomp.beats.Load()
	defer func() {
		res.Kept = time.Since(start)
		res.Sent = int(r.stomp.beats.Load() - sent)
	}()
	for {
		now := time.Now()
		if n := time.Unix(0, r.stomp.lastRead.Load()); n.After(last) {
			res.LongestGap = max(res.LongestGap, n.Sub(last))
			last, inGap = n, false
		}
		res.LongestGap = max(res.LongestGap, now.Sub(last))
		if res.Receive > 0 && now.Sub(last) > res.Receive+tolerance(res.Receive) && !inGap {
			inGap = true
			res.Gaps++
		}
		if !now.Before(end) {
			break
		}
		// Often enough to see when bytes arrive.
		wait := min(end.Sub(now), 100*time.Millisecond)
		switch e, err := r.stomp.next(ctx, wait); {
		case err == nil:
			return "", r.unexpected(&e, false, "heart-beats")
		case ctx.Err() != nil:
			return "", failed(nil, "%v", err)
		}
	}
	if res.Gaps > 0 {
		return "", failed(diagnose(CauseHeartBeat), "found %s, the longest %s, expected a heart-beat every %s", count(res.Gaps, "gap"), round(res.LongestGap), res.Receive)
	}
	found := fmt.Sprintf("kept for %s, longest silence %s", r.t.o.Soak, round(res.LongestGap))
	if res.Receive == 0 {
		found += "; the server promised no heart-beats"
	} else {
		found += fmt.Sprintf(", a heart-beat every %s was promised", res.Receive)
	}
	return found, nil
}

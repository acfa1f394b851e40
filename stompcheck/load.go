package stompcheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// LoadResult is what sending many messages measured.
type LoadResult struct {
	Sent, Confirmed int
	Took            time.Duration // from the first SEND to the last receipt
	Receipts        int           // fewer than messages where the server confirms several at once
	// Of the time between a SEND and the receipt that confirmed it.
	Min, Median, P90, P99, Max time.Duration
	Histogram                  []Bucket
}

// PerSecond is the rate at which messages were confirmed.
func (l *LoadResult) PerSecond() float64 {
	if l.Took <= 0 {
		return 0
	}
	return float64(l.Confirmed) / l.Took.Seconds()
}

// Bucket counts the latencies up to and including UpTo, and above the bucket
// before.
type Bucket struct {
	UpTo  time.Duration
	Count int
}

// messages makes the messages of a probe one after the other, with the headers
// that a SEND must carry (STOMP specification, "Transport").
type messages struct {
	t       *Tester
	link    smp.Link
	random  io.Reader
	headers [5]frame.Header
}

// messages draws random numbers a few at a time: a source of the system's costs
// about as much for many bytes as for some.
func (t *Tester) messages() (*messages, error) {
	l, err := t.p.link()
	if err != nil {
		return nil, err
	}
	return &messages{t: t, link: l, random: bufio.NewReaderSize(rand.Reader, 4<<10), headers: [...]frame.Header{
		{Key: "destination", Value: t.p.Manifest.Destination},
		{Key: "receipt"},
		{Key: "type"},
		{Key: "content-type"},
		{Key: "persistent", Value: "true"},
	}}, nil
}

// next makes a message. The headers are valid until the next call; an id of ""
// means that of the message.
func (m *messages) next(id string) ([]frame.Header, smp.Message, error) {
	out, err := m.t.o.Probe.make(m.link, m.t.o.Now(), m.random)
	if err != nil {
		return nil, smp.Message{}, err
	}
	if id == "" {
		id = out.ID
	}
	m.headers[1].Value, m.headers[2].Value, m.headers[3].Value = id, out.Type, out.ContentType
	return m.headers[:], out, nil
}

// flow is the state that the sender and the reader of receipts share.
type flow struct {
	mu        sync.Mutex
	sentAt    []time.Time
	latency   []time.Duration // of the confirmed ones, in order
	receipts  int
	bad       *string       // the id of a receipt that makes no sense
	progress  chan struct{} // as much was confirmed as is wanted, or bad is set
	confirmed int
	heard     time.Time // when more was confirmed
	wanted    int
}

// want says how many messages must be confirmed before the sender is woken, and
// returns how many are, and when that became so many. Every receipt would
// otherwise wake it, to send as little as that one confirmed.
func (f *flow) want(n int) (confirmed int, heard time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = n
	return f.confirmed, f.heard
}

// receiptPrefix begins the ids of pipelined messages; their number follows.
const receiptPrefix = "swptpeer-"

// messageNumber is the number in the id of a pipelined message.
func messageNumber(id []byte) (n int, ok bool) {
	digits, ok := bytes.CutPrefix(id, []byte(receiptPrefix))
	n, err := strconv.Atoi(string(digits))
	return n, ok && err == nil && n >= 0
}

// confirm takes a receipt: it confirms its message and all before it. One that
// confirms nothing new is no progress: a server that repeats itself must not
// keep the test waiting for ever.
func (f *flow) confirm(id []byte) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := messageNumber(id)
	if !ok || n >= len(f.sentAt) {
		text := string(id) // may be empty
		f.bad = &text
	} else {
		f.receipts++
		if n < f.confirmed {
			return
		}
		for ; f.confirmed <= n; f.confirmed++ {
			f.latency = append(f.latency, now.Sub(f.sentAt[f.confirmed]))
		}
		f.heard = now
		if f.confirmed < f.wanted {
			return
		}
	}
	select {
	case f.progress <- struct{}{}:
	default:
	}
}

// batch is how many bytes of frames are gathered before a write: about what a
// TLS record holds.
const batch = 16 << 10

func (r *run) load(ctx context.Context) (string, *failure) {
	o := r.t.o
	f := &flow{progress: make(chan struct{}, 1)}
	take := func(id []byte) bool {
		f.confirm(id)
		return true
	}
	r.stomp.receipts.Store(&take)
	defer r.stomp.ignoreReceipts(func(id []byte) bool {
		n, ok := messageNumber(id)
		return ok && n < o.Count
	})
	defer r.stomp.interruptWrites(ctx)()

	start := time.Now()
	fail := r.pump(ctx, f, start)
	if fail == nil {
		fail = r.awaitConfirmed(ctx, f, o.Count)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	res := &LoadResult{Sent: len(f.sentAt), Confirmed: f.confirmed, Took: time.Since(start), Receipts: f.receipts}
	res.measure(f.latency)
	r.rep.Load = res
	if fail != nil {
		return "", fail
	}
	r.proven = true
	return fmt.Sprintf("%d messages confirmed, %.0f a second", res.Confirmed, res.PerSecond()), nil
}

// pump sends the messages, as many unconfirmed as the window allows. When the
// window is full, a part of it must become free before more is sent.
func (r *run) pump(ctx context.Context, f *flow, start time.Time) *failure {
	o := r.t.o
	msgs, err := r.t.messages()
	if err != nil {
		return failed(diagnose(CauseMessage), "%v", err)
	}
	part := max(o.Window/4, 1)
	var buf []byte
	for i := 0; i < o.Count; {
		confirmed, _ := f.want(0)
		free := min(o.Window-(i-confirmed), o.Count-i)
		if o.Rate > 0 {
			due := int(time.Since(start).Seconds()*o.Rate) + 1 - i
			if due <= 0 {
				wait := time.Duration(float64(i)/o.Rate*float64(time.Second)) - time.Since(start)
				if fail := r.await(ctx, f, wait); fail != nil {
					return fail
				}
				continue
			}
			free = min(free, due)
		}
		if free <= 0 {
			if fail := r.awaitConfirmed(ctx, f, i-o.Window+part); fail != nil {
				return fail
			}
			continue
		}
		buf = buf[:0]
		first := i
		for ; free > 0 && len(buf) < batch; free-- {
			headers, m, err := msgs.next(receiptPrefix + strconv.Itoa(i))
			if err != nil {
				return failed(diagnose(CauseMessage), "%v", err)
			}
			if buf, err = frame.Append(buf, frame.Send, headers, m.Body); err != nil {
				return failed(diagnose(CauseMessage), "%v", err)
			}
			i++
		}
		now := time.Now()
		f.mu.Lock()
		for ; first < i; first++ {
			f.sentAt = append(f.sentAt, now)
		}
		f.mu.Unlock()
		r.stomp.mu.Lock()
		err = r.stomp.write(buf)
		r.stomp.mu.Unlock()
		if err != nil {
			// What the server said before it hung up says more than our error.
			if e, nextErr := r.stomp.next(ctx, time.Second); nextErr == nil {
				return r.unexpected(&e, true, "receipts")
			}
			return failed(classifyEnd(err, r.own, true), "%v", err)
		}
		if fail := r.await(ctx, f, 0); fail != nil {
			return fail
		}
	}
	return nil
}

// awaitConfirmed waits until this many messages are confirmed, for each further
// receipt as long as a stage may take.
func (r *run) awaitConfirmed(ctx context.Context, f *flow, want int) *failure {
	begin := time.Now()
	for {
		confirmed, heard := f.want(want)
		if confirmed >= want {
			return nil
		}
		if heard.Before(begin) {
			heard = begin
		}
		wait := r.t.o.Timeout - time.Since(heard)
		if wait <= 0 {
			f.mu.Lock()
			defer f.mu.Unlock()
			return failed(diagnose(CauseSTOMPTimeout), "no receipt within %s: %d of %d messages confirmed", r.t.o.Timeout, f.confirmed, len(f.sentAt))
		}
		if fail := r.await(ctx, f, wait); fail != nil {
			return fail
		}
	}
}

// past is a moment that has come.
var past = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// await waits for what is wanted of f, or for the end of wait; 0 looks and does
// not wait.
func (r *run) await(ctx context.Context, f *flow, wait time.Duration) *failure {
	end := past
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		end = t.C
	}
	select {
	case <-f.progress:
	case e := <-r.stomp.events:
		// A receipt that made no sense came before this, and says more.
		if fail := f.nonsense(); fail != nil {
			return fail
		}
		return r.unexpected(&e, true, "receipts")
	case <-ctx.Done():
		return failed(nil, "%v", context.Cause(ctx))
	case <-end:
	}
	return f.nonsense()
}

// nonsense is a receipt that confirms nothing that was sent.
func (f *flow) nonsense() *failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad == nil {
		return nil
	}
	return failed(diagnose(CauseReceipt), "found the receipt %s, expected one of a message that was sent", quote(*f.bad))
}

// measure sorts the latencies and takes the quantiles, each the smallest latency
// that at least that share of the messages did not exceed.
func (l *LoadResult) measure(latency []time.Duration) {
	if len(latency) == 0 {
		return
	}
	slices.Sort(latency)
	at := func(q float64) time.Duration {
		return latency[min(len(latency)-1, max(0, int(q*float64(len(latency))+0.999999)-1))]
	}
	l.Min, l.Median, l.P90, l.P99, l.Max = latency[0], at(0.5), at(0.9), at(0.99), latency[len(latency)-1]
	l.Histogram = histogram(latency)
}

// histogram counts sorted latencies in buckets whose ends are 1, 2, 5, 10, 20 …
// of a power of ten, from the one that holds the smallest to the one that holds
// the largest.
func histogram(sorted []time.Duration) []Bucket {
	var out []Bucket
	i := 0
	for end, step := 10*time.Microsecond, 0; i < len(sorted); step++ {
		n := i
		for i < len(sorted) && sorted[i] <= end {
			i++
		}
		if i > n || len(out) > 0 {
			out = append(out, Bucket{end, i - n})
		}
		if step%3 == 1 {
			end = end / 2 * 5
		} else {
			end *= 2
		}
	}
	return out
}

package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/server"
)

// What "stompcheck serve" prints: a line for each event.

const (
	// queuedEvents is how many events may wait to be printed.
	queuedEvents = 1024
	// writtenAtOnce is how many bytes of output are gathered at most while there
	// are events to print; no line waits for the next event.
	writtenAtOnce = 16 << 10
	// lastWords is how long the server waits at its end for its output to be
	// taken.
	lastWords = time.Second
)

// eventQueue has the events that are to be printed. Putting one never waits: when
// the queue is full, events are counted instead, until it is half empty again.
type eventQueue struct {
	mu     sync.Mutex
	more   *sync.Cond
	events []queuedEvent
	missed int // since the last event in the queue
	closed bool
}

type queuedEvent struct {
	missed int // how many events before it were not queued
	event  server.Event
}

func newEventQueue() *eventQueue {
	q := &eventQueue{}
	q.more = sync.NewCond(&q.mu)
	return q
}

func (q *eventQueue) put(e server.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.events); n >= queuedEvents || q.missed > 0 && n > queuedEvents/2 {
		q.missed++
		return
	}
	q.events = append(q.events, queuedEvent{q.missed, e})
	q.missed = 0
	q.more.Signal()
}

// take waits for an event and says how many are missing before it. There is none
// if the newest are missing. ok is false at the end.
func (q *eventQueue) take() (missed int, e *server.Event, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.events) == 0 && q.missed == 0 && !q.closed {
		q.more.Wait()
	}
	if len(q.events) == 0 {
		missed, q.missed = q.missed, 0
		return missed, nil, missed > 0
	}
	first := q.events[0]
	q.events[0] = queuedEvent{}
	q.events = q.events[1:]
	return first.missed, &first.event, true
}

// idle reports whether take would wait, or has nothing more to give.
func (q *eventQueue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) == 0 && q.missed == 0
}

func (q *eventQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Signal()
}

// printEvents prints where the server listens, and then the events of a queue until
// it is closed. Output that nobody reads must not hold up the server, so another
// goroutine writes, with a printer of its own: it may still be writing when the
// server ends. Output that cannot be written any more is told failed, and what came
// of it at the end is sent.
func (c *call) printEvents(addr net.Addr, queue *eventQueue, failed func()) <-chan error {
	writer, app, out := *c, *c.app, *c.out
	app.out, writer.app = &out, &app
	lines := bufio.NewWriterSize(out.w, writtenAtOnce)
	out.w = lines
	end := make(chan error, 1)
	go func() {
		defer func() { end <- out.err }()
		writer.printListening(addr)
		for {
			if out.err == nil && queue.idle() {
				out.err = lines.Flush()
			}
			if out.err != nil {
				failed()
				return
			}
			n, e, ok := queue.take()
			if !ok {
				return // it was idle: everything has been flushed
			}
			if n > 0 {
				writer.printNotPrinted(n)
			}
			if e != nil {
				writer.printEvent(*e)
			}
		}
	}()
	return end
}

// eventJSON is a line of output.
type eventJSON struct {
	document
	Time       string        `json:"time"`
	Event      string        `json:"event"`
	Address    string        `json:"address,omitempty"` // of "listening"
	Connection uint64        `json:"connection,omitempty"`
	Remote     string        `json:"remote,omitempty"`
	Peer       string        `json:"peer,omitempty"`
	Message    *eventMessage `json:"message,omitempty"`
	Messages   *int          `json:"messages,omitempty"` // taken, when a connection ends
	NotPrinted int           `json:"notPrinted,omitempty"`
	Detail     string        `json:"detail,omitempty"`
}

type eventMessage struct {
	Type  string `json:"type"`
	ID    string `json:"id"`
	Bytes int    `json:"bytes"`
}

// printListening prints the first line, which scripts read the port from.
func (c *call) printListening(addr net.Addr) {
	if c.text() {
		c.out.printf("listening on %s\n", addr)
		return
	}
	c.emitEvent(eventJSON{document: newDocument("stompcheck-event"), Time: rfc3339(c.sys.now()), Event: "listening", Address: addr.String()})
}

func (c *call) emitEvent(e eventJSON) {
	if err := c.emitLine(e); err != nil && c.out.err == nil {
		c.out.err = err
	}
}

// notPrinted is the event that stands for those that were not printed.
const notPrinted = "not-printed"

// printNotPrinted prints that events are missing here.
func (c *call) printNotPrinted(n int) {
	text := plural2(n, "event was", "events were") + " not printed: the output was not read fast enough"
	now := rfc3339(c.sys.now())
	if !c.text() {
		c.emitEvent(eventJSON{document: newDocument("stompcheck-event"), Time: now, Event: notPrinted, NotPrinted: n, Detail: text})
		return
	}
	c.out.printf("%s  %-*s  %s\n", now, kindWidth, notPrinted, text)
}

// kindWidth is how wide the column of kinds is.
const kindWidth = len(server.ConnectionLimit)

// printEvent prints one event. Calls come one at a time.
func (c *call) printEvent(e server.Event) {
	message := e.Kind == server.Message || e.Kind == server.MessageRefused
	ends := e.Kind == server.Disconnected || e.Kind == server.Ended
	if !c.text() {
		j := eventJSON{document: newDocument("stompcheck-event"), Time: rfc3339(e.Time), Event: string(e.Kind),
			Connection: e.Connection, Remote: e.Remote, Peer: e.Peer, Detail: e.Detail}
		if message {
			j.Message = &eventMessage{e.Type, e.ID, e.Bytes}
		}
		if ends {
			j.Messages = &e.Messages
		}
		c.emitEvent(j)
		return
	}
	st := plain
	switch e.Kind {
	case server.Connected, server.Message:
		st = good
	case server.Refused, server.MessageRefused, server.AcceptTrouble, server.ConnectionLimit:
		st = bad
	}
	line := rfc3339(e.Time) + "  " + c.out.paint(st, string(e.Kind)) + strings.Repeat(" ", kindWidth-len(e.Kind))
	if e.Connection > 0 {
		line += fmt.Sprintf("  #%d", e.Connection)
	}
	for _, s := range []string{shortID(e.Peer), e.Remote} {
		if s != "" {
			line += "  " + safe(s)
		}
	}
	var more []string
	if message {
		more = append(more, e.Type, e.ID, plural(e.Bytes, "byte"))
	}
	if ends {
		more = append(more, plural(e.Messages, "message"))
	}
	if e.Detail != "" {
		more = append(more, e.Detail)
	}
	if len(more) > 0 {
		line += "  " + safe(strings.Join(more, ", "))
	}
	c.out.printf("%s\n", raw(line))
}

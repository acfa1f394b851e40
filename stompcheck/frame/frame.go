package frame

import (
	"fmt"
	"iter"
)

// Commands of STOMP 1.2.
const (
	Stomp       = "STOMP"
	Connect     = "CONNECT"
	Connected   = "CONNECTED"
	Send        = "SEND"
	Subscribe   = "SUBSCRIBE"
	Unsubscribe = "UNSUBSCRIBE"
	Begin       = "BEGIN"
	Commit      = "COMMIT"
	Abort       = "ABORT"
	Ack         = "ACK"
	Nack        = "NACK"
	Disconnect  = "DISCONNECT"
	Message     = "MESSAGE"
	Receipt     = "RECEIPT"
	Error       = "ERROR"
)

// maxCommand is the length of the longest command.
const maxCommand = len(Unsubscribe)

// command returns the constant for b without allocating, or "" if there is no
// such command. Commands are case-sensitive.
func command(b []byte) string {
	switch string(b) {
	case Stomp:
		return Stomp
	case Connect:
		return Connect
	case Connected:
		return Connected
	case Send:
		return Send
	case Subscribe:
		return Subscribe
	case Unsubscribe:
		return Unsubscribe
	case Begin:
		return Begin
	case Commit:
		return Commit
	case Abort:
		return Abort
	case Ack:
		return Ack
	case Nack:
		return Nack
	case Disconnect:
		return Disconnect
	case Message:
		return Message
	case Receipt:
		return Receipt
	case Error:
		return Error
	}
	return ""
}

// escapes reports whether header escapes apply: in every frame but CONNECT and
// CONNECTED, for backward compatibility with STOMP 1.0 ("Value Encoding").
func escapes(command string) bool { return command != Connect && command != Connected }

// Header is one key and value, not escaped.
type Header struct{ Key, Value string }

// Frame is a frame that a Reader read. Its contents are valid until the next
// call of the Reader's Next.
type Frame struct {
	Command string
	Body    []byte // nil or empty if there is none
	headers []span // into text
	text    []byte // keys and values, unescaped
}

// span is where a key and its value lie in Frame.text.
type span struct{ key, value, end int }

// Get returns the value of a header, the first if it is repeated ("Repeated
// Header Entries"), and whether it is there.
func (f *Frame) Get(key string) (value string, ok bool) {
	v, ok := f.get(key)
	return string(v), ok
}

// Value is Get without a copy: the result is valid until the next call of Next.
// It is nil if the header is not there.
func (f *Frame) Value(key string) []byte {
	v, _ := f.get(key)
	return v
}

func (f *Frame) get(key string) ([]byte, bool) {
	for _, s := range f.headers {
		if string(f.text[s.key:s.value]) == key {
			return f.text[s.value:s.end:s.end], true
		}
	}
	return nil, false
}

// Headers yields every header in the order of the frame, repeated ones too.
func (f *Frame) Headers() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, s := range f.headers {
			if !yield(string(f.text[s.key:s.value]), string(f.text[s.value:s.end])) {
				return
			}
		}
	}
}

// Limits of a Reader. The zero value of a field means the field's default, that
// of [DefaultLimits].
type Limits struct {
	HeaderLines int // header lines in a frame
	HeaderField int // bytes of one key, and of one value, before unescaping
	Headers     int // bytes of all header lines of a frame with their line ends
	Body        int // bytes of a body
}

// DefaultLimits are those of the servers in the field (STOMP specification,
// "What real servers do"): a frame that exceeds them would not be taken there.
var DefaultLimits = Limits{HeaderLines: 50, HeaderField: 500, Headers: 4096, Body: 8192}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.HeaderLines, DefaultLimits.HeaderLines)
	set(&l.HeaderField, DefaultLimits.HeaderField)
	set(&l.Headers, DefaultLimits.Headers)
	set(&l.Body, DefaultLimits.Body)
	return l
}

// SyntaxError says that what was read is not a frame of STOMP 1.2.
type SyntaxError struct{ What string }

func (e *SyntaxError) Error() string { return "stomp: " + e.What }

// LimitError says that a frame exceeds a limit.
type LimitError struct {
	What  string // "header lines", "bytes of a body", …
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("stomp: a frame has more than %d %s", e.Limit, e.What)
}

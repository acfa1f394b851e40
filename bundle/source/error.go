package source

import "fmt"

// Kind of an [Error], by what the caller has to say about it.
type Kind uint8

// The kinds.
const (
	// Usage: the name cannot mean anything that is judged.
	Usage Kind = iota + 1
	// Unreadable: it is not there, not a file, or cannot be read.
	Unreadable
	// Refused: it can be had and is not taken: too large, a redirect to
	// somewhere unsafe, a web server that is not who it should be.
	Refused
	// Network: no connection, or one that broke.
	Network
	// Timeout: the time for the whole item is over.
	Timeout
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Usage:
		return "usage"
	case Unreadable:
		return "unreadable"
	case Refused:
		return "refused"
	case Network:
		return "network"
	case Timeout:
		return "timeout"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Error is every error of this package but those of a context that was
// cancelled by the caller.
type Error struct {
	Kind Kind
	Name string // of the item
	Err  error  // what was found and expected
}

// Error is the name and what was found.
func (e *Error) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap returns what was found.
func (e *Error) Unwrap() error { return e.Err }

func failf(kind Kind, name, format string, args ...any) *Error {
	return &Error{kind, name, fmt.Errorf(format, args...)}
}

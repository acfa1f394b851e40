package frame

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Append appends a frame to dst and returns the longer slice. A content-length
// is added if there is a body and no header of that name. On an error dst is
// returned as it was.
//
// Keys and values are escaped, but not in CONNECT and CONNECTED, which have no
// escapes: there a line feed or carriage return, and in keys a colon, is an
// error. A NUL and text that is not UTF-8 is an error everywhere.
func Append(dst []byte, cmd string, headers []Header, body []byte) ([]byte, error) {
	if command([]byte(cmd)) == "" {
		return dst, fmt.Errorf("stomp: found %q, expected a command of STOMP 1.2", cmd)
	}
	out := append(dst, cmd...)
	out = append(out, '\n')
	hasLength := false
	for _, h := range headers {
		if h.Key == "" {
			return dst, fmt.Errorf("stomp: a header with the value %q has no key", h.Value)
		}
		if err := writable(cmd, h); err != nil {
			return dst, err
		}
		hasLength = hasLength || h.Key == "content-length"
		out = appendEscaped(out, h.Key, escapes(cmd))
		out = append(out, ':')
		out = appendEscaped(out, h.Value, escapes(cmd))
		out = append(out, '\n')
	}
	if len(body) > 0 && !hasLength {
		out = append(out, "content-length:"...)
		out = strconv.AppendInt(out, int64(len(body)), 10)
		out = append(out, '\n')
	}
	out = append(out, '\n')
	out = append(out, body...)
	return append(out, 0), nil
}

func writable(cmd string, h Header) error {
	for _, s := range [...]string{h.Key, h.Value} {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return fmt.Errorf("stomp: header %q: found %q, expected UTF-8 without NUL", h.Key, s)
		}
		if !escapes(cmd) && strings.ContainsAny(s, "\r\n") {
			return fmt.Errorf("stomp: header %q of %s: found %q, which cannot be written: %s has no escapes", h.Key, cmd, s, cmd)
		}
	}
	if !escapes(cmd) && strings.IndexByte(h.Key, ':') >= 0 {
		return fmt.Errorf("stomp: header %q of %s: a colon cannot be written in a key: %s has no escapes", h.Key, cmd, cmd)
	}
	return nil
}

func appendEscaped(dst []byte, s string, escape bool) []byte {
	if !escape {
		return append(dst, s...)
	}
	for i := range len(s) {
		switch b := s[i]; b {
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\n':
			dst = append(dst, '\\', 'n')
		case ':':
			dst = append(dst, '\\', 'c')
		case '\\':
			dst = append(dst, '\\', '\\')
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

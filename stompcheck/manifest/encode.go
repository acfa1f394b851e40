package manifest

import (
	"fmt"
	"strings"
)

// Encode returns a stomp.toml with these servers, as the existing tool writes
// it for a new node. The arguments are not judged: parse the result.
func Encode(servers []Server, host, destination string) []byte {
	return (&Manifest{Servers: servers, Host: host, Destination: destination}).Encode()
}

// Encode returns the manifest as a stomp.toml: parsed again it is the same,
// except that unknown keys and comments are not kept. Optional keys stand only
// where there is a value.
func (m *Manifest) Encode() []byte {
	var b strings.Builder
	list := make([]string, len(m.Servers))
	for i, s := range m.Servers {
		list[i] = s.String()
	}
	fmt.Fprintf(&b, "%s = %s\n", keyServers, encodeList(list))
	fmt.Fprintf(&b, "%s = %s\n", keyHost, encodeString(m.Host))
	fmt.Fprintf(&b, "%s = %s\n", keyDestination, encodeString(m.Destination))
	if m.Login != nil {
		fmt.Fprintf(&b, "%s = %s\n", keyLogin, encodeString(*m.Login))
	}
	if m.Passcode != nil {
		fmt.Fprintf(&b, "%s = %s\n", keyPasscode, encodeString(*m.Passcode))
	}
	if len(m.AcceptedContentTypes) > 0 {
		fmt.Fprintf(&b, "%s = %s\n", keyContentTypes, encodeList(m.AcceptedContentTypes))
	}
	return []byte(b.String())
}

func encodeList(items []string) string {
	encoded := make([]string, len(items))
	for i, s := range items {
		encoded[i] = encodeString(s)
	}
	return "[" + strings.Join(encoded, ", ") + "]"
}

// encodeString returns a TOML 1.0 basic string. Bytes that are not UTF-8 become
// U+FFFD: TOML has no way to write them.
func encodeString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

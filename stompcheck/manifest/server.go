package manifest

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of DNS names (RFC 1035, section 2.3.4; 253 is what 255 octets on the
// wire leave for the text form).
const (
	maxNameLength  = 253
	maxLabelLength = 63
)

// ParseServer reads "host:port" or "[ipv6]:port". The host is an IP address
// without a zone, or a DNS name of ASCII letters, digits, hyphens and, since
// they occur, underscores; a dot may end it. The port is 1 to 65535 in decimal
// digits without leading zeros. Nothing is changed: [Server.String] gives s back.
func ParseServer(s string) (Server, error) {
	host, port, err := splitServer(s)
	if err != nil {
		return Server{}, fmt.Errorf("server %s: %w", quote(s), err)
	}
	n, err := parsePort(port)
	if err != nil {
		return Server{}, fmt.Errorf("server %s: %w", quote(s), err)
	}
	return Server{host, n}, nil
}

// splitServer divides s and checks the host.
func splitServer(s string) (host, port string, err error) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, port, ok = strings.Cut(rest, "]:")
		if !ok {
			return "", "", errors.New(`expected "[IPv6 address]:port"`)
		}
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", fmt.Errorf("found %s in brackets, expected an IPv6 address without a zone", quote(host))
		}
		return host, port, nil
	}
	host, port, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return "", "", errors.New(`found no port, expected "host:port"`)
	case strings.Contains(port, ":"):
		return "", "", errors.New(`found more than one colon, expected "host:port", or "[address]:port" for IPv6`)
	}
	return host, port, checkHost(host)
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	// ParseUint takes neither signs nor blanks nor, with base 10, underscores.
	if err != nil || n == 0 || s[0] == '0' {
		return 0, fmt.Errorf("found port %s, expected 1 to 65535", quote(s))
	}
	return uint16(n), nil
}

// checkHost accepts an IPv4 address or a DNS name (RFC 1123, section 2.1, with
// underscores).
func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return nil
	}
	name := strings.TrimSuffix(host, ".")
	if name == "" {
		return errors.New("found no host, expected a DNS name or an IP address")
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("found a name of %d characters, expected at most %d", len(name), maxNameLength)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	// A name whose last label is a number would be taken for an address by some
	// readers and not by others (RFC 1123, section 2.1).
	if isNumber(labels[len(labels)-1]) {
		return fmt.Errorf("found host %s, expected four numbers from 0 to 255 without leading zeros, or a name that does not end in a number", quote(host))
	}
	return nil
}

// isNumber reports whether a label is a number in decimal, octal or hexadecimal
// digits: inet_aton reads all of them, and so do browsers (WHATWG URL, "ends in a
// number checker"; "0x" alone is zero).
func isNumber(label string) bool {
	digits := "0123456789"
	if len(label) >= 2 && (label[:2] == "0x" || label[:2] == "0X") {
		label, digits = label[2:], "0123456789abcdefABCDEF"
	}
	return strings.Trim(label, digits) == ""
}

func checkLabel(label string) error {
	if label == "" || len(label) > maxLabelLength {
		return fmt.Errorf("found a part of the name with %d characters, expected 1 to %d between dots", len(label), maxLabelLength)
	}
	for _, r := range label {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		case r > 0x7f:
			return fmt.Errorf("found %q in the name, expected ASCII: international names are written in their xn-- form", r)
		default:
			return fmt.Errorf("found %q in the name, expected letters, digits and hyphens", r)
		}
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return fmt.Errorf("found %s, expected no hyphen at the ends of a part of the name", quote(label))
	}
	return nil
}

// String is the inverse of [ParseServer].
func (s Server) String() string {
	port := strconv.Itoa(int(s.Port))
	if strings.Contains(s.Host, ":") {
		return "[" + s.Host + "]:" + port
	}
	return s.Host + ":" + port
}

// maxQuote bounds how much of a stranger's text a message repeats, in bytes.
const maxQuote = 80

// quote returns s in quotes, shortened.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.Quote(s[:maxQuote]) + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return strconv.Quote(s)
}

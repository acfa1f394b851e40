package chain

import (
	"fmt"
	"net/url"
	"strings"
)

// violation is a name that constraints do not allow.
type violation struct {
	name     generalName
	expected string
}

// check applies the constraints to names (RFC 5280, 4.2.1.10): none may lie in
// an excluded subtree of its form, and one that has permitted subtrees of its
// form must lie in one of them. It takes the cost of each comparison from *work
// and is false when nothing is left.
func (c *NameConstraints) check(names []generalName, work *int) (*violation, bool) {
	for _, n := range names {
		for _, s := range c.Excluded {
			if s.Form != n.form {
				continue
			}
			if *work -= n.cost(); *work < 0 {
				return nil, false
			}
			if inside, err := s.mayContain(n); err != nil {
				return &violation{n, fmt.Sprintf("a name outside excluded %s (%v)", s, err)}, true
			} else if inside {
				return &violation{n, fmt.Sprintf("a name outside excluded %s", s)}, true
			}
		}
		var permitted []string
		var cause error
		ok := true
		for _, s := range c.Permitted {
			if s.Form != n.form {
				continue
			}
			if *work -= n.cost(); *work < 0 {
				return nil, false
			}
			inside, err := s.contains(n)
			if ok = err == nil && inside; ok {
				break
			}
			if len(permitted) < maxQuoted {
				permitted = append(permitted, s.String())
			}
			cause = err
		}
		if !ok {
			expected := "a name within permitted " + strings.Join(permitted, " or ")
			if cause != nil {
				expected += fmt.Sprintf(" (%v)", cause)
			}
			return &violation{n, expected}, true
		}
	}
	return nil, true
}

// cost of comparing a name once: texts are read again for each comparison.
func (g generalName) cost() int { return 1 + len(g.text)/64 }

// maxQuoted is how many permitted subtrees an error names; a constraint can
// have thousands and a person reads a few.
const maxQuoted = 3

// contains reports whether a name of the same form lies in the subtree. An
// error means that this cannot be known.
func (s Subtree) contains(n generalName) (bool, error) {
	switch s.Form {
	case DirectoryName:
		return n.name.Within(s.Name), nil
	case RFC822Name:
		return s.containsMailbox(n.text)
	case DNSName:
		return s.containsDomain(n.text)
	case URI:
		return s.containsURI(n.text)
	case IPAddress:
		return s.Net.Contains(n.ip), nil
	}
	return false, fmt.Errorf("constraints on %s are not implemented", s.Form)
}

// mayContain is contains for an excluded subtree: false only if the name, and
// everything it can stand for, is known to lie outside.
func (s Subtree) mayContain(n generalName) (bool, error) {
	switch s.Form {
	case DirectoryName:
		return n.name.MayBeWithin(s.Name), nil
	case DNSName:
		inside, err := s.containsDomain(n.text)
		if inside || err != nil {
			return inside, err
		}
		base := strings.TrimPrefix(s.Text, ".")
		if domain, wildcard := strings.CutPrefix(n.text, "*."); wildcard {
			// "*.example.com" stands for hosts in an excluded
			// "host.example.com" too.
			return inDomain(base, domain), nil
		}
		// A leading dot is not in the RFC: the wider reading.
		return equalHosts(n.text, base), nil
	case IPAddress:
		// Programs that compare addresses take ::ffff:192.0.2.1 for 192.0.2.1.
		return s.Net.Contains(n.ip) || s.Net.Contains(n.ip.Unmap()), nil
	}
	return s.contains(n)
}

// containsMailbox: the base is a mailbox, a host (mailboxes on that host alone)
// or a dot and a domain (mailboxes on hosts below it).
func (s Subtree) containsMailbox(mailbox string) (bool, error) {
	local, host, ok := splitMailbox(mailbox)
	if !ok {
		return false, fmt.Errorf("%+q is not a plain mailbox", mailbox)
	}
	if baseLocal, baseHost, ok := splitMailbox(s.Text); ok {
		// Case counts in the local part (RFC 5280, 7.5).
		return local == baseLocal && equalHosts(host, baseHost), nil
	}
	return matchHost(host, s.Text), nil
}

// containsDomain: adding labels to the left of the base gives a name within.
func (s Subtree) containsDomain(domain string) (bool, error) {
	if !isHost(strings.TrimPrefix(domain, "*.")) {
		return false, fmt.Errorf("%+q is not a domain", domain)
	}
	if s.Text == "" {
		return true, nil
	}
	if strings.HasPrefix(s.Text, ".") {
		return matchHost(domain, s.Text), nil
	}
	return inDomain(domain, s.Text), nil
}

// containsURI: the base is a host or a dot and a domain; the name must have a
// host that is not an address.
func (s Subtree) containsURI(uri string) (bool, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return false, fmt.Errorf("%+q is not a URI", uri)
	}
	host := u.Hostname()
	if !isHost(host) || isIPv4(host) {
		return false, fmt.Errorf("%+q has no host that is a domain", uri)
	}
	return matchHost(host, s.Text), nil
}

// matchHost: base is a host, or a dot and a domain that host must be below.
func matchHost(host, base string) bool {
	if domain, ok := strings.CutPrefix(base, "."); ok {
		return inDomain(host, domain) && !equalHosts(host, domain)
	}
	return equalHosts(host, base)
}

// inDomain reports whether host is domain or below it.
func inDomain(host, domain string) bool {
	if domain == "" || equalHosts(host, domain) {
		return true
	}
	cut := len(host) - len(domain)
	return cut > 0 && host[cut-1] == '.' && equalHosts(host[cut:], domain)
}

// equalHosts compares domains without regard to ASCII case. Both have passed
// isHost, or begin with "*.", so there is nothing beyond ASCII in them.
func equalHosts(a, b string) bool { return strings.EqualFold(a, b) }

// Limits of RFC 1035, 2.3.4.
const (
	maxHostBytes  = 253
	maxLabelBytes = 63
)

// isHost reports whether s is a domain: labels of letters, digits, hyphens and,
// as in use, underscores. No trailing dot, no wildcard.
func isHost(s string) bool {
	if len(s) > maxHostBytes {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabelBytes {
			return false
		}
		for _, c := range []byte(label) {
			if !isAlphanumeric(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// isIPv4 reports whether a URI's host would be read as an address: RFC 3986 and
// programs that follow it take one whose last label is a number.
func isIPv4(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Trim(last, "0123456789") == ""
}

// splitMailbox splits local@host. Quoted local parts and address literals are
// refused: programs disagree where the host begins in them.
func splitMailbox(s string) (local, host string, ok bool) {
	local, host, ok = strings.Cut(s, "@")
	if !ok || local == "" || !isHost(host) {
		return "", "", false
	}
	for _, c := range []byte(local) {
		if !isAlphanumeric(c) && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return "", "", false
		}
	}
	return local, host, true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

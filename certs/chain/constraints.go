package chain

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// NameConstraints is a nameConstraints extension (RFC 5280, 4.2.1.10). At least
// one of the lists is not empty.
type NameConstraints struct {
	Permitted, Excluded []Subtree
}

// Subtree is the base of one GeneralSubtree; its minimum and maximum are absent.
type Subtree struct {
	Form Form
	Name name.Name    // DirectoryName
	Text string       // RFC822Name, DNSName and URI, as it is written
	Net  netip.Prefix // IPAddress; host bits are kept as they are
	Raw  []byte       // DER of the GeneralName; [NameConstraints.Marshal] uses it for the other forms only
}

// String names the form and the base, escaped.
func (s Subtree) String() string {
	switch s.Form {
	case DirectoryName:
		return fmt.Sprintf("directoryName %s", s.Name)
	case RFC822Name, DNSName, URI:
		return fmt.Sprintf("%s %+q", s.Form, s.Text)
	case IPAddress:
		return "iPAddress " + s.Net.String()
	}
	return s.Form.String()
}

var (
	tagPermitted = cbasn1.Tag(0).ContextSpecific().Constructed()
	tagExcluded  = cbasn1.Tag(1).ContextSpecific().Constructed()
)

// ParseNameConstraints reads the value of a nameConstraints extension strictly:
// DER and nothing after it, at least one of the two lists, none of them empty,
// no minimum and no maximum (also not a minimum of 0, which DER leaves out), and
// bases that are well-formed: domains, contiguous network masks.
func ParseNameConstraints(der []byte) (*NameConstraints, error) {
	c, err := parseConstraints(der)
	if err != nil {
		return nil, fmt.Errorf("name constraints: %w", err)
	}
	return c, nil
}

func parseConstraints(der []byte) (*NameConstraints, error) {
	input := cryptobyte.String(der)
	var seq, permitted, excluded cryptobyte.String
	var hasPermitted, hasExcluded bool
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("expected one DER SEQUENCE and nothing after it")
	}
	if !seq.ReadOptionalASN1(&permitted, &hasPermitted, tagPermitted) ||
		!seq.ReadOptionalASN1(&excluded, &hasExcluded, tagExcluded) || !seq.Empty() {
		return nil, errors.New("expected permittedSubtrees, excludedSubtrees and nothing else")
	}
	if !hasPermitted && !hasExcluded {
		return nil, errors.New("found neither permittedSubtrees nor excludedSubtrees, expected at least one")
	}
	var c NameConstraints
	var err error
	if hasPermitted {
		if c.Permitted, err = parseSubtrees(permitted); err != nil {
			return nil, fmt.Errorf("permittedSubtrees: %w", err)
		}
	}
	if hasExcluded {
		if c.Excluded, err = parseSubtrees(excluded); err != nil {
			return nil, fmt.Errorf("excludedSubtrees: %w", err)
		}
	}
	return &c, nil
}

func parseSubtrees(list cryptobyte.String) ([]Subtree, error) {
	if list.Empty() {
		return nil, errors.New("found no subtree, expected at least one")
	}
	var subtrees []Subtree
	for i := 1; !list.Empty(); i++ {
		var seq cryptobyte.String
		if !list.ReadASN1(&seq, cbasn1.SEQUENCE) {
			return nil, fmt.Errorf("subtree %d: expected a DER SEQUENCE", i)
		}
		s, err := parseSubtree(seq)
		if err != nil {
			return nil, fmt.Errorf("subtree %d: %w", i, err)
		}
		subtrees = append(subtrees, s)
	}
	return subtrees, nil
}

func parseSubtree(seq cryptobyte.String) (Subtree, error) {
	form, content, element, err := readGeneralName(&seq)
	if err != nil {
		return Subtree{}, err
	}
	if !seq.Empty() {
		return Subtree{}, errors.New("found a minimum or maximum, expected neither (RFC 5280, 4.2.1.10)")
	}
	s := Subtree{Form: form, Raw: []byte(element)}
	switch form {
	case DirectoryName:
		s.Name, err = name.Parse(content)
	case RFC822Name, DNSName, URI:
		if s.Text, err = readIA5(form, content); err == nil {
			err = checkBase(form, s.Text)
		}
	case IPAddress:
		s.Net, err = parseNet(content)
	}
	return s, err
}

// checkBase refuses a base that has no meaning by RFC 5280, 4.2.1.10. An empty
// dNSName is the subtree of all names; a dNSName with a leading dot is not in the
// RFC but in use.
func checkBase(form Form, base string) error {
	host := strings.TrimPrefix(base, ".")
	switch form {
	case DNSName:
		if base == "" {
			return nil
		}
	case RFC822Name:
		if strings.Contains(base, "@") {
			_, _, ok := splitMailbox(base)
			if !ok {
				return fmt.Errorf("rfc822Name: found %+q, expected a mailbox, a host or a dot and a domain", base)
			}
			return nil
		}
	}
	if !isHost(host) {
		return fmt.Errorf("%s: found %+q, expected a domain", form, base)
	}
	return nil
}

func parseNet(content []byte) (netip.Prefix, error) {
	if len(content) != 8 && len(content) != 32 {
		return netip.Prefix{}, fmt.Errorf("iPAddress: found %d bytes, expected an address and a mask, 8 or 32", len(content))
	}
	half := len(content) / 2
	ip, _ := netip.AddrFromSlice(content[:half])
	bits, rest := 0, false
	for _, c := range content[half:] {
		for i := 7; i >= 0; i-- {
			one := c>>i&1 == 1
			if one && rest {
				return netip.Prefix{}, fmt.Errorf("iPAddress: found mask %x, expected ones followed by zeros (RFC 4632)", content[half:])
			}
			if one {
				bits++
			}
			rest = !one
		}
	}
	return netip.PrefixFrom(ip, bits), nil
}

// Marshal is the inverse of [ParseNameConstraints]: the value of the extension.
// It returns an error for what that would refuse.
func (c *NameConstraints) Marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, l := range []struct {
			tag      cbasn1.Tag
			subtrees []Subtree
		}{{tagPermitted, c.Permitted}, {tagExcluded, c.Excluded}} {
			if len(l.subtrees) == 0 {
				continue
			}
			b.AddASN1(l.tag, func(b *cryptobyte.Builder) {
				for _, s := range l.subtrees {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { s.marshal(b) })
				}
			})
		}
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("name constraints: %w", err)
	}
	if _, err := ParseNameConstraints(der); err != nil {
		return nil, err
	}
	return der, nil
}

func (s Subtree) marshal(b *cryptobyte.Builder) {
	switch s.Form {
	case DirectoryName:
		b.AddASN1(forms[s.Form].tag, func(b *cryptobyte.Builder) { b.AddBytes(s.Name.Raw()) })
	case RFC822Name, DNSName, URI:
		b.AddASN1(forms[s.Form].tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s.Text)) })
	case IPAddress:
		b.AddASN1(forms[s.Form].tag, func(b *cryptobyte.Builder) {
			ip := s.Net.Addr().AsSlice()
			mask := make([]byte, len(ip))
			for i := range s.Net.Bits() {
				mask[i/8] |= 0x80 >> (i % 8)
			}
			b.AddBytes(ip)
			b.AddBytes(mask)
		})
	default:
		b.AddBytes(s.Raw)
	}
}

package chain

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Form is one of the forms of GeneralName (RFC 5280, 4.2.1.6): its tag there.
type Form uint8

// The forms, by their names and tags in RFC 5280, 4.2.1.6.
const (
	OtherName     Form = 0
	RFC822Name    Form = 1
	DNSName       Form = 2
	X400Address   Form = 3
	DirectoryName Form = 4
	EDIPartyName  Form = 5
	URI           Form = 6
	IPAddress     Form = 7
	RegisteredID  Form = 8
)

// forms also says what identifier octet each form has in DER: IMPLICIT tags
// are constructed if what they stand for is, and that of a Name is EXPLICIT.
var forms = [...]struct {
	name string
	tag  cbasn1.Tag
}{
	OtherName:     {"otherName", cbasn1.Tag(0).ContextSpecific().Constructed()},
	RFC822Name:    {"rfc822Name", cbasn1.Tag(1).ContextSpecific()},
	DNSName:       {"dNSName", cbasn1.Tag(2).ContextSpecific()},
	X400Address:   {"x400Address", cbasn1.Tag(3).ContextSpecific().Constructed()},
	DirectoryName: {"directoryName", cbasn1.Tag(4).ContextSpecific().Constructed()},
	EDIPartyName:  {"ediPartyName", cbasn1.Tag(5).ContextSpecific().Constructed()},
	URI:           {"uniformResourceIdentifier", cbasn1.Tag(6).ContextSpecific()},
	IPAddress:     {"iPAddress", cbasn1.Tag(7).ContextSpecific()},
	RegisteredID:  {"registeredID", cbasn1.Tag(8).ContextSpecific()},
}

// String returns the name of the form in RFC 5280, for example "directoryName".
func (f Form) String() string {
	if int(f) >= len(forms) {
		return fmt.Sprintf("Form(%d)", uint8(f))
	}
	return forms[f].name
}

// generalName is a name of a certificate: its subject, an emailAddress in that,
// or an element of its subjectAltName.
type generalName struct {
	form Form
	name name.Name  // DirectoryName
	text string     // RFC822Name, DNSName, URI
	ip   netip.Addr // IPAddress
	from string     // "subject" or "subjectAltName"
}

func (g generalName) String() string {
	switch g.form {
	case DirectoryName:
		return fmt.Sprintf("%s directoryName %s", g.from, g.name)
	case RFC822Name, DNSName, URI:
		return fmt.Sprintf("%s %s %+q", g.from, g.form, g.text)
	case IPAddress:
		return fmt.Sprintf("%s iPAddress %s", g.from, g.ip)
	}
	return fmt.Sprintf("%s %s", g.from, g.form)
}

// readGeneralName reads the next GeneralName: its form, its content and the
// whole element.
func readGeneralName(s *cryptobyte.String) (form Form, content, element cryptobyte.String, err error) {
	var tag cbasn1.Tag
	if !s.ReadAnyASN1Element(&element, &tag) {
		return 0, nil, nil, errors.New("found a malformed element, expected a DER GeneralName")
	}
	for f := range forms {
		if forms[f].tag == tag {
			e := element
			e.ReadASN1(&content, tag) // was read just before
			return Form(f), content, element, nil
		}
	}
	return 0, nil, nil, fmt.Errorf("found identifier octet 0x%02x, expected a GeneralName", uint8(tag))
}

// readIA5 refuses what the IA5String of a text form cannot hold.
func readIA5(form Form, content []byte) (string, error) {
	for i, c := range content {
		if c >= 0x80 {
			return "", fmt.Errorf("%s: found byte 0x%02x at offset %d, expected an IA5String", form, c, i)
		}
	}
	return string(content), nil
}

// parseAltNames reads a subjectAltName extension (RFC 5280, 4.2.1.6). That the
// text of a name is a domain, an address or a URI is not asked here but where a
// constraint meets it.
func parseAltNames(der []byte) ([]generalName, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("expected one DER SEQUENCE of GeneralName")
	}
	if seq.Empty() {
		return nil, errors.New("found no names, expected at least one")
	}
	var names []generalName
	for !seq.Empty() {
		form, content, _, err := readGeneralName(&seq)
		if err != nil {
			return nil, err
		}
		g := generalName{form: form, from: "subjectAltName"}
		switch form {
		case RFC822Name, DNSName, URI:
			g.text, err = readIA5(form, content)
		case DirectoryName:
			g.name, err = name.Parse(content)
		case IPAddress:
			var ok bool
			if g.ip, ok = netip.AddrFromSlice(content); !ok {
				err = fmt.Errorf("iPAddress: found %d bytes, expected 4 or 16", len(content))
			}
		}
		if err != nil {
			return nil, err
		}
		names = append(names, g)
	}
	return names, nil
}

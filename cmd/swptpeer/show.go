package main

import (
	"crypto/x509"
	"fmt"

	"github.com/swaptacular/swptpeer/certs"
)

// How certificates, names and keys are shown to people.

// field prints one line of a description.
func (c *call) field(label, value string) {
	c.say("  %-12s %s\n", raw(label), value)
}

func serialText(c *x509.Certificate) string {
	s, err := certs.SerialOf(c)
	if err != nil {
		return "not valid: " + err.Error()
	}
	return s.String()
}

// subnetText shows a subnet with the signed ends that databases are configured
// with.
func subnetText(s certs.Subnet) string {
	if s.IsZero() {
		return "none"
	}
	first, last := s.Signed()
	return fmt.Sprintf("%s (ids %d to %d)", s, first, last)
}

// keyText is a public key in one line.
func keyText(k certs.KeyFacts) string {
	if k.Bits == 0 {
		return k.Algorithm
	}
	return fmt.Sprintf("%s %d bits", k.Algorithm, k.Bits)
}

// extensionText shows an extension in one line.
func extensionText(e certs.ExtensionFacts) string {
	text := e.Name
	if e.Critical {
		text += ", critical"
	}
	const most = 80 // hex digits of what is not known here
	switch {
	case e.Text != "":
		return text + ": " + e.Text
	case len(e.DER) > most:
		return fmt.Sprintf("%s: %s… (%d bytes)", text, e.DER[:most], len(e.DER)/2)
	}
	return text + ": " + e.DER
}

// formText says what a certificate is in the network, by its form alone.
func formText(cert *x509.Certificate) string {
	if kind := certs.KindOf(cert); kind != certs.KindUnknown {
		return string(kind) + " certificate"
	}
	return "none of this network's certificates"
}

// describeCertificate prints what a certificate says.
func (c *call) describeCertificate(title string, cert *x509.Certificate) {
	f := certs.Describe(cert)
	c.say("%s\n", raw(c.out.paint(strong, safe(title))))
	c.field("form", formText(cert))
	c.field("subject", f.Subject)
	if id, err := identityOf(cert.RawSubject); err == nil {
		c.field("node", id.String())
	}
	if f.Issuer != f.Subject {
		c.field("issuer", f.Issuer)
	}
	c.field("serial", serialText(cert))
	c.field("valid", rfc3339(cert.NotBefore)+" to "+rfc3339(cert.NotAfter))
	c.field("public key", keyText(f.Key))
	c.field("fingerprint", "SHA-256 "+f.Key.Fingerprint+" (of the key)")
	c.field("signature", f.SignatureAlgorithm)
	if subnet, err := certs.PeerSubnet(cert); err == nil && !subnet.IsZero() {
		c.field("subnet", subnetText(subnet))
	}
	for _, ext := range f.Extensions {
		c.field("extension", extensionText(ext))
	}
}

// certificateJSON is a certificate in JSON output.
type certificateJSON struct {
	Form           string      `json:"form"`
	Subject        string      `json:"subject"`
	Issuer         string      `json:"issuer"`
	Node           *nodeJSON   `json:"node,omitempty"`
	Serial         string      `json:"serial"`
	NotBefore      string      `json:"notBefore"`
	NotAfter       string      `json:"notAfter"`
	PublicKey      string      `json:"publicKey"`
	KeyFingerprint string      `json:"keyFingerprint"`
	SHA256         string      `json:"certificateSHA256"`
	Subnet         *subnetJSON `json:"subnet,omitempty"`
	Extensions     []string    `json:"extensions"`
}

func certificateOf(cert *x509.Certificate) *certificateJSON {
	f := certs.Describe(cert)
	out := &certificateJSON{
		Form: formText(cert), Subject: f.Subject, Issuer: f.Issuer, Serial: serialText(cert),
		NotBefore: rfc3339(cert.NotBefore), NotAfter: rfc3339(cert.NotAfter), PublicKey: keyText(f.Key),
		KeyFingerprint: f.Key.Fingerprint, SHA256: f.Fingerprint, Extensions: []string{},
	}
	if id, err := identityOf(cert.RawSubject); err == nil {
		out.Node = nodeOf(id)
	}
	if subnet, err := certs.PeerSubnet(cert); err == nil {
		out.Subnet = subnetOf(subnet)
	}
	for _, ext := range f.Extensions {
		out.Extensions = append(out.Extensions, extensionText(ext))
	}
	return out
}

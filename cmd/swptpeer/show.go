package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/chain"
	"github.com/swaptacular/swptpeer/certs/name"
)

// How certificates, names and keys are shown to people.

// field prints one line of a description.
func (c *call) field(label, value string) {
	c.say("  %-12s %s\n", raw(label), value)
}

// nameText is a DER name for people.
func nameText(der []byte) string {
	n, err := name.Parse(der)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	return n.String()
}

func keyText(pub crypto.PublicKey) string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits, e = %d", k.N.BitLen(), k.E)
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", pub)
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

// Object identifiers of the extensions in use (certificates specification).
var extensionNames = map[string]string{
	"2.5.29.14":               "subject key id",
	"2.5.29.15":               "key usage",
	"2.5.29.17":               "subject alternative name",
	"2.5.29.19":               "basic constraints",
	"2.5.29.30":               "name constraints",
	"2.5.29.35":               "authority key id",
	"2.5.29.37":               "extended key usage",
	"2.16.840.1.113730.1.13":  "comment",
	"1.3.6.1.5.5.7.1.1":       "authority information access",
	"2.16.840.1.113730.1.1":   "Netscape certificate type",
	"2.5.29.31":               "CRL distribution points",
	"2.5.29.32":               "certificate policies",
	"1.3.6.1.4.1.11129.2.4.2": "certificate timestamps",
}

// extensionText shows an extension in one line.
func extensionText(ext pkix.Extension) string {
	id := ext.Id.String()
	label, ok := extensionNames[id]
	if !ok {
		label = "extension " + id
	}
	if ext.Critical {
		label += ", critical"
	}
	return label + ": " + extensionValue(id, ext.Value)
}

func extensionValue(id string, der []byte) string {
	switch id {
	case "2.5.29.19":
		var v struct {
			CA      bool `asn1:"optional"`
			PathLen int  `asn1:"optional,default:-1"`
		}
		if exactly(der, &v) {
			text := fmt.Sprintf("CA %t", v.CA)
			if v.PathLen >= 0 {
				text += fmt.Sprintf(", path length %d", v.PathLen)
			}
			return text
		}
	case "2.5.29.15":
		var bits asn1.BitString
		if exactly(der, &bits) {
			return keyUsageText(bits)
		}
	case "2.5.29.37":
		var ids []asn1.ObjectIdentifier
		if exactly(der, &ids) {
			return extKeyUsageText(ids)
		}
	case "2.5.29.14":
		var keyID []byte
		if exactly(der, &keyID) {
			return hex.EncodeToString(keyID)
		}
	case "2.5.29.35":
		var v struct {
			KeyID []byte `asn1:"optional,tag:0"`
		}
		if exactly(der, &v) {
			return hex.EncodeToString(v.KeyID)
		}
	case "2.5.29.30":
		if nc, err := chain.ParseNameConstraints(der); err == nil {
			var parts []string
			for _, s := range nc.Permitted {
				parts = append(parts, "permitted "+s.String())
			}
			for _, s := range nc.Excluded {
				parts = append(parts, "excluded "+s.String())
			}
			return strings.Join(parts, "; ")
		}
	case "2.16.840.1.113730.1.13":
		var text string
		if rest, err := asn1.UnmarshalWithParams(der, &text, "ia5"); err == nil && len(rest) == 0 {
			return `"` + text + `"`
		}
	}
	const most = 40
	if len(der) > most {
		return fmt.Sprintf("%x… (%d bytes)", der[:most], len(der))
	}
	return hex.EncodeToString(der)
}

// exactly decodes DER that must have nothing after it.
func exactly(der []byte, v any) bool {
	rest, err := asn1.Unmarshal(der, v)
	return err == nil && len(rest) == 0
}

func keyUsageText(bits asn1.BitString) string {
	// RFC 5280, 4.2.1.3.
	names := []string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
		"keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}
	var set []string
	for i, n := range names {
		if bits.At(i) == 1 {
			set = append(set, n)
		}
	}
	return strings.Join(set, ", ")
}

func extKeyUsageText(ids []asn1.ObjectIdentifier) string {
	known := map[string]string{"1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth"}
	var out []string
	for _, id := range ids {
		text := id.String()
		if n, ok := known[text]; ok {
			text = n
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// kindOf says what a certificate is in the network, by its form alone.
func kindOf(cert *x509.Certificate) string {
	switch {
	case string(cert.RawSubject) == string(cert.RawIssuer) && cert.IsCA:
		return "root certificate"
	case cert.IsCA:
		return "peer certificate"
	}
	return "server certificate"
}

// describeCertificate prints what a certificate says.
func (c *call) describeCertificate(title string, cert *x509.Certificate) {
	c.say("%s\n", raw(c.out.paint(strong, safe(title))))
	c.field("form", kindOf(cert))
	c.field("subject", nameText(cert.RawSubject))
	if id, err := identityOf(cert.RawSubject); err == nil {
		c.field("node", id.String())
	}
	if string(cert.RawIssuer) != string(cert.RawSubject) {
		c.field("issuer", nameText(cert.RawIssuer))
	}
	c.field("serial", serialText(cert))
	c.field("valid", rfc3339(cert.NotBefore)+" to "+rfc3339(cert.NotAfter))
	c.field("public key", keyText(cert.PublicKey))
	c.field("fingerprint", "SHA-256 "+certs.KeyFingerprint(cert.RawSubjectPublicKeyInfo)+" (of the key)")
	c.field("signature", cert.SignatureAlgorithm.String())
	if subnet, err := certs.PeerSubnet(cert); err == nil && !subnet.IsZero() {
		c.field("subnet", subnetText(subnet))
	}
	for _, ext := range cert.Extensions {
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
	digest := sha256.Sum256(cert.Raw)
	out := &certificateJSON{
		Form: kindOf(cert), Subject: nameText(cert.RawSubject), Issuer: nameText(cert.RawIssuer), Serial: serialText(cert),
		NotBefore: rfc3339(cert.NotBefore), NotAfter: rfc3339(cert.NotAfter), PublicKey: keyText(cert.PublicKey),
		KeyFingerprint: certs.KeyFingerprint(cert.RawSubjectPublicKeyInfo), SHA256: hex.EncodeToString(digest[:]),
		Extensions: []string{},
	}
	if id, err := identityOf(cert.RawSubject); err == nil {
		out.Node = nodeOf(id)
	}
	if subnet, err := certs.PeerSubnet(cert); err == nil {
		out.Subnet = subnetOf(subnet)
	}
	for _, ext := range cert.Extensions {
		out.Extensions = append(out.Extensions, extensionText(ext))
	}
	return out
}

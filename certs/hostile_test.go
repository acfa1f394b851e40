package certs

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// lies are what a certificate may say that is not so: each field, and each
// extension that it has.
func lies(w *world, c *Certificate) map[string]func(l *lie) {
	other := newEC(elliptic.P256())
	all := map[string]func(l *lie){
		"version 1":                     func(l *lie) { l.version = 0 },
		"version 2":                     func(l *lie) { l.version = 1 },
		"no version":                    func(l *lie) { l.version = -1 },
		"version 4":                     func(l *lie) { l.version = 3 },
		"serial below zero":             func(l *lie) { l.serial = []byte{0x80} },
		"serial zero":                   func(l *lie) { l.serial = []byte{0} },
		"serial of 21 bytes":            func(l *lie) { l.serial = append([]byte{1}, make([]byte, 20)...) },
		"serial with a leading zero":    func(l *lie) { l.serial = []byte{0, 1} },
		"an algorithm it is not":        func(l *lie) { l.algorithm = sha256RSA },
		"another issuer":                func(l *lie) { l.issuer = w.da.root.RawSubject },
		"no issuer":                     func(l *lie) { l.issuer = simpleName() },
		"begins later":                  func(l *lie) { l.from = timeOf(at.AddDate(0, 0, 1)) },
		"has ended":                     func(l *lie) { l.to = timeOf(at.AddDate(0, 0, -1)) },
		"ends before it begins":         func(l *lie) { l.from, l.to = timeOf(at.AddDate(1, 0, 0)), timeOf(at.AddDate(-1, 0, 0)) },
		"a time that is text":           func(l *lie) { l.to = lieTime{cbasn1.UTF8String, l.to.text} },
		"a time of 13 months":           func(l *lie) { l.to = lieTime{cbasn1.UTCTime, "271323000000Z"} },
		"a GeneralizedTime with a zone": func(l *lie) { l.to = lieTime{cbasn1.GeneralizedTime, "20271123000000+0100"} },
		"another node's name":           func(l *lie) { l.subject = w.da.root.RawSubject },
		"no name":                       func(l *lie) { l.subject = simpleName() },
		"a name without an id":          func(l *lie) { l.subject = simpleName(o(Organization), ou(agents)) },
		"a name of two ids":             func(l *lie) { l.subject = simpleName(o(Organization), ou(agents), sn(w.ca.id.ID()), sn(w.da.id.ID())) },
		"another key":                   func(l *lie) { l.spki = spkiOf(other.Public()) },
		"a key that is none":            func(l *lie) { l.spki = []byte{0x30, 0} },
		"a changed signature":           func(l *lie) { l.spoil = true },
		"no extensions":                 func(l *lie) { l.extensions = nil },
		"a critical unknown extension":  func(l *lie) { l.add(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0}) },
		"critical policy constraints":   func(l *lie) { l.add(asn1.ObjectIdentifier{2, 5, 29, 36}, true, []byte{0x30, 3, 0x80, 1, 0}) },
		"constraints to another": func(l *lie) {
			l.drop(oidNameConstraints)
			l.add(oidNameConstraints, true, nameConstraintsDER(w.da.root.RawSubject))
		},
		"constraints that may be ignored": func(l *lie) {
			l.drop(oidNameConstraints)
			l.add(oidNameConstraints, false, nameConstraintsDER(w.da.root.RawSubject))
		},
		"an alternative name of somebody":  func(l *lie) { l.add(asn1.ObjectIdentifier{2, 5, 29, 17}, true, directoryAltName(w.da.root.RawSubject)) },
		"no certificate authority, signer": func(l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{false, -1}.der() },
		"a certificate authority":          func(l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{true, 5}.der() },
		"a key for encipherment":           func(l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(x509.KeyUsageKeyEncipherment) },
	}
	for _, e := range c.Extensions {
		oid := e.Id
		for what, change := range map[string]func(l *lie, e *lieExtension){
			"dropped":         func(l *lie, _ *lieExtension) { l.drop(oid) },
			"twice":           func(l *lie, e *lieExtension) { l.add(oid, e.critical, e.value) },
			"critical or not": func(_ *lie, e *lieExtension) { e.critical = !e.critical },
			"empty":           func(_ *lie, e *lieExtension) { e.value = nil },
			"NULL":            func(_ *lie, e *lieExtension) { e.value = []byte{5, 0} },
			"trailing":        func(_ *lie, e *lieExtension) { e.value = append(e.value, 0) },
			"cut short":       func(_ *lie, e *lieExtension) { e.value = e.value[:len(e.value)-1] },
		} {
			all[shortExtensionNames[oid.String()]+" "+what] = func(l *lie) { change(l, l.ext(oid)) }
		}
	}
	return all
}

var shortExtensionNames = map[string]string{
	"2.5.29.14": "subjectKeyIdentifier", "2.5.29.35": "authorityKeyIdentifier", "2.5.29.19": "basicConstraints", "2.5.29.15": "keyUsage",
	"2.5.29.37": "extKeyUsage", "2.5.29.30": "nameConstraints", "2.16.840.1.113730.1.13": "comment",
}

func directoryAltName(raw []byte) []byte {
	name := must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: raw}))
	return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: name}))
}

// mayLie are the lies that make no difference to a path when the right key signed
// them. Nobody but the node itself can: what it signs wrongly is its own loss, and
// package certs finds it where certificates are issued and audited.
var mayLie = map[string][]string{
	// A root is a name and a key that somebody chose to trust; what else it says
	// is judged by CheckRoot, before it is trusted.
	"root": {"a certificate authority"}, // of another path length
	"peer": {
		"serial zero", "serial of 21 bytes", "a GeneralizedTime with a zone", "a certificate authority", "an alternative name of somebody",
		"subjectKeyIdentifier dropped", "subjectKeyIdentifier trailing", "authorityKeyIdentifier dropped", "authorityKeyIdentifier trailing",
		"keyUsage dropped", "keyUsage trailing", "keyUsage critical or not", "basicConstraints trailing", "basicConstraints critical or not",
		// The subnet has no part in a connection; see CheckPeer.
		"comment dropped", "comment empty", "comment NULL", "comment trailing", "comment cut short",
	},
	"server": {
		"serial zero", "serial of 21 bytes", "a GeneralizedTime with a zone", "no certificate authority, signer",
		"another key", // whose possession TLS proves
		"subjectKeyIdentifier dropped", "subjectKeyIdentifier trailing", "authorityKeyIdentifier dropped", "authorityKeyIdentifier trailing",
		"keyUsage critical or not", "extKeyUsage critical or not",
		// There is nothing below a leaf to constrain.
		"constraints to another", "constraints that may be ignored",
	},
}

// TestChainsThatLie: a chain root → peer certificate → server certificate in
// which one of the three lies in one field. Signed by a stranger, it is never
// accepted. Signed by the right key, it never makes another node of the peer, and
// it is accepted only where mayLie says so.
func TestChainsThatLie(t *testing.T) {
	w := theWorld()
	stranger := newEC(elliptic.P256())
	roles := []struct {
		name string
		cert *Certificate
		key  crypto.Signer
	}{{"root", w.aa.root, w.aa.key}, {"peer", w.aaToCA, w.aa.key}, {"server", w.server, w.ca.key}}
	tried, accepted := 0, 0
	for i, role := range roles {
		met := map[string]bool{}
		for what, change := range lies(w, role.cert) {
			for _, signer := range []crypto.Signer{role.key, stranger} {
				l := retell(role.cert, signer)
				change(l)
				tried++
				c, err := ParseCertificate(l.file())
				if err != nil {
					continue
				}
				chain := []*Certificate{w.aa.root, w.aaToCA, w.server}
				chain[i] = c
				if i == 0 && !CheckRoot(c, at).OK(false) {
					continue
				}
				id, err := VerifyClient(plain(chain[2], chain[1]), chain[0].Certificate, at)
				if (err == nil) == id.IsZero() {
					t.Errorf("%s, %s: found %v beside %v", role.name, what, id, err)
				}
				if err != nil {
					continue
				}
				accepted++
				if id != w.ca.id {
					t.Errorf("%s, %s: accepted as %v", role.name, what, id)
				}
				if signer == stranger {
					t.Errorf("%s, %s: accepted, and signed by a stranger", role.name, what)
				}
				if met[what] = true; !slices.Contains(mayLie[role.name], what) {
					t.Errorf("%s, %s: accepted", role.name, what)
				}
			}
		}
		for _, what := range mayLie[role.name] {
			if !met[what] {
				t.Errorf("%s, %s: not accepted, expected that it makes no difference", role.name, what)
			}
		}
	}
	if tried < 300 {
		t.Errorf("tried %d chains, expected hundreds", tried)
	}
	t.Logf("%d chains, %d accepted", tried, accepted)
}

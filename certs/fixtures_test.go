package certs

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// world is three nodes and what they issued to each other.
type world struct {
	aa, ca, da       *testNode
	aaToCA, aaToDA   *Certificate
	caToAA           *Certificate
	server           *Certificate // ca's
	serverReq, caReq *Request
}

var theWorld = sync.OnceValue(func() *world {
	t := &testing.T{}
	w := &world{aa: newNode(t, AccountingAuthority), ca: newNode(t, CreditorsAgent), da: newNode(t, DebtorsAgent)}
	w.aaToCA = w.aa.certify(t, w.ca, "000001")
	w.aaToDA = w.aa.certify(t, w.da, "1234abcd00")
	w.caToAA = w.ca.certify(t, w.aa, "")
	w.server = w.ca.server(t)
	w.serverReq = must(NewServerRequest(newEC(elliptic.P256()), w.ca.root.RawSubject))
	w.caReq = w.ca.req
	return w
})

// A fixture is the truth with one lie in it, and the rules that have to fail.
type fixture struct {
	name  string
	fails string // ids of exactly the rules that fail, in order, separated by blanks
	found string // part of what the first failure found; "" is not looked at
	make  func(t *testing.T, w *world) *check.Report
}

// rootLie judges a lie about the creditors agent's root certificate.
func rootLie(change func(w *world, l *lie)) func(*testing.T, *world) *check.Report {
	return func(t *testing.T, w *world) *check.Report {
		l := retell(w.ca.root, w.ca.key)
		change(w, l)
		return CheckRoot(l.tell(t), at)
	}
}

// peerLie judges a lie about what the authority issued to the creditors agent.
func peerLie(change func(w *world, l *lie)) func(*testing.T, *world) *check.Report {
	return func(t *testing.T, w *world) *check.Report {
		l := retell(w.aaToCA, w.aa.key)
		change(w, l)
		return CheckPeer(l.tell(t), w.aa.root.Certificate, w.ca.root.Certificate, at)
	}
}

// debtorLie judges a lie about what the authority issued to the debtors agent.
func debtorLie(change func(w *world, l *lie)) func(*testing.T, *world) *check.Report {
	return func(t *testing.T, w *world) *check.Report {
		l := retell(w.aaToDA, w.aa.key)
		change(w, l)
		return CheckPeer(l.tell(t), w.aa.root.Certificate, w.da.root.Certificate, at)
	}
}

// serverLie judges a lie about the creditors agent's server certificate.
func serverLie(change func(w *world, l *lie)) func(*testing.T, *world) *check.Report {
	return func(t *testing.T, w *world) *check.Report {
		l := retell(w.server, w.ca.key)
		change(w, l)
		return CheckServer(l.tell(t), w.ca.root.Certificate, at)
	}
}

// subjectLie judges a root certificate of another name.
func subjectLie(raw func(id string) []byte) func(*testing.T, *world) *check.Report {
	return rootLie(func(w *world, l *lie) {
		l.subject = raw(w.ca.id.ID())
		l.issuer = l.subject
	})
}

// requestLie judges a request made of the template, signed with the agent's key.
func requestLie(change func(w *world, r *x509.CertificateRequest) crypto.Signer) func(*testing.T, *world) *check.Report {
	return func(t *testing.T, w *world) *check.Report {
		template := &x509.CertificateRequest{RawSubject: w.ca.root.RawSubject}
		for _, e := range w.caReq.Extensions {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
		key := change(w, template)
		der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
		if err != nil {
			t.Fatal(err)
		}
		r := must(x509.ParseCertificateRequest(der))
		return CheckRequest(&Request{r, EncodeRequest(r)}, w.ca.root.Certificate)
	}
}

func o(v string) rdn  { return part(name.Organization, v) }
func ou(v string) rdn { return part(name.OrganizationalUnit, v) }
func sn(v string) rdn { return rdn{name.SerialNumber, cbasn1.PrintableString, v} }

const agents = "Creditors Agents"

var fixtures = []fixture{
	// Names.
	{"name: not a name", "name.encoding", "", func(*testing.T, *world) *check.Report {
		r := &check.Report{}
		checkRawName(r, []byte{0x30, 0x03, 0x31, 0x01, 0x00}, nil, "subject")
		return r
	}},
	{"name: two attributes in one part", "name.single-valued name.extra", "2 attributes", subjectLie(func(id string) []byte {
		return rawName([]rdn{o(Organization)}, []rdn{ou(agents)}, []rdn{part(oidCommonName, "x"), sn(id)})
	})},
	{"name: other registry", "name.organization", `"Swaptacular Node Registry"`, subjectLie(func(id string) []byte { return simpleName(o("Swaptacular Node Registry"), ou(agents), sn(id)) })},
	{"name: no registry", "name.organization name.order", "no O", subjectLie(func(id string) []byte { return simpleName(ou(agents), sn(id)) })},
	{"name: two registries", "name.organization name.order", "2 O attributes", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), sn(id), o("Another"))
	})},
	{"name: unknown unit", "name.unit", `"Creditor Agents"`, subjectLie(func(id string) []byte { return simpleName(o(Organization), ou("Creditor Agents"), sn(id)) })},
	{"name: upper-case id", "name.serial", "", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), sn(strings.Repeat("A", 32)))
	})},
	{"name: id with a line end", "name.serial", "", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), part(name.SerialNumber, id+"\n"))
	})},
	{"name: id with a blank", "name.serial", "", subjectLie(func(id string) []byte { return simpleName(o(Organization), ou(agents), sn(" "+id)) })},
	{"name: id of 31 digits", "name.serial", "", subjectLie(func(id string) []byte { return simpleName(o(Organization), ou(agents), sn(id[1:])) })},
	{"name: id of 33 digits", "name.serial", "", subjectLie(func(id string) []byte { return simpleName(o(Organization), ou(agents), sn(id+"0")) })},
	{"name: an authority's width on an agent", "name.serial", "", subjectLie(func(id string) []byte { return simpleName(o(Organization), ou(agents), sn("1234abcd")) })},
	{"name: a path for an id", "name.serial", "", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), part(name.SerialNumber, "../../../etc"))
	})},
	{"name: two ids", "name.serial name.order", "2 serialNumber attributes", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), sn(id), sn(strings.Repeat("a", 32)))
	})},
	{"name: other order", "name.order", "OU, O, serialNumber", subjectLie(func(id string) []byte { return simpleName(ou(agents), o(Organization), sn(id)) })},
	{"name: something before", "name.order name.extra", "", subjectLie(func(id string) []byte {
		return simpleName(part(oidCommonName, "x"), o(Organization), ou(agents), sn(id))
	})},
	{"name: something after", "name.extra", "2.5.4.3", subjectLie(func(id string) []byte {
		return simpleName(o(Organization), ou(agents), sn(id), part(oidCommonName, "x"))
	})},
	{"name: id of another key", "name.serial-hash", "", subjectLie(func(id string) []byte { return simpleName(o(Organization), ou(agents), sn(strings.Repeat("0", 32))) })},

	// The file.
	{"file: CR LF", "pem.lf", "line 1 ends in CR LF", rootLie(func(_ *world, l *lie) { l.crlf = true })},
	{"file: root twice", "root.single", "found 2 CERTIFICATE blocks", func(_ *testing.T, w *world) *check.Report {
		_, r := CheckRootFile(bytes.Repeat(w.ca.root.File, 2), at)
		return r
	}},
	{"file: no root", "root.single", "no certificate", func(*testing.T, *world) *check.Report { return CheckRoot(nil, at) }},
	{"file: of another root", "root.single", "another certificate", func(_ *testing.T, w *world) *check.Report {
		return CheckRoot(&Certificate{w.ca.root.Certificate, w.da.root.File}, at)
	}},
	{"file: a key beside the peer certificate", "cert.single pem.lf", "private key", func(_ *testing.T, w *world) *check.Report {
		file := slices.Concat(w.aaToCA.File, must(EncodePrivateKey(w.aa.key)))
		return CheckPeer(&Certificate{w.aaToCA.Certificate, file}, w.aa.root.Certificate, w.ca.root.Certificate, at)
	}},
	{"file: no peer certificate", "cert.single", "", func(_ *testing.T, w *world) *check.Report {
		return CheckPeer(w.aaToCA, nil, w.ca.root.Certificate, at)
	}},
	{"file: no server certificate", "cert.single", "", func(_ *testing.T, w *world) *check.Report {
		return CheckServer(&Certificate{}, w.ca.root.Certificate, at)
	}},

	// RFC 5280.
	{"cert: version 1", "cert.version peer.subnet peer.basic-constraints peer.key-usage peer.name-constraints peer.subject-key-id peer.authority-key-id", "version 1", peerLie(func(_ *world, l *lie) {
		l.version, l.extensions = -1, nil
	})},
	{"cert: serial 0", "cert.serial", "not positive", rootLie(func(_ *world, l *lie) { l.serial = []byte{0} })},
	{"cert: serial of 21 octets", "cert.serial", "21 octets", rootLie(func(_ *world, l *lie) { l.serial = append([]byte{0x00}, bytes.Repeat([]byte{0xff}, 20)...) })},
	{"cert: end as UTCTime without seconds", "cert.validity-encoding server.lifetime", "", serverLie(func(_ *world, l *lie) { l.to = lieTime{cbasn1.UTCTime, "4911301200Z"} })},
	{"cert: end as GeneralizedTime too early", "cert.validity-encoding", "for the year 2027", serverLie(func(_ *world, l *lie) { l.to = lieTime{cbasn1.GeneralizedTime, "20271201120000Z"} })},
	{"cert: end before beginning", "cert.validity-order cert.validity", "", serverLie(func(_ *world, l *lie) { l.to = lieTime{cbasn1.UTCTime, "261130120000Z"} })},
	{"cert: not yet valid", "cert.validity", "not yet valid: it begins at 2026-12-01T12:00:01Z", serverLie(func(_ *world, l *lie) { l.from = lieTime{cbasn1.UTCTime, "261201120001Z"} })},
	{"cert: expired", "cert.validity", "expired: it ended at 2026-12-01T11:59:59Z", serverLie(func(_ *world, l *lie) {
		l.from, l.to = lieTime{cbasn1.UTCTime, "251201120001Z"}, lieTime{cbasn1.UTCTime, "261201115959Z"}
	})},
	{"cert: an extension twice", "cert.extensions-unique", "keyUsage", func(_ *testing.T, w *world) *check.Report {
		// crypto/x509 reads no such certificate; see TestDuplicateExtension.
		c := *w.ca.root.Certificate
		c.Extensions = append(slices.Clone(c.Extensions), *findExtension(c.Extensions, oidKeyUsage))
		return CheckRoot(&Certificate{&c, w.ca.root.File}, at)
	}},
	{"cert: unknown critical extension", "cert.critical cert.extra", "1.2.3.4", rootLie(func(_ *world, l *lie) { l.add(asn1.ObjectIdentifier{1, 2, 3, 4}, true, []byte{5, 0}) })},
	{"cert: unknown extension", "cert.extra", "1.2.3.4", rootLie(func(_ *world, l *lie) { l.add(asn1.ObjectIdentifier{1, 2, 3, 4}, false, []byte{5, 0}) })},
	{"cert: a root with name constraints", "cert.critical cert.extra", "nameConstraints", rootLie(func(w *world, l *lie) {
		l.add(oidNameConstraints, true, nameConstraintsDER(w.ca.root.RawSubject))
	})},

	// Keys.
	{"key: Ed25519", "key.algorithm key.strength key.signature-algorithm name.serial-hash root.self-signed", "ed25519", rootLie(func(_ *world, l *lie) {
		_, k, _ := ed25519.GenerateKey(rand.Reader)
		l.reKey(k)
	})},
	{"key: P-224", "key.algorithm key.strength name.serial-hash", "ECDSA P-224", rootLie(func(_ *world, l *lie) { l.reKey(newEC(elliptic.P224())) })},
	{"key: P-521", "key.algorithm key.strength name.serial-hash", "ECDSA P-521", rootLie(func(_ *world, l *lie) { l.reKey(newEC(elliptic.P521())) })},
	{"key: RSA 1024", "key.strength name.serial-hash", "RSA of 1024 bits", rootLie(func(_ *world, l *lie) { l.reKey(weakRSA()) })},
	{"key: RSA of 100,000 bits", "key.strength name.serial-hash root.self-signed", "RSA of 100000 bits, expected at most 8192", rootLie(func(_ *world, l *lie) {
		n := new(big.Int).Lsh(big.NewInt(1), 100_000-1)
		l.spki = spkiOf(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 1<<31 - 1})
		l.ext(oidSubjectKeyID).value = octetStringDER(must(subjectKeyID(l.spki)))
		l.key, l.algorithm = modestRSA(), sha256RSA
	})},
	{"key: SHA-1", "key.signature-algorithm name.serial-hash root.self-signed", "SHA1-RSA", rootLie(func(_ *world, l *lie) {
		l.reKey(modestRSA())
		l.algorithm = sha1RSA
	})},

	// Root certificates.
	{"root: signature spoiled", "root.self-signed", "", rootLie(func(_ *world, l *lie) { l.spoil = true })},
	{"root: signed by another", "root.self-signed", "", rootLie(func(w *world, l *lie) { l.key = w.aa.key })},
	{"root: another issuer", "root.self-signed", "Accounting Authorities", rootLie(func(w *world, l *lie) { l.issuer = w.aa.root.RawSubject })},
	{"root: version 2", "root.version root.basic-constraints root.key-usage root.subject-key-id", "version 2", rootLie(func(_ *world, l *lie) { l.version, l.extensions = 1, nil })},
	{"root: no basicConstraints", "root.basic-constraints", "no such extension", rootLie(func(_ *world, l *lie) { l.drop(oidBasicConstraints) })},
	{"root: basicConstraints not critical", "root.basic-constraints", "not critical", rootLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).critical = false })},
	{"root: CA false", "root.basic-constraints", "CA false", rootLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{pathLen: -1}.der() })},
	{"root: path length 0", "root.basic-constraints", "path length 0", rootLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{true, 0}.der() })},
	{"root: keyUsage not critical", "root.key-usage", "not critical", rootLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).critical = false })},
	{"root: no keyCertSign", "root.key-usage", "cRLSign", rootLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(x509.KeyUsageCRLSign) })},
	{"root: no key id", "root.subject-key-id", "no such extension", rootLie(func(_ *world, l *lie) { l.drop(oidSubjectKeyID) })},
	{"root: key id of something else", "root.subject-key-id", "", rootLie(func(_ *world, l *lie) { l.ext(oidSubjectKeyID).value[5] ^= 1 })},
	{"root: a unique identifier of the issuer", "cert.unique-identifiers", "", rootLie(func(_ *world, l *lie) { l.uniqueID = 1 })},
	{"root: a unique identifier of the subject", "cert.unique-identifiers", "", rootLie(func(_ *world, l *lie) { l.uniqueID = 2 })},
	{"root: authority key id of another", "root.authority-key-id", "not critical, 0102", rootLie(func(_ *world, l *lie) {
		l.add(oidAuthorityKeyID, false, authorityKeyIDDER([]byte{1, 2}))
	})},
	{"root: authority key id that is none", "root.authority-key-id", "without a key id", rootLie(func(_ *world, l *lie) {
		l.add(oidAuthorityKeyID, false, []byte{0x30, 0})
	})},
	{"root: no key id, and an empty authority key id", "root.subject-key-id root.authority-key-id", "no such extension", rootLie(func(_ *world, l *lie) {
		l.drop(oidSubjectKeyID)
		l.add(oidAuthorityKeyID, false, authorityKeyIDDER(nil))
	})},
	{"root: ends a year too early", "root.lifetime", "ends 2525-12-31T23:59:59Z", rootLie(func(_ *world, l *lie) { l.to = lieTime{cbasn1.GeneralizedTime, "25251231235959Z"} })},

	// Peer certificates.
	{"peer: two agents", "peer.pair", "a creditors agent and a debtors agent", func(t *testing.T, w *world) *check.Report {
		l := retell(w.aaToDA, w.ca.key)
		l.issuer = w.ca.root.RawSubject
		l.ext(oidAuthorityKeyID).value = authorityKeyIDDER(w.ca.root.SubjectKeyId)
		l.ext(oidNetscapeComment).value = commentDER(Subnet{})
		return CheckPeer(l.tell(t), w.ca.root.Certificate, w.da.root.Certificate, at)
	}},
	{"peer: the id of another agent", "peer.serial-hash", "", func(t *testing.T, w *world) *check.Report {
		thief := must(NewIdentity(CreditorsAgent, strings.Repeat("0", 32)))
		root := retell(w.ca.root, w.ca.key)
		root.subject, root.issuer = thief.RawName(), thief.RawName()
		l := retell(w.aaToCA, w.aa.key)
		l.subject = thief.RawName()
		l.ext(oidNameConstraints).value = nameConstraintsDER(thief.RawName())
		return CheckPeer(l.tell(t), w.aa.root.Certificate, root.tell(t).Certificate, at)
	}},
	{"peer: same name in other bytes", "peer.subject", "", peerLie(func(w *world, l *lie) {
		l.subject = simpleName(o(Organization), ou(agents), part(name.SerialNumber, w.ca.id.ID()))
	})},
	{"peer: another key", "peer.public-key peer.subject-key-id", "", peerLie(func(w *world, l *lie) { l.spki = spkiOf(newEC(elliptic.P256()).Public()) })},
	{"peer: another issuer", "peer.issuer", "Debtors Agents", peerLie(func(w *world, l *lie) { l.issuer = w.da.root.RawSubject })},
	{"peer: signed by another", "peer.issuer", "", peerLie(func(w *world, l *lie) { l.key = w.ca.key })},
	{"peer: CA false", "peer.basic-constraints", "CA false", peerLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).value = []byte{0x30, 0x00} })},
	{"peer: basicConstraints not critical", "peer.basic-constraints", "not critical", peerLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).critical = false })},
	{"peer: no keyCertSign", "peer.key-usage", "digitalSignature", peerLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(x509.KeyUsageDigitalSignature) })},
	{"peer: for signing code", "cert.extra cert.purpose", "extKeyUsage", peerLie(func(_ *world, l *lie) {
		l.add(oidExtendedKeyUsage, false, must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 3}})))
	})},
	{"peer: for servers only", "cert.extra cert.purpose", "extKeyUsage", peerLie(func(_ *world, l *lie) {
		l.add(oidExtendedKeyUsage, false, must(asn1.Marshal([]asn1.ObjectIdentifier{oidServerAuth})))
	})},
	{"peer: for clients and servers", "cert.extra", "", peerLie(func(_ *world, l *lie) {
		l.add(oidExtendedKeyUsage, false, must(asn1.Marshal([]asn1.ObjectIdentifier{oidClientAuth, oidServerAuth})))
	})},
	{"root: for signing code", "cert.extra cert.purpose", "", rootLie(func(_ *world, l *lie) {
		l.add(oidExtendedKeyUsage, false, must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 3}})))
	})},
	{"peer: no nameConstraints", "peer.name-constraints", "no such extension", peerLie(func(_ *world, l *lie) { l.drop(oidNameConstraints) })},
	{"peer: nameConstraints not critical", "peer.name-constraints", "not critical", peerLie(func(_ *world, l *lie) { l.ext(oidNameConstraints).critical = false })},
	{"peer: nameConstraints of another", "peer.name-constraints", "", peerLie(func(w *world, l *lie) { l.ext(oidNameConstraints).value = nameConstraintsDER(w.da.root.RawSubject) })},
	{"peer: nameConstraints without the id", "peer.name-constraints", "", peerLie(func(_ *world, l *lie) {
		l.ext(oidNameConstraints).value = nameConstraintsDER(simpleName(o(Organization), ou(agents)))
	})},
	{"peer: nameConstraints that go on", "peer.name-constraints", "", peerLie(func(w *world, l *lie) {
		l.ext(oidNameConstraints).value = nameConstraintsDER(simpleName(o(Organization), ou(agents), sn(w.ca.id.ID()), part(oidCommonName, "x")))
	})},
	{"peer: two permitted names", "peer.name-constraints", "more than one permitted subtree", peerLie(func(w *world, l *lie) {
		one := nameConstraintsDER(w.ca.root.RawSubject)[4:]
		l.ext(oidNameConstraints).value = wrapSequence(wrapTag(0xa0, bytes.Repeat(one, 2)))
	})},
	{"peer: an excluded name too", "peer.name-constraints", "something beside", peerLie(func(w *world, l *lie) {
		one := nameConstraintsDER(w.ca.root.RawSubject)[4:]
		l.ext(oidNameConstraints).value = wrapSequence(slices.Concat(wrapTag(0xa0, one), wrapTag(0xa1, one)))
	})},
	{"peer: a constraint with a minimum", "peer.name-constraints", "minimum or maximum", peerLie(func(w *world, l *lie) {
		dir := nameConstraintsDER(w.ca.root.RawSubject)[6:]
		l.ext(oidNameConstraints).value = wrapSequence(wrapTag(0xa0, wrapSequence(slices.Concat(dir, []byte{0x80, 1, 0}))))
	})},
	{"peer: no key id", "peer.subject-key-id", "", peerLie(func(_ *world, l *lie) { l.drop(oidSubjectKeyID) })},
	{"peer: no authority key id", "peer.authority-key-id", "no such extension", peerLie(func(_ *world, l *lie) { l.drop(oidAuthorityKeyID) })},
	{"peer: another authority key id", "peer.authority-key-id", "", peerLie(func(w *world, l *lie) { l.ext(oidAuthorityKeyID).value = authorityKeyIDDER(w.ca.root.SubjectKeyId) })},
	{"peer: issuer and serial beside the key id", "peer.authority-key-id", "beside it", peerLie(func(w *world, l *lie) {
		l.ext(oidAuthorityKeyID).value = wrapSequence(slices.Concat(wrapTag(0x80, w.aa.root.SubjectKeyId), wrapTag(0xa1, wrapTag(0xa4, w.aa.root.RawSubject)), []byte{0x82, 1, 1}))
	})},
	{"peer: ends a year too early", "peer.lifetime", "ends 2525-", peerLie(func(_ *world, l *lie) { l.to = lieTime{cbasn1.GeneralizedTime, "25251231235959Z"} })},
	{"peer: no subnet from an authority", "peer.subnet", "no subnet", peerLie(func(_ *world, l *lie) { l.drop(oidNetscapeComment) })},
	{"peer: empty subnet from an authority", "peer.subnet", "no subnet", peerLie(func(_ *world, l *lie) { l.ext(oidNetscapeComment).value = commentDER(Subnet{}) })},
	{"peer: the subnet that is never given", "peer.subnet", "never given", peerLie(func(_ *world, l *lie) { l.comment("Subnet: 000000") })},
	{"peer: 8 digits for a creditors agent", "peer.subnet", "expected 6 hex digits", peerLie(func(_ *world, l *lie) { l.comment("Subnet: 00000001") })},
	{"peer: 7 digits", "peer.subnet", "even number", peerLie(func(_ *world, l *lie) { l.comment("Subnet: 0000001") })},
	{"peer: upper-case subnet", "peer.subnet", "", peerLie(func(_ *world, l *lie) { l.comment("Subnet: 00000A") })},
	{"peer: subnet with two blanks", "peer.subnet", "", peerLie(func(_ *world, l *lie) { l.comment("Subnet:  000001") })},
	{"peer: subnet with a line end", "peer.subnet", "", peerLie(func(_ *world, l *lie) { l.comment("Subnet: 000001\n") })},
	{"peer: another comment", "peer.subnet", "OpenSSL", peerLie(func(_ *world, l *lie) { l.comment("OpenSSL Generated Certificate") })},
	{"peer: subnet as UTF8String", "peer.subnet", "not an IA5String", peerLie(func(_ *world, l *lie) { l.ext(oidNetscapeComment).value[0] = 0x0c })},
	{"peer: subnet critical", "peer.subnet", "critical", peerLie(func(_ *world, l *lie) { l.ext(oidNetscapeComment).critical = true })},
	{"peer: a debtors' subnet of another authority", "peer.subnet", "begins with the authority's own id 1234abcd", debtorLie(func(_ *world, l *lie) { l.comment("Subnet: 1234abce00") })},
	{"peer: a debtors' subnet of 6 digits", "peer.subnet", "", debtorLie(func(_ *world, l *lie) { l.comment("Subnet: 1234ab") })},
	{"peer: a debtors' subnet of 9 digits", "peer.subnet", "", debtorLie(func(_ *world, l *lie) { l.comment("Subnet: 1234abcd0") })},
	{"peer: a debtors' subnet of 18 digits", "peer.subnet", "", debtorLie(func(_ *world, l *lie) { l.comment("Subnet: 1234abcd0000000000") })},
	{"peer: a subnet from an agent", "peer.subnet", "000001", func(t *testing.T, w *world) *check.Report {
		l := retell(w.caToAA, w.ca.key)
		l.comment("Subnet: 000001")
		return CheckPeer(l.tell(t), w.ca.root.Certificate, w.aa.root.Certificate, at)
	}},

	// Server certificates.
	{"server: same name in other bytes", "server.subject", "", serverLie(func(w *world, l *lie) {
		l.subject = simpleName(o(Organization), ou(agents), part(name.SerialNumber, w.ca.id.ID()))
	})},
	{"server: another issuer", "server.issuer", "", serverLie(func(w *world, l *lie) { l.issuer = w.aa.root.RawSubject })},
	{"server: signed by another", "server.issuer", "", serverLie(func(w *world, l *lie) { l.key = w.aa.key })},
	{"server: with the root key", "server.public-key server.subject-key-id", "", serverLie(func(w *world, l *lie) { l.spki = w.ca.root.RawSubjectPublicKeyInfo })},
	{"server: CA true", "server.basic-constraints", "CA true", serverLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{true, 0}.der() })},
	{"server: basicConstraints not critical", "server.basic-constraints", "not critical", serverLie(func(_ *world, l *lie) { l.ext(oidBasicConstraints).critical = false })},
	{"server: keyUsage not critical", "server.key-usage", "not critical", serverLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).critical = false })},
	{"server: no keyEncipherment", "server.key-usage", "digitalSignature", serverLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(x509.KeyUsageDigitalSignature) })},
	{"server: keyCertSign", "server.key-usage", "keyCertSign", serverLie(func(_ *world, l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(serverKeyUsage | x509.KeyUsageCertSign) })},
	{"server: no extKeyUsage", "server.extended-key-usage", "no such extension", serverLie(func(_ *world, l *lie) { l.drop(oidExtendedKeyUsage) })},
	{"server: extKeyUsage critical", "server.extended-key-usage", "critical", serverLie(func(_ *world, l *lie) { l.ext(oidExtendedKeyUsage).critical = true })},
	{"server: serverAuth alone", "server.extended-key-usage", "serverAuth", serverLie(func(_ *world, l *lie) {
		l.ext(oidExtendedKeyUsage).value = must(asn1.Marshal([]asn1.ObjectIdentifier{oidServerAuth}))
	})},
	{"server: clientAuth alone", "server.extended-key-usage", "clientAuth", serverLie(func(_ *world, l *lie) {
		l.ext(oidExtendedKeyUsage).value = must(asn1.Marshal([]asn1.ObjectIdentifier{oidClientAuth}))
	})},
	{"server: key id of something else", "server.subject-key-id", "", serverLie(func(_ *world, l *lie) { l.ext(oidSubjectKeyID).value[7] ^= 1 })},
	{"server: another authority key id", "server.authority-key-id", "", serverLie(func(w *world, l *lie) { l.ext(oidAuthorityKeyID).value = authorityKeyIDDER(w.aa.root.SubjectKeyId) })},
	{"server: 401 days", "server.lifetime", "401 days", serverLie(func(_ *world, l *lie) { l.to = timeOf(at.AddDate(0, 0, maxServerDays+1)) })},
	{"server: a host name", "cert.extra server.alternative-name", "", serverLie(func(_ *world, l *lie) {
		l.add(oidAlternativeName, false, append([]byte{0x30, 0x0b, 0x82, 0x09}, "localhost"...))
	})},

	// Requests.
	{"request: two in one file", "csr.single", "", func(_ *testing.T, w *world) *check.Report {
		_, r := CheckRequestFile(bytes.Repeat(w.caReq.File, 2), w.ca.root.Certificate)
		return r
	}},
	{"request: none", "csr.single", "no request", func(_ *testing.T, w *world) *check.Report { return CheckServerRequest(nil, w.ca.root.Certificate) }},
	{"request: file of another", "csr.single", "another request", func(_ *testing.T, w *world) *check.Report {
		return CheckRequest(&Request{w.caReq.CertificateRequest, w.da.req.File}, w.ca.root.Certificate)
	}},
	{"request: signature spoiled", "csr.single csr.signature", "", func(_ *testing.T, w *world) *check.Report {
		r := *w.caReq.CertificateRequest
		r.Signature = bytes.Clone(r.Signature)
		r.Signature[len(r.Signature)-1] ^= 1
		return CheckRequest(&Request{&r, nil}, w.ca.root.Certificate)
	}},
	{"request: of another node", "csr.subject csr.public-key", "Debtors Agents", func(_ *testing.T, w *world) *check.Report {
		return CheckRequest(w.da.req, w.ca.root.Certificate)
	}},
	{"request: with another key", "csr.public-key csr.extensions", "", requestLie(func(*world, *x509.CertificateRequest) crypto.Signer { return newEC(elliptic.P256()) })},
	{"request: with SHA-1", "key.signature-algorithm csr.signature csr.public-key", "SHA1-RSA", func(t *testing.T, w *world) *check.Report {
		r := *must(NewRequest(modestRSA(), w.ca.root.RawSubject)).CertificateRequest
		r.SignatureAlgorithm = x509.SHA1WithRSA
		return CheckRequest(&Request{&r, EncodeRequest(&r)}, w.ca.root.Certificate)
	}},
	{"request: for a server with the root key", "csr.server-key", "", func(_ *testing.T, w *world) *check.Report {
		return CheckServerRequest(must(NewServerRequest(w.ca.key, w.ca.root.RawSubject)), w.ca.root.Certificate)
	}},
	{"request: for a server of another node", "csr.subject", "", func(_ *testing.T, w *world) *check.Report {
		return CheckServerRequest(w.serverReq, w.da.root.Certificate)
	}},
	{"request: asks for nothing", "csr.extensions", "no basicConstraints", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions = nil
		return w.ca.key
	})},
	{"request: asks for path length 7", "csr.extensions", "path length 7", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions[0] = pkix.Extension{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{true, 7}.der()}
		return w.ca.key
	})},
	{"request: basicConstraints with something after them", "csr.extensions", "basicConstraints: a value that is not BasicConstraints", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions[0] = pkix.Extension{Id: oidBasicConstraints, Critical: true, Value: append(basicConstraints{true, 0}.der(), 5, 0)}
		return w.ca.key
	})},
	{"request: keyUsage with something after it", "csr.extensions", "keyUsage: a value that is not KeyUsage", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions[1] = pkix.Extension{Id: oidKeyUsage, Critical: true, Value: append(keyUsageDER(caKeyUsage), 5, 0)}
		return w.ca.key
	})},
	{"request: asks for no CRLs", "csr.extensions", "keyCertSign", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions[1] = pkix.Extension{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(x509.KeyUsageCertSign)}
		return w.ca.key
	})},
	{"request: asks for the key id of another key", "csr.extensions", "subjectKeyIdentifier 0102, and", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions[2].Value = octetStringDER([]byte{1, 2})
		return w.ca.key
	})},
	{"request: asks for a critical extension that nobody knows", "csr.extensions", "a critical extension 1.2.3.4", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
		return w.ca.key
	})},
	{"request: asks for no key id", "csr.extensions", "no subjectKeyIdentifier", requestLie(func(w *world, r *x509.CertificateRequest) crypto.Signer {
		r.ExtraExtensions = r.ExtraExtensions[:2]
		return w.ca.key
	})},

	// What ends soon: to the second, and what has ended.
	{"end: in exactly 30 days", "cert.ends-soon", "in 30 days", func(_ *testing.T, w *world) *check.Report {
		return CheckEnds(w.server.Certificate, w.server.NotAfter.Add(-30*24*time.Hour), 30*24*time.Hour)
	}},
	{"end: past", "cert.ends-soon", "it ended at", func(_ *testing.T, w *world) *check.Report {
		return CheckEnds(w.server.Certificate, w.server.NotAfter.Add(time.Second), 0)
	}},
}

// reKey gives the root certificate another key, with the key id that follows.
func (l *lie) reKey(k crypto.Signer) {
	l.key, l.algorithm, l.spki = k, algorithmOf(k), spkiOf(k.Public())
	l.ext(oidSubjectKeyID).value = octetStringDER(must(subjectKeyID(l.spki)))
}

func (l *lie) comment(text string) {
	l.ext(oidNetscapeComment).value = wrapTag(0x16, []byte(text))
}

func wrapTag(tag byte, content []byte) []byte {
	if len(content) > 127 {
		if len(content) > 255 {
			return slices.Concat([]byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}, content)
		}
		return slices.Concat([]byte{tag, 0x81, byte(len(content))}, content)
	}
	return slices.Concat([]byte{tag, byte(len(content))}, content)
}

func wrapSequence(content []byte) []byte { return wrapTag(0x30, content) }

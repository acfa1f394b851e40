package certs

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
)

// counted counts what a key signs.
type counted struct {
	crypto.Signer
	signed int
}

func (c *counted) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	c.signed++
	return c.Signer.Sign(r, digest, o)
}

func TestIssueRefusesWithoutSigning(t *testing.T) {
	w := theWorld()
	serial := must(NewSerial())
	subnet := func(s string) Subnet { return must(ParseSubnet(s)) }
	thief := must(NewIdentity(CreditorsAgent, strings.Repeat("0", 32)))
	thiefRoot := retell(w.ca.root, w.ca.key)
	thiefRoot.subject, thiefRoot.issuer = thief.RawName(), thief.RawName()
	short := retell(w.aa.root, w.aa.key)
	short.to = timeOf(at.AddDate(0, 0, 100))
	dead := retell(w.aa.root, w.aa.key)
	dead.to = timeOf(at.Add(-time.Minute))
	crlf := retell(w.ca.root, w.ca.key)
	crlf.crlf = true
	server := must(NewServerRequest(newEC(elliptic.P256()), w.aa.root.RawSubject))
	for _, tt := range []struct {
		name, says string
		issue      func(i *Issuer) error
	}{
		{"two agents", "a creditors agent and a debtors agent", func(i *Issuer) error {
			i.root = w.ca.root.Certificate
			return second(i.IssuePeer(w.da.root, w.da.req, Subnet{}, serial, at))
		}},
		{"request of another", "[csr.subject]", func(i *Issuer) error { return second(i.IssuePeer(w.ca.root, w.da.req, subnet("000001"), serial, at)) }},
		{"no request", "[csr.single]", func(i *Issuer) error { return second(i.IssuePeer(w.ca.root, nil, subnet("000001"), serial, at)) }},
		{"no root", "[root.single]", func(i *Issuer) error { return second(i.IssuePeer(nil, w.ca.req, subnet("000001"), serial, at)) }},
		{"root with CR LF", "[pem.lf] file: found line 1 ends in CR LF", func(i *Issuer) error {
			return second(i.IssuePeer(crlf.tell(t), w.ca.req, subnet("000001"), serial, at))
		}},
		{"no subnet", "found no subnet", func(i *Issuer) error { return second(i.IssuePeer(w.ca.root, w.ca.req, Subnet{}, serial, at)) }},
		{"subnet 000000", "never given", func(i *Issuer) error {
			return second(i.IssuePeer(w.ca.root, w.ca.req, subnet("000000"), serial, at))
		}},
		{"a thief of an id", "[peer.serial-hash]", func(i *Issuer) error {
			req := must(NewRequest(w.ca.key, thief.RawName()))
			return second(i.IssuePeer(thiefRoot.tell(t), req, subnet("000001"), serial, at))
		}},
		{"no serial", "no serial number", func(i *Issuer) error { return second(i.IssuePeer(w.ca.root, w.ca.req, subnet("000001"), Serial{}, at)) }},
		{"clock in 2023", "[cert.validity] validity: found not yet valid", func(i *Issuer) error {
			return second(i.IssuePeer(w.ca.root, w.ca.req, subnet("000001"), serial, time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC)))
		}},
		{"clock in 9500", "[cert.validity]", func(i *Issuer) error {
			return second(i.IssuePeer(w.ca.root, w.ca.req, subnet("000001"), serial, time.Date(9500, 1, 1, 0, 0, 0, 0, time.UTC)))
		}},
		{"own root has ended", "our root certificate: [cert.validity] validity: found expired", func(i *Issuer) error {
			i.root = dead.tell(t).Certificate
			return second(i.IssueServer(server, 1, serial, at))
		}},
		{"server that outlives its root", "ask for fewer days", func(i *Issuer) error {
			i.root = short.tell(t).Certificate
			return second(i.IssueServer(server, 101, serial, at))
		}},
		{"server for no days", "found a lifetime of 0 days", func(i *Issuer) error { return second(i.IssueServer(server, 0, serial, at)) }},
		{"server for more days than there are", "expected an end before the year 10000", func(i *Issuer) error { return second(i.IssueServer(server, 1<<40, serial, at)) }},
		{"server of another node", "[csr.subject]", func(i *Issuer) error { return second(i.IssueServer(w.serverReq, 365, serial, at)) }},
		{"server with the root key", "[csr.server-key]", func(i *Issuer) error {
			return second(i.IssueServer(must(NewServerRequest(w.aa.key, w.aa.root.RawSubject)), 365, serial, at))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := &counted{Signer: w.aa.key}
			err := tt.issue(&Issuer{root: w.aa.root.Certificate, key: key})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("found %v, expected an error that says %q", err, tt.says)
			}
			if key.signed != 0 {
				t.Errorf("the key signed %d times", key.signed)
			}
		})
	}
	if (*Issuer)(nil).ready(at) == nil || (&Issuer{}).ready(at) == nil {
		t.Error("an Issuer that is none signs")
	}
}

func second(_ *Certificate, err error) error { return err }

func TestIssueRootRefuses(t *testing.T) {
	aa := must(NewIdentity(AccountingAuthority, "1234abcd"))
	serial := must(NewSerial())
	last := time.Date(9000, 8, 24, 0, 0, 0, 0, time.UTC) // 365,000 days before the last day of 9999, and a bit
	for _, tt := range []struct {
		name, says string
		key        crypto.Signer
		id         Identity
		now        time.Time
	}{
		{"no identity", "found no identity", newEC(elliptic.P256()), Identity{}, at},
		{"weak key", "found RSA of 1024 bits", weakRSA(), aa, at},
		{"id of another key", "follows from the root key", newEC(elliptic.P256()), must(NewIdentity(DebtorsAgent, strings.Repeat("0", 32))), at},
		{"no clock", "set the clock", newEC(elliptic.P256()), aa, time.Time{}},
		{"clock one second too early", "found the clock at 2023-12-31T23:59:59Z, expected the year 2024 or later", newEC(elliptic.P256()), aa, time.Date(2023, 12, 31, 23, 59, 59, 1e9-1, time.UTC)},
		{"clock too late", "expected an end before the year 10000: is the clock right", newEC(elliptic.P256()), aa, last.AddDate(1, 0, 0)},
	} {
		if _, err := IssueRoot(tt.key, tt.id, serial, tt.now); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: found %v, expected an error that says %q", tt.name, err, tt.says)
		}
	}
	for _, now := range []time.Time{time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if _, err := IssueRoot(newEC(elliptic.P256()), aa, serial, now); err != nil {
			t.Errorf("%v: %v", now, err)
		}
	}
}

// What the real key signs must be what was judged, and nothing else.
func TestJudgedBeforeSigned(t *testing.T) {
	w := theWorld()
	key := &counted{Signer: w.aa.key}
	s := &signing{
		subject: w.aa.root.RawSubject, issuer: w.aa.root.RawSubject, public: w.aa.key.Public(),
		serial: must(NewSerial()), now: at, days: 1,
		judge: func(c *Certificate, _ time.Time, by crypto.PublicKey) *check.Report {
			if samePublicKey(by, key.Public()) || key.signed != 0 {
				t.Error("the real key signed before the judgement")
			}
			if err := verifySignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature, by); err != nil {
				t.Errorf("the judged copy: %v", err)
			}
			r := &check.Report{}
			r.Fail(ruleCertSerial, "test", "refused", "anything else")
			return r
		},
	}
	_, err := s.issue(key)
	var failure *check.Failure
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "nothing was signed") || key.signed != 0 {
		t.Errorf("found %v after %d signatures", err, key.signed)
	}
	s.judge = func(*Certificate, time.Time, crypto.PublicKey) *check.Report {
		s.serial = must(s.serial.Next())
		r := &check.Report{}
		r.Pass(ruleCertSerial, "test", "")
		return r
	}
	if _, err := s.issue(key); err != nil || key.signed != 1 {
		t.Errorf("found %v after %d signatures, expected one", err, key.signed)
	}
}

func TestIssuedLifetimes(t *testing.T) {
	w := theWorld()
	now := time.Date(2026, 12, 1, 13, 4, 5, 987654321, time.FixedZone("", 3600))
	from := time.Date(2026, 12, 1, 12, 4, 5, 0, time.UTC)
	serial := must(NewSerial())
	root := must(IssueRoot(w.aa.key, w.aa.id, serial, now))
	server := must(w.ca.issuer().IssueServer(w.serverReq, 365, serial, now))
	leap := must(w.ca.issuer().IssueServer(w.serverReq, 500, serial, now))
	for _, tt := range []struct {
		name string
		c    *Certificate
		days int64
	}{{"root", root, CADays}, {"server", server, 365}, {"500 days over a leap day", leap, 500}} {
		if !tt.c.NotBefore.Equal(from) {
			t.Errorf("%s: found a beginning at %v, expected %v", tt.name, tt.c.NotBefore, from)
		}
		if got := tt.c.NotAfter.Unix() - tt.c.NotBefore.Unix(); got != tt.days*86400 {
			t.Errorf("%s: found %d seconds, expected %d days", tt.name, got, tt.days)
		}
		if s := must(SerialOf(tt.c.Certificate)); s != serial {
			t.Errorf("%s: found serial %s, expected %s", tt.name, s, serial)
		}
	}
	// The reference root certificate was made by `openssl -days 365000`.
	c := referenceCertificate(t, "nodes", "ca", "root-ca.crt")
	if got := c.NotBefore.AddDate(0, 0, CADays); !got.Equal(c.NotAfter) {
		t.Errorf("found an end at %v, expected OpenSSL's %v", got, c.NotAfter)
	}
	// The change from UTCTime to GeneralizedTime.
	for _, tt := range []struct {
		now time.Time
		tag byte
	}{
		{time.Date(2048, 12, 31, 23, 59, 59, 0, time.UTC), 0x17},
		{time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC), 0x18},
	} {
		c := must(w.ca.issuer().IssueServer(w.serverReq, 365, serial, tt.now))
		text := tt.now.AddDate(0, 0, 365).Format("20060102150405Z")
		if tt.tag == 0x17 {
			text = text[2:]
		}
		if want := append([]byte{tt.tag, byte(len(text))}, text...); !bytes.Contains(c.RawTBSCertificate, want) {
			t.Errorf("%v: found no end %q with tag %#x", tt.now, text, tt.tag)
		}
	}
}

func TestRenewServer(t *testing.T) {
	w := theWorld()
	serial := must(NewSerial())
	later := at.AddDate(2, 0, 0) // the old one has ended
	c, err := w.ca.issuer().RenewServer(w.server, 30, serial, later)
	if err != nil {
		t.Fatal(err)
	}
	if r := CheckServer(c, w.ca.root.Certificate, later); failing(r) != "" {
		t.Errorf("failed %s", failing(r))
	}
	if !bytes.Equal(c.RawSubjectPublicKeyInfo, w.server.RawSubjectPublicKeyInfo) || must(SerialOf(c.Certificate)) != serial {
		t.Error("found another key or serial")
	}
	rootKey := retell(w.server, w.ca.key)
	rootKey.spki = w.ca.root.RawSubjectPublicKeyInfo
	rootKey.ext(oidSubjectKeyID).value = octetStringDER(w.ca.root.SubjectKeyId)
	forged := retell(w.server, w.da.key)
	for _, tt := range []struct {
		name, says string
		old        *Certificate
	}{
		{"none", "found no old certificate", nil},
		{"of another node", "[server.subject]", w.aa.server(t)},
		{"signed by another", "[server.issuer]", forged.tell(t)},
		{"a peer certificate", "[server.", w.caToAA},
		{"the root", "[server.basic-constraints]", w.ca.root},
		{"with the root key", "for the root key", rootKey.tell(t)},
	} {
		key := &counted{Signer: w.ca.key}
		err := second((&Issuer{root: w.ca.root.Certificate, key: key}).RenewServer(tt.old, 30, serial, later))
		if err == nil || !strings.Contains(err.Error(), tt.says) || key.signed != 0 {
			t.Errorf("%s: found %v after %d signatures, expected an error that says %q", tt.name, err, key.signed, tt.says)
		}
	}
}

func TestNewIssuerWantsTheRootKey(t *testing.T) {
	w := theWorld()
	if _, err := NewIssuer(w.aa.root.Certificate, w.ca.key); err == nil || !strings.Contains(err.Error(), "does not belong to the root certificate") {
		t.Errorf("found %v", err)
	}
	if _, err := NewIssuer(nil, w.ca.key); err == nil {
		t.Error("an issuer without a root")
	}
	if _, err := NewIssuer(w.aa.root.Certificate, nil); err == nil {
		t.Error("an issuer without a key")
	}
}

// A name with something after the three attributes is constrained to the three.
func TestIssuePeerWithALongerName(t *testing.T) {
	w := theWorld()
	l := retell(w.ca.root, w.ca.key)
	l.subject = simpleName(o(Organization), ou(agents), sn(w.ca.id.ID()), part(oidCommonName, "x"))
	l.issuer = l.subject
	root := l.tell(t)
	req := must(NewRequest(w.ca.key, root.RawSubject))
	c, err := w.aa.issuer().IssuePeer(root, req, must(ParseSubnet("000001")), must(NewSerial()), at)
	if err != nil {
		t.Fatal(err)
	}
	if got := findExtension(c.Extensions, oidNameConstraints).Value; !bytes.Equal(got, nameConstraintsDER(w.ca.root.RawSubject)) {
		t.Errorf("found nameConstraints %x", got)
	}
	if !bytes.Equal(c.RawSubject, root.RawSubject) {
		t.Error("the subject was not copied")
	}
}

// Every kind of key can be a node's, and every kind a server's.
func TestKindsOfKeys(t *testing.T) {
	for _, key := range []crypto.Signer{newEC(elliptic.P384()), modestRSA()} {
		n := newNodeWithKey(t, CreditorsAgent, key)
		aa := newNodeWithKey(t, AccountingAuthority, key) // the same key: both sides of the algorithms
		aa.certify(t, n, "0000ff")
		req, err := NewServerRequest(newEC(elliptic.P384()), n.root.RawSubject)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.issuer().IssueServer(req, 30, must(NewSerial()), at); err != nil {
			t.Error(err)
		}
	}
}

// The node's own request is, byte for byte, the one that the existing tool made
// with the same key; the server's differs only in key and signature.
func TestRequestsAreTheirs(t *testing.T) {
	for _, n := range []string{"aa", "ca", "da"} {
		theirs := must(ParseRequest(readReference(t, "nodes", n, "db", "root-ca.csr")))
		ours := must(NewRequest(referenceKey(t, n), theirs.RawSubject))
		if !bytes.Equal(ours.Raw, theirs.Raw) {
			t.Errorf("%s: found another request than the existing tool's", n)
		}
		theirs = must(ParseRequest(readReference(t, "servers", n+".csr")))
		key := must(ParsePrivateKey(readReference(t, "servers", n+".key"), nil))
		if ours = must(NewServerRequest(key, theirs.RawSubject)); !bytes.Equal(ours.Raw, theirs.Raw) {
			t.Errorf("%s: found another server request than the existing tool's", n)
		}
	}
	if _, err := NewRequest(strongRSA(), simpleName(part(oidCommonName, "x"))); err == nil {
		t.Error("a request for something that is not a node")
	}
	if _, err := NewServerRequest(weakRSA(), theWorld().ca.root.RawSubject); err == nil {
		t.Error("a request with a weak key")
	}
}

// With the reference keys, serials and dates, what we issue is byte for byte
// what the existing tool issued.
func TestCertificatesAreTheirs(t *testing.T) {
	root := func(n string) *Certificate { return referenceCertificate(t, "nodes", n, "root-ca.crt") }
	for _, n := range []string{"aa", "ca", "da"} {
		c := root(n)
		key := referenceKey(t, n)
		ours := must(IssueRoot(key, must(SubjectIdentity(c.RawSubject)), must(SerialOf(c.Certificate)), c.NotBefore))
		same(t, n+" root", ours, c)
		s := referenceCertificate(t, "servers", n+".crt")
		req := must(ParseRequest(readReference(t, "servers", n+".csr")))
		same(t, n+" server", must(must(NewIssuer(c.Certificate, key)).IssueServer(req, 365, must(SerialOf(s.Certificate)), s.NotBefore)), s)
	}
	for _, p := range []struct{ issuer, peer string }{{"aa", "ca"}, {"aa", "da"}, {"ca", "aa"}, {"da", "aa"}} {
		i, peer := root(p.issuer), root(p.peer)
		theirs := referenceCertificate(t, "nodes", p.issuer, "peers", must(SubjectIdentity(peer.RawSubject)).ID(), "peercert.crt")
		req := must(ParseRequest(readReference(t, "nodes", p.peer, "db", "root-ca.csr")))
		ours, err := must(NewIssuer(i.Certificate, referenceKey(t, p.issuer))).IssuePeer(peer, req, must(PeerSubnet(theirs.Certificate)), must(SerialOf(theirs.Certificate)), theirs.NotBefore)
		if err != nil {
			t.Error(err)
			continue
		}
		same(t, p.issuer+" to "+p.peer, ours, theirs)
	}
}

func same(t *testing.T, what string, ours, theirs *Certificate) {
	t.Helper()
	if !bytes.Equal(ours.Raw, theirs.Raw) {
		t.Errorf("%s: found\n%x, expected the existing tool's\n%x", what, ours.Raw, theirs.Raw)
	}
	if !bytes.HasSuffix(theirs.File, ours.File) {
		t.Errorf("%s: found another PEM block than the existing tool's", what)
	}
}

func TestLivesLongEnough(t *testing.T) {
	c := func(year int) *x509.Certificate {
		return &x509.Certificate{NotAfter: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	endOfYear := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	if LivesLongEnough(c(2525), endOfYear) || !LivesLongEnough(c(2526), endOfYear) || LivesLongEnough(c(2526), endOfYear.Add(time.Second)) {
		t.Error("the end is not compared by calendar years")
	}
}

package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
)

// CheckRoot judges a root certificate file against the profile as of at.
func CheckRoot(c *Certificate, at time.Time) *check.Report {
	if !usable(c) {
		return noCertificate(ruleRootSingle)
	}
	return checkRoot(c, at, c.PublicKey)
}

// CheckRootFile is [CheckRoot] for a file that has not been read yet: a file
// that [ParseCertificate] refuses fails the rule root.single. The certificate is
// nil then.
func CheckRootFile(file []byte, at time.Time) (*Certificate, *check.Report) {
	c, err := ParseCertificate(file)
	if err != nil {
		r := &check.Report{}
		failFile(r, ruleRootSingle, err, "exactly one certificate", adviceNewRoot)
		return nil, r
	}
	return c, CheckRoot(c, at)
}

func checkRoot(c *Certificate, at time.Time, by crypto.PublicKey) *check.Report {
	j := &judge{r: newReport(), c: c, at: at, spki: c.RawSubjectPublicKeyInfo}
	p := &rootRules
	j.everyCertificate(p)
	checkRawName(j.r, c.RawSubject, j.spki, "subject")
	j.issued(ruleRootSelfSigned, c.Certificate, by)
	j.caExtensions(p)
	j.keyIDs(p, nil)
	j.ownAuthority()
	j.lifetime(p.lifetime)
	return j.r
}

// ownAuthority is rule root.authority-key-id.
func (j *judge) ownAuthority() {
	if findExtension(j.c.Extensions, oidAuthorityKeyID) == nil {
		j.r.Pass(ruleRootAuthorityKeyID, "extension "+extensionName(oidAuthorityKeyID), "no such extension")
		return
	}
	own := j.c.SubjectKeyId
	j.value(ruleRootAuthorityKeyID, oidAuthorityKeyID, fmt.Sprintf("no such extension, or not critical, %x and nothing else", own), func(der []byte, critical bool) (string, bool) {
		id, err := parseAuthorityKeyID(der)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s, %x", criticalWord(critical), id), !critical && len(own) > 0 && bytes.Equal(id, own)
	})
}

// CheckPeer judges a peer certificate that issuer signed for subject (both are
// root certificates, which are not judged here: see [CheckRoot]).
func CheckPeer(c *Certificate, issuer, subject *x509.Certificate, at time.Time) *check.Report {
	if !usable(c) || issuer == nil || subject == nil {
		return noCertificate(ruleCertSingle)
	}
	return checkPeer(c, issuer, subject, at, issuer.PublicKey)
}

// CheckIntermediate is [CheckPeer] for a peer certificate of which only the
// issuer is at hand, as in the chain that a client presents: the rules that
// compare it with the root of the node that it is for are left out.
func CheckIntermediate(c *Certificate, issuer *x509.Certificate, at time.Time) *check.Report {
	if !usable(c) || issuer == nil {
		return noCertificate(ruleCertSingle)
	}
	return checkPeer(c, issuer, nil, at, issuer.PublicKey)
}

// checkPeer judges a peer certificate; subject is nil if it is not known.
func checkPeer(c *Certificate, issuer, subject *x509.Certificate, at time.Time, by crypto.PublicKey) *check.Report {
	j := &judge{r: newReport(), c: c, at: at, spki: c.RawSubjectPublicKeyInfo}
	p := &peerRules
	j.everyCertificate(p)
	id := checkRawName(j.r, c.RawSubject, nil, "subject")
	authority, err := SubjectIdentity(issuer.RawSubject)
	if err != nil || id.IsZero() {
		j.r.Skip(rulePeerPair, "issuer and subject", "a name cannot be read")
		j.r.Skip(rulePeerSubnet, "issuer and subject", "a name cannot be read")
	} else {
		j.r.Check(authority.typ.CanPeerWith(id.typ), rulePeerPair, "issuer and subject",
			authority.typ.article()+" and "+id.typ.article(), "an accounting authority and an agent")
		if authority.typ == AccountingAuthority {
			rootKey := j.spki
			if subject != nil {
				rootKey = subject.RawSubjectPublicKeyInfo
			}
			checkSerialHash(j.r, rulePeerSerialHash, id, rootKey, "subject")
		}
		j.subnet(authority, id)
	}
	if subject != nil {
		j.sameAsRoot(subject)
	}
	j.issued(p.issuer, issuer, by)
	j.caExtensions(p)
	j.nameConstraints(id)
	j.keyIDs(p, issuer)
	j.lifetime(p.lifetime)
	return j.r
}

// sameAsRoot is the rules that compare with the root of the node that it is for.
func (j *judge) sameAsRoot(subject *x509.Certificate) {
	j.r.Check(bytes.Equal(j.c.RawSubject, subject.RawSubject), rulePeerSubject, "subject", nameText(j.c.RawSubject), nameText(subject.RawSubject)+", byte for byte")
	j.r.Check(bytes.Equal(j.spki, subject.RawSubjectPublicKeyInfo), rulePeerPublicKey, "public key",
		"the key "+KeyFingerprint(j.spki), "the key "+KeyFingerprint(subject.RawSubjectPublicKeyInfo)+", byte for byte")
}

// nameConstraints is rule peer.name-constraints.
func (j *judge) nameConstraints(id Identity) {
	if id.IsZero() {
		j.r.Skip(rulePeerNameConstraints, "subject", "the name cannot be read")
		return
	}
	j.value(rulePeerNameConstraints, oidNameConstraints, fmt.Sprintf("critical, the name of %s and nothing else", id), func(der []byte, critical bool) (string, bool) {
		n, err := parseNameConstraints(der)
		if err != nil {
			return criticalWord(critical) + ", " + err.Error(), false
		}
		return criticalWord(critical) + ", " + clipName(n), critical && constrainsTo(n, id)
	})
}

// constrainsTo reports whether the name is the three attributes of the identity
// and no more; then whoever is inside the subtree has this identity.
func constrainsTo(n name.Name, id Identity) bool {
	if got, ok := writtenIdentity(n.Raw()); ok {
		return got == id
	}
	got, err := IdentityOf(n)
	return err == nil && got == id && len(n.RDNs()) == len(nameAttributes)
}

// subnet is rule peer.subnet.
func (j *judge) subnet(authority, id Identity) {
	const where = "extension netscapeComment"
	want := "no subnet"
	if authority.typ == AccountingAuthority {
		want = fmt.Sprintf("%d hex digits, not %s", CreditorsSubnetDigits, neverGiven)
		if id.typ == DebtorsAgent {
			want = fmt.Sprintf("8, 10, 12, 14 or 16 hex digits that begin with %s", authority.id)
		}
	}
	if e := findExtension(j.c.Extensions, oidNetscapeComment); e != nil && e.Critical {
		j.r.Fail(rulePeerSubnet, where, "critical", "not critical")
		return
	}
	s, err := PeerSubnet(j.c.Certificate)
	switch {
	case err != nil:
		j.r.Fail(rulePeerSubnet, where, err.Error(), want)
	case authority.typ != AccountingAuthority:
		j.r.Check(s.IsZero(), rulePeerSubnet, where, s.String(), want)
	case s.IsZero():
		j.r.Fail(rulePeerSubnet, where, "no subnet", want)
	default:
		if err := s.given(authority, id.typ); err != nil {
			j.r.Fail(rulePeerSubnet, where, err.Error(), want)
			return
		}
		j.r.Pass(rulePeerSubnet, where, s.String())
	}
}

// CheckServer judges a server certificate against the root that issued it (which
// is not judged here: see [CheckRoot]).
func CheckServer(c *Certificate, root *x509.Certificate, at time.Time) *check.Report {
	if !usable(c) || root == nil {
		return noCertificate(ruleCertSingle)
	}
	return checkServer(c, root, at, root.PublicKey)
}

func checkServer(c *Certificate, root *x509.Certificate, at time.Time, by crypto.PublicKey) *check.Report {
	j := &judge{r: newReport(), c: c, at: at, spki: c.RawSubjectPublicKeyInfo}
	p := &serverRules
	j.everyCertificate(p)
	checkRawName(j.r, c.RawSubject, nil, "subject")
	j.r.Check(bytes.Equal(c.RawSubject, root.RawSubject), ruleServerSubject, "subject", nameText(c.RawSubject), nameText(root.RawSubject)+", byte for byte")
	j.issued(p.issuer, root, by)
	j.r.Check(!bytes.Equal(c.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo), ruleServerPublicKey, "public key",
		"the key "+KeyFingerprint(c.RawSubjectPublicKeyInfo), "a key of the server's own")
	j.serverExtensions()
	j.keyIDs(p, root)
	days := int(c.NotAfter.Sub(c.NotBefore) / (24 * time.Hour))
	j.r.Check(days <= maxServerDays, ruleServerLifetime, "validity", fmt.Sprintf("%d days", days), fmt.Sprintf("about 365 days, at most %d", maxServerDays))
	if e := findExtension(c.Extensions, oidAlternativeName); e != nil {
		j.r.Fail(ruleServerAlternativeName, "extension subjectAltName", "alternative names", "none: peers do not look at them")
	} else {
		j.r.Pass(ruleServerAlternativeName, "extension subjectAltName", "")
	}
	return j.r
}

// serverExtensions judges what a leaf may be used for.
func (j *judge) serverExtensions() {
	j.value(ruleServerBasicConstraints, oidBasicConstraints, "critical, CA false", func(der []byte, critical bool) (string, bool) {
		b, err := parseBasicConstraints(der)
		if err != nil {
			return err.Error(), false
		}
		return criticalWord(critical) + ", " + b.String(), critical && !b.ca && b.pathLen < 0
	})
	j.value(ruleServerKeyUsage, oidKeyUsage, "critical, digitalSignature and keyEncipherment, not keyCertSign", func(der []byte, critical bool) (string, bool) {
		u, err := parseKeyUsage(der)
		if err != nil {
			return err.Error(), false
		}
		return criticalWord(critical) + ", " + keyUsageWords(u), critical && u&serverKeyUsage == serverKeyUsage && u&x509.KeyUsageCertSign == 0
	})
	j.value(ruleServerExtendedKeyUsage, oidExtendedKeyUsage, "not critical, clientAuth and serverAuth", func(der []byte, critical bool) (string, bool) {
		list, err := parseExtKeyUsage(der)
		if err != nil {
			return err.Error(), false
		}
		return criticalWord(critical) + ", " + extKeyUsageWords(list),
			!critical && containsOID(list, oidClientAuth) && containsOID(list, oidServerAuth)
	})
}

// serverKeyUsage is what a server's key is for.
const serverKeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment

// caKeyUsage is what a root and a peer certificate's key is for.
const caKeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

func containsOID(list []asn1.ObjectIdentifier, oid asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(list, oid.Equal)
}

func usable(c *Certificate) bool { return c != nil && c.Certificate != nil }

// noCertificate is the report on nothing at all: a failure, not a pass.
func noCertificate(single *check.Rule) *check.Report {
	r := &check.Report{}
	r.Fail(single, "file", "no certificate", "exactly one certificate")
	return r
}

// nameText is a DER name for people.
func nameText(der []byte) string {
	if id, ok := writtenIdentity(der); ok {
		return "O=" + Organization + ", OU=" + id.typ.Unit() + ", serialNumber=" + id.id
	}
	n, err := name.Parse(der)
	if err != nil {
		return "a name that cannot be read"
	}
	return clipName(n)
}

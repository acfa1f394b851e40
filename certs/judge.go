package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// How long certificates must and should live (profile, root.lifetime,
// peer.lifetime, server.lifetime).
const (
	// LifetimeYears is how far ahead, in calendar years, a root or peer
	// certificate has to end; the existing tool registers no other.
	LifetimeYears = 500
	// maxServerDays is "about a year": 365 days, and room for a renewal that is
	// made early and runs on to the old end.
	maxServerDays = 400
)

// LivesLongEnough reports whether a root or peer certificate ends in a year not
// less than the year of at plus [LifetimeYears]. This is what the existing tool
// compares, and what registering must refuse by; rules root.lifetime and
// peer.lifetime are this comparison.
func LivesLongEnough(c *x509.Certificate, at time.Time) bool {
	return c.NotAfter.UTC().Year() >= at.UTC().Year()+LifetimeYears
}

// judge collects what every check of one certificate shares.
type judge struct {
	r    *check.Report
	c    *Certificate
	at   time.Time
	spki []byte
}

// newReport is empty, with room for what every certificate gives: there are
// nodes with 30,000 certificates to judge.
func newReport() *check.Report { return &check.Report{Results: make([]check.Result, 0, 32)} }

// profileRules are the rules of one kind of certificate that have the same
// meaning for each kind.
type profileRules struct {
	single, version, basicConstraints, keyUsage, subjectKeyID *check.Rule
	authorityKeyID, lifetime, issuer                          *check.Rule
	extensions                                                []asn1.ObjectIdentifier
}

var rootRules = profileRules{
	single: ruleRootSingle, version: ruleRootVersion, basicConstraints: ruleRootBasicConstraints, keyUsage: ruleRootKeyUsage,
	subjectKeyID: ruleRootSubjectKeyID, lifetime: ruleRootLifetime,
	extensions: []asn1.ObjectIdentifier{oidBasicConstraints, oidKeyUsage, oidSubjectKeyID, oidAuthorityKeyID},
}

var peerRules = profileRules{
	single: ruleCertSingle, version: ruleCertVersion, basicConstraints: rulePeerBasicConstraints, keyUsage: rulePeerKeyUsage,
	subjectKeyID: rulePeerSubjectKeyID, authorityKeyID: rulePeerAuthorityKeyID, lifetime: rulePeerLifetime, issuer: rulePeerIssuer,
	extensions: []asn1.ObjectIdentifier{oidAuthorityKeyID, oidBasicConstraints, oidKeyUsage, oidNameConstraints, oidSubjectKeyID, oidNetscapeComment},
}

var serverRules = profileRules{
	single: ruleCertSingle, version: ruleCertVersion, basicConstraints: ruleServerBasicConstraints, keyUsage: ruleServerKeyUsage,
	subjectKeyID: ruleServerSubjectKeyID, authorityKeyID: ruleServerAuthorityKeyID, issuer: ruleServerIssuer,
	extensions: []asn1.ObjectIdentifier{oidAuthorityKeyID, oidBasicConstraints, oidExtendedKeyUsage, oidKeyUsage, oidSubjectKeyID},
}

// everyCertificate records the rules that hold for every certificate.
func (j *judge) everyCertificate(p *profileRules) {
	j.file(p.single)
	j.basics(p.version)
	j.extensionList(p.extensions)
	checkKeyRules(j.r, j.c.PublicKey, j.c.Certificate.SignatureAlgorithm)
}

// file judges the file that the certificate came in.
func (j *judge) file(single *check.Rule) {
	block, err := singleBlock(j.c.File, "certificate", labelCertificate)
	switch {
	case err != nil:
		j.r.Fail(single, "file", err.Error(), "exactly one certificate")
		j.r.Skip(rulePEMLineEnds, "file", "there is not exactly one block")
		return
	case !bytes.Equal(block.der, j.c.Raw):
		j.r.Fail(single, "file", "another certificate than the one that is judged", "the same certificate")
	default:
		j.r.Pass(single, "file", "")
	}
	if err := cleanBlock(block); err != nil {
		j.r.Fail(rulePEMLineEnds, "file", err.Error(), "LF line ends and no blanks in the PEM block")
	} else {
		j.r.Pass(rulePEMLineEnds, "file", "")
	}
}

// basics judges version, serial number and dates (RFC 5280 section 4.1.2).
func (j *judge) basics(version *check.Rule) {
	r, c := j.r, j.c
	r.Check(c.Version == 3, version, "version", fmt.Sprintf("version %d", c.Version), "version 3")
	if s, err := SerialOf(c.Certificate); err != nil {
		r.Fail(ruleCertSerial, "serial number", err.Error(), "a positive number of at most 20 octets")
	} else {
		r.Pass(ruleCertSerial, "serial number", s.String())
	}
	if err := checkValidityEncoding(c.RawTBSCertificate); err != nil {
		r.Fail(ruleCertValidityEncoding, "validity", err.Error(), "UTCTime through 2049, GeneralizedTime from 2050 on")
	} else {
		r.Pass(ruleCertValidityEncoding, "validity", "")
	}
	from, to := rfc3339(c.NotBefore), rfc3339(c.NotAfter)
	r.Check(!c.NotAfter.Before(c.NotBefore), ruleCertValidityOrder, "validity", from+" to "+to, "an end that is not before the beginning")
	switch {
	case j.at.Before(c.NotBefore):
		r.Fail(ruleCertValidity, "validity", fmt.Sprintf("not yet valid: it begins at %s", from), "a certificate that is valid at "+rfc3339(j.at))
	case j.at.After(c.NotAfter):
		r.Fail(ruleCertValidity, "validity", fmt.Sprintf("expired: it ended at %s", to), "a certificate that is valid at "+rfc3339(j.at))
	default:
		r.Pass(ruleCertValidity, "validity", from+" to "+to)
	}
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// extensionList judges which extensions there are.
func (j *judge) extensionList(known []asn1.ObjectIdentifier) {
	var twice, critical, extra []string
	for i, e := range j.c.Extensions {
		name := extensionName(e.Id)
		if slices.ContainsFunc(j.c.Extensions[:i], func(f pkix.Extension) bool { return e.Id.Equal(f.Id) }) {
			twice = append(twice, name)
		}
		if slices.ContainsFunc(known, e.Id.Equal) {
			continue
		}
		if e.Critical {
			critical = append(critical, name)
		}
		extra = append(extra, name)
	}
	where := "extensions"
	j.r.Check(!der.HasUniqueIdentifiers(j.c.Certificate), ruleCertUniqueIDs, "certificate", "a unique identifier of issuer or subject", "none")
	j.r.Check(len(twice) == 0, ruleCertExtensionsUnique, where, someOf(twice), "each extension once")
	j.r.Check(len(critical) == 0, ruleCertCritical, where, someOf(critical), "no critical extensions but those of the profile")
	j.r.Check(len(extra) == 0, ruleCertExtra, where, someOf(extra), "no further extensions")
}

// someOf lists names for a report. A stranger's certificate can have thousands.
func someOf(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// checkKeyRules records key.algorithm, key.strength and key.signature-algorithm.
func checkKeyRules(r *check.Report, pub crypto.PublicKey, a x509.SignatureAlgorithm) {
	if err := checkKeyAlgorithm(pub); err != nil {
		r.Fail(ruleKeyAlgorithm, "public key", keyKind(pub), "RSA, or ECDSA on P-256 or P-384")
		r.Skip(ruleKeyStrength, "public key", "the algorithm is not one that is read")
	} else {
		r.Pass(ruleKeyAlgorithm, "public key", keyKind(pub))
		if err := checkKeyStrength(pub); err != nil {
			r.Fail(ruleKeyStrength, "public key", err.Error(), fmt.Sprintf("RSA of %d to %d bits", MinRSABits, MaxRSABits))
		} else {
			r.Pass(ruleKeyStrength, "public key", keyKind(pub))
		}
	}
	r.Check(acceptedSignature(a), ruleKeySignature, "signature", a.String(), "RSA or ECDSA with SHA-256 or SHA-384")
}

// caExtensions judges what a CA certificate may be used for: basicConstraints,
// keyUsage, and extKeyUsage, which the profile does not have there, but which
// limits the chains below it if it is there.
func (j *judge) caExtensions(p *profileRules) {
	want := "critical, CA true"
	if p.basicConstraints == ruleRootBasicConstraints {
		want = "critical, CA true, path length absent or at least 1"
	}
	j.value(p.basicConstraints, oidBasicConstraints, want, func(der []byte, critical bool) (string, bool) {
		b, err := parseBasicConstraints(der)
		if err != nil {
			return err.Error(), false
		}
		enough := p.basicConstraints != ruleRootBasicConstraints || b.pathLen != 0
		return criticalWord(critical) + ", " + b.String(), critical && b.ca && enough
	})
	j.value(p.keyUsage, oidKeyUsage, "critical, keyCertSign", func(der []byte, critical bool) (string, bool) {
		u, err := parseKeyUsage(der)
		if err != nil {
			return err.Error(), false
		}
		return criticalWord(critical) + ", " + keyUsageWords(u), critical && u&x509.KeyUsageCertSign != 0
	})
	if findExtension(j.c.Extensions, oidExtendedKeyUsage) == nil {
		j.r.Pass(ruleCertPurpose, "extension "+extensionName(oidExtendedKeyUsage), "no such extension")
		return
	}
	j.value(ruleCertPurpose, oidExtendedKeyUsage, "no such extension, or clientAuth and serverAuth", func(der []byte, _ bool) (string, bool) {
		list, err := parseExtKeyUsage(der)
		if err != nil {
			return err.Error(), false
		}
		return extKeyUsageWords(list), containsOID(list, oidClientAuth) && containsOID(list, oidServerAuth)
	})
}

// value judges the value of an extension that has to be there.
func (j *judge) value(rule *check.Rule, oid asn1.ObjectIdentifier, want string, judge func(der []byte, critical bool) (found string, ok bool)) {
	where := "extension " + extensionName(oid)
	e := findExtension(j.c.Extensions, oid)
	if e == nil {
		j.r.Fail(rule, where, "no such extension", want)
		return
	}
	found, ok := judge(e.Value, e.Critical)
	j.r.Check(ok, rule, where, found, want)
}

// keyIDs judges subjectKeyIdentifier and, if issuer is not nil,
// authorityKeyIdentifier.
func (j *judge) keyIDs(p *profileRules, issuer *x509.Certificate) {
	want, err := subjectKeyID(j.spki)
	if err != nil {
		j.r.Skip(p.subjectKeyID, "public key", err.Error())
	} else {
		j.value(p.subjectKeyID, oidSubjectKeyID, fmt.Sprintf("not critical, %x", want), func(der []byte, critical bool) (string, bool) {
			id, err := parseSubjectKeyID(der)
			if err != nil {
				return err.Error(), false
			}
			return fmt.Sprintf("%s, %x", criticalWord(critical), id), !critical && bytes.Equal(id, want)
		})
	}
	if issuer == nil {
		return
	}
	if len(issuer.SubjectKeyId) == 0 {
		j.r.Skip(p.authorityKeyID, "issuing root", "it has no subjectKeyIdentifier to compare with")
		return
	}
	j.value(p.authorityKeyID, oidAuthorityKeyID, fmt.Sprintf("not critical, %x and nothing else", issuer.SubjectKeyId), func(der []byte, critical bool) (string, bool) {
		id, err := parseAuthorityKeyID(der)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s, %x", criticalWord(critical), id), !critical && bytes.Equal(id, issuer.SubjectKeyId)
	})
}

// issued judges that issuer's name is on the certificate and that the key by
// made its signature. by is the issuer's key, but for the throwaway copy that is
// judged before anything is signed.
func (j *judge) issued(rule *check.Rule, issuer *x509.Certificate, by crypto.PublicKey) {
	if !bytes.Equal(j.c.RawIssuer, issuer.RawSubject) {
		j.r.Fail(rule, "issuer", nameText(j.c.RawIssuer), nameText(issuer.RawSubject)+", byte for byte")
		return
	}
	if err := verifySignature(j.c.SignatureAlgorithm, j.c.RawTBSCertificate, j.c.Signature, by); err != nil {
		j.r.Fail(rule, "signature", err.Error(), "a signature by the issuing root's key")
		return
	}
	j.r.Pass(rule, "signature", nameText(issuer.RawSubject))
}

// lifetime judges root.lifetime or peer.lifetime.
func (j *judge) lifetime(rule *check.Rule) {
	j.r.Check(LivesLongEnough(j.c.Certificate, j.at), rule, "validity", "ends "+rfc3339(j.c.NotAfter),
		fmt.Sprintf("an end in the year %d or later", j.at.UTC().Year()+LifetimeYears))
}

// checkValidityEncoding judges the form of both dates (RFC 5280 sections
// 4.1.2.5.1 and 4.1.2.5.2). crypto/x509 accepts more than one form.
func checkValidityEncoding(tbs []byte) error {
	var (
		in                 = cryptobyte.String(tbs)
		fields, validity   cryptobyte.String
		version            = cbasn1.Tag(0).ContextSpecific().Constructed()
		errBad             = errors.New("a certificate whose dates cannot be found")
		notBefore, notLast cryptobyte.String
		t1, t2             cbasn1.Tag
	)
	if !in.ReadASN1(&fields, cbasn1.SEQUENCE) || !fields.SkipOptionalASN1(version) ||
		!fields.SkipASN1(cbasn1.INTEGER) || !fields.SkipASN1(cbasn1.SEQUENCE) || !fields.SkipASN1(cbasn1.SEQUENCE) ||
		!fields.ReadASN1(&validity, cbasn1.SEQUENCE) ||
		!validity.ReadAnyASN1(&notBefore, &t1) || !validity.ReadAnyASN1(&notLast, &t2) || !validity.Empty() {
		return errBad
	}
	if err := checkTime(notBefore, t1); err != nil {
		return fmt.Errorf("notBefore: %w", err)
	}
	if err := checkTime(notLast, t2); err != nil {
		return fmt.Errorf("notAfter: %w", err)
	}
	return nil
}

func checkTime(text []byte, tag cbasn1.Tag) error {
	switch tag {
	case cbasn1.UTCTime:
		if _, err := time.Parse("060102150405Z", string(text)); err != nil || len(text) != len("060102150405Z") {
			return fmt.Errorf("found UTCTime %q, expected YYMMDDHHMMSSZ", clip(string(text)))
		}
		return nil
	case cbasn1.GeneralizedTime:
		t, err := time.Parse("20060102150405Z", string(text))
		if err != nil || len(text) != len("20060102150405Z") {
			return fmt.Errorf("found GeneralizedTime %q, expected YYYYMMDDHHMMSSZ", clip(string(text)))
		}
		if t.Year() < firstGeneralizedYear {
			return fmt.Errorf("found GeneralizedTime for the year %d, expected UTCTime before %d", t.Year(), firstGeneralizedYear)
		}
		return nil
	}
	return fmt.Errorf("found tag %d, expected UTCTime or GeneralizedTime", tag)
}

// firstGeneralizedYear is the first year that UTCTime cannot hold (RFC 5280
// section 4.1.2.5).
const firstGeneralizedYear = 2050

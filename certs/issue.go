package certs

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
)

// How long what is issued lives, in days of 86,400 seconds.
const (
	// CADays is the lifetime of root and peer certificates.
	CADays = 365_000
	// ServerDays is the usual lifetime of a server certificate.
	ServerDays = 365
)

// Issuer signs for one node. See [NewIssuer] and [IssueRoot].
type Issuer struct {
	root *x509.Certificate
	key  crypto.Signer
}

// NewIssuer refuses a key that is not root's.
func NewIssuer(root *x509.Certificate, key crypto.Signer) (*Issuer, error) {
	switch {
	case root == nil || key == nil:
		return nil, errors.New("issuer: found no root certificate or no key, expected both")
	case !samePublicKey(root.PublicKey, key.Public()):
		found := keyKind(key.Public())
		if spki, err := PublicKeyInfo(key.Public()); err == nil {
			found = KeyFingerprint(spki)
		}
		return nil, fmt.Errorf("issuer: the private key does not belong to the root certificate: found key %s, expected %s", found, KeyFingerprint(root.RawSubjectPublicKeyInfo))
	}
	return &Issuer{root: root, key: key}, nil
}

// IssueRoot makes a self-signed root certificate that lives for [CADays] from
// now, truncated to seconds. An agent's id has to be the one that follows from
// its key ([AgentIdentity]).
func IssueRoot(key crypto.Signer, id Identity, serial Serial, now time.Time) (*Certificate, error) {
	if id.IsZero() {
		return nil, errors.New("issue root certificate: found no identity")
	}
	spki, err := PublicKeyInfo(key.Public())
	if err != nil {
		return nil, fmt.Errorf("issue root certificate: %w", err)
	}
	if id.typ != AccountingAuthority {
		if want, err := AgentIdentity(id.typ, spki); err != nil || id != want {
			return nil, fmt.Errorf("issue root certificate: found id %s, expected %s, which follows from the root key: authorities refuse any other", id.id, want.id)
		}
	}
	keyID, err := subjectKeyID(spki)
	if err != nil {
		return nil, fmt.Errorf("issue root certificate: %w", err)
	}
	t := &signing{
		subject: id.RawName(), issuer: id.RawName(), public: key.Public(), serial: serial, now: now, days: CADays,
		extensions: []pkix.Extension{
			{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{ca: true, pathLen: 1}.der()},
			{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(caKeyUsage)},
			{Id: oidSubjectKeyID, Value: octetStringDER(keyID)},
		},
		judge: checkRoot,
	}
	c, err := t.issue(key)
	if err != nil {
		return nil, fmt.Errorf("issue root certificate: %w", err)
	}
	return c, nil
}

// IssuePeer signs a peer certificate for the node with this root certificate and
// request, both of which are judged first: every failing Error rule is an error.
// subnet is zero unless the issuer is an accounting authority, which gives 6
// digits to a creditors agent and its own 8 and 2 more to a debtors agent. It
// lives for [CADays] from now, truncated to seconds.
func (i *Issuer) IssuePeer(root *Certificate, req *Request, subnet Subnet, serial Serial, now time.Time) (*Certificate, error) {
	c, err := i.issuePeer(root, req, subnet, serial, now)
	if err != nil {
		return nil, fmt.Errorf("issue peer certificate: %w", err)
	}
	return c, nil
}

func (i *Issuer) issuePeer(root *Certificate, req *Request, subnet Subnet, serial Serial, now time.Time) (*Certificate, error) {
	if err := i.ready(now); err != nil {
		return nil, err
	}
	if err := CheckRoot(root, now).Err(); err != nil {
		return nil, fmt.Errorf("the peer's root certificate: %w", err)
	}
	if err := CheckRequest(req, root.Certificate).Err(); err != nil {
		return nil, fmt.Errorf("the peer's request: %w", err)
	}
	authority, err := SubjectIdentity(i.root.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("our root certificate: %w", err)
	}
	peer, err := SubjectIdentity(root.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("the peer's root certificate: %w", err)
	}
	if err := mayGive(authority, peer, subnet); err != nil {
		return nil, err
	}
	constraint, err := constraintName(root.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("the peer's root certificate: %w", err)
	}
	keyID, err := subjectKeyID(root.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, fmt.Errorf("the peer's root certificate: %w", err)
	}
	t := &signing{
		subject: root.RawSubject, issuer: i.root.RawSubject, public: root.PublicKey, serial: serial, now: now, days: CADays,
		extensions: []pkix.Extension{
			{Id: oidAuthorityKeyID, Value: authorityKeyIDDER(i.root.SubjectKeyId)},
			{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{ca: true, pathLen: 0}.der()},
			{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(caKeyUsage)},
			{Id: oidNameConstraints, Critical: true, Value: nameConstraintsDER(constraint)},
			{Id: oidSubjectKeyID, Value: octetStringDER(keyID)},
			{Id: oidNetscapeComment, Value: commentDER(subnet)},
		},
		judge: func(c *Certificate, at time.Time, by crypto.PublicKey) *check.Report {
			return checkPeer(c, i.root, root.Certificate, at, by)
		},
	}
	return t.issue(i.key)
}

// mayGive checks the subnet that is going to be written. What may be read is
// wider: see Subnet.given.
func mayGive(authority, peer Identity, s Subnet) error {
	if !authority.typ.CanPeerWith(peer.typ) {
		return fmt.Errorf("found %s and %s, expected an accounting authority and an agent", authority.typ.article(), peer.typ.article())
	}
	if authority.typ != AccountingAuthority {
		if !s.IsZero() {
			return fmt.Errorf("found subnet %s, expected none: only an accounting authority gives subnets", s)
		}
		return nil
	}
	if s.IsZero() {
		return fmt.Errorf("found no subnet, expected one for %s", peer)
	}
	if err := s.given(authority, peer.typ); err != nil {
		return err
	}
	if peer.typ == DebtorsAgent && s.Digits() != DebtorsSubnetDigits {
		return fmt.Errorf("found subnet %s, expected %d hex digits for a debtors agent", s, DebtorsSubnetDigits)
	}
	return nil
}

// constraintName is the peer's O, OU and serialNumber in the bytes of its own
// name, without what may come after them.
func constraintName(rawSubject []byte) ([]byte, error) {
	n, err := name.Parse(rawSubject)
	if err != nil {
		return nil, err
	}
	if len(n.RDNs()) == len(nameAttributes) {
		return rawSubject, nil
	}
	return firstRDNs(rawSubject, len(nameAttributes))
}

// IssueServer signs a server certificate for a request of the node's own, for
// days of 86,400 seconds from now, truncated to seconds. It must not outlive the
// root certificate.
func (i *Issuer) IssueServer(req *Request, days int, serial Serial, now time.Time) (*Certificate, error) {
	c, err := i.issueServer(req, days, serial, now)
	if err != nil {
		return nil, fmt.Errorf("issue server certificate: %w", err)
	}
	return c, nil
}

func (i *Issuer) issueServer(req *Request, days int, serial Serial, now time.Time) (*Certificate, error) {
	if err := i.ready(now); err != nil {
		return nil, err
	}
	if err := CheckServerRequest(req, i.root).Err(); err != nil {
		return nil, fmt.Errorf("the request: %w", err)
	}
	return i.signServer(req.PublicKey, req.RawSubjectPublicKeyInfo, days, serial, now)
}

// RenewServer signs a server certificate for the public key of an old one, which
// this issuer must have signed; it may have ended. Possession of the key was
// proven by the request of the first one. The limits are those of IssueServer.
func (i *Issuer) RenewServer(old *Certificate, days int, serial Serial, now time.Time) (*Certificate, error) {
	c, err := i.renewServer(old, days, serial, now)
	if err != nil {
		return nil, fmt.Errorf("renew server certificate: %w", err)
	}
	return c, nil
}

func (i *Issuer) renewServer(old *Certificate, days int, serial Serial, now time.Time) (*Certificate, error) {
	if err := i.ready(now); err != nil {
		return nil, err
	}
	if !usable(old) {
		return nil, errors.New("found no old certificate")
	}
	// As of its own beginning: what matters is what it says, not whether it has
	// ended.
	if err := CheckServer(old, i.root, old.NotBefore).Err(); err != nil {
		return nil, fmt.Errorf("the old certificate: %w", err)
	}
	if samePublicKey(old.PublicKey, i.root.PublicKey) {
		// A new one is refused by rule csr.server-key.
		return nil, errors.New("the old certificate is for the root key, expected a key of the server's own: make a new request")
	}
	return i.signServer(old.PublicKey, old.RawSubjectPublicKeyInfo, days, serial, now)
}

// signServer signs for a public key whose possession has been proven.
func (i *Issuer) signServer(public crypto.PublicKey, spki []byte, days int, serial Serial, now time.Time) (*Certificate, error) {
	keyID, err := subjectKeyID(spki)
	if err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	t := &signing{
		subject: i.root.RawSubject, issuer: i.root.RawSubject, public: public, serial: serial, now: now, days: days, last: i.root.NotAfter,
		extensions: []pkix.Extension{
			{Id: oidAuthorityKeyID, Value: authorityKeyIDDER(i.root.SubjectKeyId)},
			{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{pathLen: -1}.der()},
			{Id: oidExtendedKeyUsage, Value: extKeyUsageDER()},
			{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(serverKeyUsage)},
			{Id: oidSubjectKeyID, Value: octetStringDER(keyID)},
		},
		judge: func(c *Certificate, at time.Time, by crypto.PublicKey) *check.Report {
			return checkServer(c, i.root, at, by)
		},
	}
	return t.issue(i.key)
}

// ready refuses a root certificate that cannot issue at this time.
func (i *Issuer) ready(now time.Time) error {
	if i == nil || i.root == nil || i.key == nil {
		return errors.New("found no issuer, expected one made by NewIssuer")
	}
	file := &Certificate{Certificate: i.root, File: EncodeCertificate(i.root)}
	if err := CheckRoot(file, now.UTC().Truncate(time.Second)).Err(); err != nil {
		return fmt.Errorf("our root certificate: %w", err)
	}
	return nil
}

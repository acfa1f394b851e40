package certs

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func plain(certs ...*Certificate) []*x509.Certificate {
	var list []*x509.Certificate
	for _, c := range certs {
		list = append(list, c.Certificate)
	}
	return list
}

func wantReason(t *testing.T, err error, reason Reason, says string) {
	t.Helper()
	var e *ChainError
	switch {
	case reason == "" && err != nil:
		t.Errorf("found %v, expected acceptance", err)
	case reason == "":
	case !errors.As(err, &e):
		t.Errorf("found %v, expected a ChainError", err)
	case e.Reason != reason || !strings.Contains(e.Error(), says):
		t.Errorf("found %v, expected %q that says %q", err, reason, says)
	}
}

// The chains of the reference nodes.
func TestVerifyReference(t *testing.T) {
	aa := referenceCertificate(t, "nodes", "aa", "root-ca.crt")
	ca := referenceCertificate(t, "nodes", "ca", "root-ca.crt")
	aaServer, caServer := referenceCertificate(t, "servers", "aa.crt"), referenceCertificate(t, "servers", "ca.crt")
	aaToCA := referenceCertificate(t, "nodes", "ca", "peers", "1234abcd", "sub-ca.crt")
	caToAA := referenceCertificate(t, "nodes", "aa", "peers", "ae4209290a434d18be5465b3d11257f8", "sub-ca.crt")
	id, err := VerifyClient(plain(caServer, aaToCA), aa.Certificate, at)
	if want := must(SubjectIdentity(ca.RawSubject)); err != nil || id != want {
		t.Errorf("client of ca at aa: found %v, %v", id, err)
	}
	id, err = VerifyClient(plain(aaServer, caToAA), ca.Certificate, at)
	if want := must(SubjectIdentity(aa.RawSubject)); err != nil || id != want {
		t.Errorf("client of aa at ca: found %v, %v", id, err)
	}
	wantReason(t, VerifyServer(plain(aaServer), aa.Certificate, at), "", "")
	wantReason(t, VerifyServer(plain(caServer, aaToCA), ca.Certificate, at), "", "")
	wantReason(t, VerifyServer(plain(caServer), aa.Certificate, at), ReasonPath, "")
}

func TestVerifyClient(t *testing.T) {
	w := theWorld()
	daServer := w.da.server(t)
	attacker := newNode(t, CreditorsAgent)
	aaToAttacker := w.aa.certify(t, attacker, "000002")
	// The attacker holds a valid peer certificate and signs what it likes.
	forge := func(change func(l *lie)) *Certificate {
		l := retell(attacker.server(t), attacker.key)
		change(l)
		return l.tell(t)
	}
	asCA := forge(func(l *lie) { l.subject = w.ca.root.RawSubject })
	// A peer certificate of ours with something wrong in it.
	peer := func(change func(l *lie)) *Certificate {
		l := retell(w.aaToCA, w.aa.key)
		change(l)
		return l.tell(t)
	}
	leaf := func(change func(l *lie)) *Certificate {
		l := retell(w.server, w.ca.key)
		change(l)
		return l.tell(t)
	}
	eku := func(oids ...asn1.ObjectIdentifier) []byte { return must(asn1.Marshal(oids)) }
	subKey := newEC(elliptic.P256())
	sub := retell(w.aaToCA, w.ca.key) // ca signs a CA for itself below its own
	sub.issuer, sub.spki = w.ca.root.RawSubject, spkiOf(subKey.Public())
	sub.drop(oidNameConstraints)
	subLeaf := retell(w.server, subKey)
	// Another authority, which has no business to be a peer of this one.
	rival := newNode(t, AccountingAuthority)
	toRival := peer(func(l *lie) {
		l.subject, l.spki = rival.root.RawSubject, rival.root.RawSubjectPublicKeyInfo
		l.ext(oidNameConstraints).value = nameConstraintsDER(rival.root.RawSubject)
		l.ext(oidSubjectKeyID).value = octetStringDER(rival.root.SubjectKeyId)
	})
	long := peer(func(l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{true, -1}.der() })
	for _, tt := range []struct {
		name      string
		presented []*x509.Certificate
		at        time.Time
		reason    Reason
		says      string
	}{
		{"as it should be", plain(w.server, w.aaToCA), at, "", ""},
		{"with the peer's own root along", plain(w.server, w.aaToCA, w.ca.root), at, "", ""},
		{"with our root along", plain(w.server, w.aaToCA, w.aa.root), at, "", ""},
		{"with another's peer certificate before its own", plain(w.server, w.aaToDA, w.aaToCA), at, "", ""},
		{"two authorities", plain(rival.server(t), toRival), at, ReasonPeer, "expected an accounting authority and an agent"},
		{"nothing", nil, at, ReasonNothing, "expected a server certificate"},
		{"nil", []*x509.Certificate{nil}, at, ReasonNothing, "certificate 1"},
		{"at the limit", append(plain(w.server, w.aaToCA), slices.Repeat(plain(w.da.root), MaxPresented-2)...), at, "", ""},
		{"one past the limit", append(plain(w.server, w.aaToCA), slices.Repeat(plain(w.da.root), MaxPresented-1)...), at, ReasonTooMany, "found 11"},
		{"without the peer certificate", plain(w.server), at, ReasonPath, ""},
		{"with the wrong peer certificate", plain(w.server, w.aaToDA), at, ReasonPath, ""},
		{"with its own root instead", plain(w.server, w.ca.root), at, ReasonPath, ""},
		{"the peer certificate first", plain(w.aaToCA, w.server), at, ReasonShape, "found peer certificate of creditors agent"},
		{"a peer certificate as the leaf", plain(w.aaToCA), at, ReasonShape, "found peer certificate of creditors agent"},
		{"our own server certificate", plain(w.aa.server(t)), at, ReasonShape, "found server certificate of accounting authority 1234abcd, root certificate of"},
		{"our own root", plain(w.aa.root), at, ReasonShape, "found root certificate of accounting authority 1234abcd, expected"},
		{"another node's peer", plain(daServer, w.aaToDA), at, "", ""},
		{"another node's name below the attacker's peer certificate", plain(asCA, aaToAttacker), at, ReasonPath, ""},
		{"another node's name, both peer certificates", plain(asCA, aaToAttacker, w.aaToCA), at, ReasonPath, ""},
		{"another node's name and issuer", plain(forge(func(l *lie) { l.subject, l.issuer = w.ca.root.RawSubject, w.ca.root.RawSubject }), aaToAttacker, w.aaToCA), at, ReasonPath, ""},
		{"a root of its own", plain(attacker.server(t), attacker.root), at, ReasonPath, ""},
		{"a peer certificate that it made itself", plain(w.server, func() *Certificate {
			l := retell(w.aaToCA, attacker.key)
			return l.tell(t)
		}()), at, ReasonPath, ""},
		// Self-issued certificates do not count against a path length (RFC 5280 section 6.1.4 (l)).
		{"a certificate authority below, path length 0", plain(subLeaf.tell(t), sub.tell(t), w.aaToCA), at, ReasonShape, "root certificate of creditors agent"},
		{"a certificate authority below, any path length", plain(subLeaf.tell(t), sub.tell(t), long), at, ReasonShape, "root certificate of creditors agent"},
		{"peer certificate without constraints", plain(w.server, peer(func(l *lie) { l.drop(oidNameConstraints) })), at, ReasonPeer, "found no nameConstraints"},
		{"peer certificate with constraints that may be ignored", plain(w.server, peer(func(l *lie) { l.ext(oidNameConstraints).critical = false })), at, ReasonPeer, "not critical"},
		{"peer certificate for all creditors agents", plain(w.server, peer(func(l *lie) {
			l.ext(oidNameConstraints).value = nameConstraintsDER(simpleName(o(Organization), ou(agents)))
		})), at, ReasonPeer, "expected the name of creditors agent"},
		{"peer certificate constrained to another", plain(w.server, peer(func(l *lie) { l.ext(oidNameConstraints).value = nameConstraintsDER(w.da.root.RawSubject) })), at, ReasonPath, ""},
		{"leaf with a spoiled signature", plain(leaf(func(l *lie) { l.spoil = true }), w.aaToCA), at, ReasonPath, ""},
		{"leaf that is a certificate authority", plain(leaf(func(l *lie) { l.ext(oidBasicConstraints).value = basicConstraints{true, 0}.der() }), w.aaToCA), at, ReasonLeaf, "CA true"},
		{"leaf for servers only", plain(leaf(func(l *lie) { l.ext(oidExtendedKeyUsage).value = eku(oidServerAuth) }), w.aaToCA), at, ReasonPath, ""},
		{"leaf for clients only", plain(leaf(func(l *lie) { l.ext(oidExtendedKeyUsage).value = eku(oidClientAuth) }), w.aaToCA), at, ReasonLeaf, "expected clientAuth and serverAuth"},
		{"leaf for any purpose", plain(leaf(func(l *lie) { l.drop(oidExtendedKeyUsage) }), w.aaToCA), at, ReasonLeaf, "found no extKeyUsage"},
		{"leaf without basicConstraints", plain(leaf(func(l *lie) { l.drop(oidBasicConstraints) }), w.aaToCA), at, ReasonLeaf, "found no basicConstraints"},
		{"leaf that signs nothing", plain(leaf(func(l *lie) { l.ext(oidKeyUsage).value = keyUsageDER(x509.KeyUsageKeyEncipherment) }), w.aaToCA), at, ReasonLeaf, "keyEncipherment"},
		{"leaf without keyUsage", plain(leaf(func(l *lie) { l.drop(oidKeyUsage) }), w.aaToCA), at, ReasonLeaf, "found no keyUsage"},
		{"leaf with something after its name", plain(leaf(func(l *lie) {
			l.subject = simpleName(o(Organization), ou(agents), sn(w.ca.id.ID()), part(oidCommonName, "x"))
		}), w.aaToCA), at, "", ""},
		{"leaf with two ids", plain(leaf(func(l *lie) {
			l.subject = simpleName(o(Organization), ou(agents), sn(w.ca.id.ID()), sn(w.da.id.ID()))
		}), w.aaToCA), at, ReasonLeaf, "2 serialNumber attributes"},
		{"leaf without an id", plain(leaf(func(l *lie) { l.subject = simpleName(o(Organization), ou(agents)) }), w.aaToCA), at, ReasonPath, ""},
		{"leaf with a weak key", plain(leaf(func(l *lie) { l.spki = spkiOf(weakRSA().Public()) }), w.aaToCA), at, ReasonPath, ""},
		{"at the first moment", plain(w.server, w.aaToCA), at, "", ""},
		{"a second before", plain(w.server, w.aaToCA), at.Add(-time.Second), ReasonPath, ""},
		{"at the last moment", plain(w.server, w.aaToCA), at.AddDate(0, 0, ServerDays), "", ""},
		{"a second after", plain(w.server, w.aaToCA), at.AddDate(0, 0, ServerDays).Add(time.Second), ReasonPath, ""},
		{"at no time", plain(w.server, w.aaToCA), time.Time{}, ReasonPath, "found no time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := VerifyClient(tt.presented, w.aa.root.Certificate, tt.at)
			wantReason(t, err, tt.reason, tt.says)
			if id.IsZero() != (err != nil) {
				t.Errorf("found identity %v with %v", id, err)
			}
		})
	}
	if id, err := VerifyClient(plain(w.server, w.aaToCA), w.aa.root.Certificate, at); id != w.ca.id {
		t.Errorf("found %v, %v, expected %v", id, err, w.ca.id)
	}
	_, err := VerifyClient(plain(w.server, w.aaToCA), nil, at)
	wantReason(t, err, ReasonRoot, "found no root certificate")
	_, err = VerifyClient(plain(w.server, w.aaToCA), &x509.Certificate{}, at)
	wantReason(t, err, ReasonRoot, "")
}

func TestVerifyServer(t *testing.T) {
	w := theWorld()
	leaf := func(change func(l *lie)) *Certificate {
		l := retell(w.server, w.ca.key)
		change(l)
		return l.tell(t)
	}
	aaServer := w.aa.server(t)
	for _, tt := range []struct {
		name      string
		presented []*x509.Certificate
		root      *Certificate
		reason    Reason
		says      string
	}{
		{"as it should be", plain(w.server), w.ca.root, "", ""},
		{"with the root along", plain(w.server, w.ca.root), w.ca.root, "", ""},
		{"with peer certificates along", plain(w.server, w.aaToCA, w.aaToDA), w.ca.root, "", ""},
		{"nothing", nil, w.ca.root, ReasonNothing, ""},
		{"a server of another node", plain(aaServer), w.ca.root, ReasonPath, ""},
		{"a peer of the node in its place", plain(w.server, w.aaToCA), w.aa.root, ReasonPath, ""},
		{"the root itself", plain(w.ca.root), w.ca.root, ReasonShape, "found root certificate of creditors agent"},
		{"a peer certificate that the node issued", plain(w.caToAA), w.ca.root, ReasonLeaf, "CA true"},
		{"a leaf of the root with another name", plain(leaf(func(l *lie) { l.subject = w.da.root.RawSubject })), w.ca.root, ReasonIdentity, "expected one of creditors agent"},
		{"a leaf that is no server", plain(leaf(func(l *lie) { l.drop(oidExtendedKeyUsage) })), w.ca.root, ReasonLeaf, "extKeyUsage"},
		{"a leaf for clients only", plain(leaf(func(l *lie) {
			l.ext(oidExtendedKeyUsage).value = must(asn1.Marshal([]asn1.ObjectIdentifier{oidClientAuth}))
		})), w.ca.root, ReasonPath, ""},
		{"no root", plain(w.server), &Certificate{}, ReasonRoot, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantReason(t, VerifyServer(tt.presented, tt.root.Certificate, at), tt.reason, tt.says)
		})
	}
}

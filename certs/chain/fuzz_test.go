package chain

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"
)

// FuzzNameConstraints: what is accepted is written again as it was.
func FuzzNameConstraints(f *testing.F) {
	seeds := 0
	for _, r := range readConstraintRows(f) {
		f.Add(unhex(f, r.ConstraintDER))
		seeds++
	}
	for _, node := range []string{"ca", "da"} {
		for _, e := range referencePeer(f, "aa", node).Extensions {
			if e.Id.Equal(oidNameConstraints) {
				f.Add(e.Value)
				seeds++
			}
		}
	}
	if seeds != 29 {
		f.Fatalf("found %d seeds, expected 29", seeds)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseNameConstraints(der)
		if err != nil {
			return
		}
		if len(c.Permitted)+len(c.Excluded) == 0 {
			t.Fatal("found no subtrees")
		}
		again, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(der, again) {
			t.Fatalf("found %x, expected %x", again, der)
		}
		for _, s := range append(c.Permitted, c.Excluded...) {
			_ = s.String()
			if s.Form == DirectoryName && (!s.Name.Within(s.Name) || !s.Name.MayBeWithin(s.Name)) {
				t.Fatal("expected the base to lie in its subtree")
			}
		}
	})
}

// FuzzVerify judges certificates made of changed bytes, as leaf and as
// intermediate. No certificate but those of the seeds can be signed, so none
// may be accepted unless crypto/x509 parses it to the same signed bytes.
func FuzzVerify(f *testing.F) {
	root := referenceRoot(f, "aa")
	good := map[string]bool{}
	seeds := 0
	add := func(leaf, intermediate *x509.Certificate) {
		f.Add(leaf.Raw, intermediate.Raw)
		good[string(leaf.RawTBSCertificate)], good[string(intermediate.RawTBSCertificate)] = true, true
		seeds++
	}
	for _, node := range []string{"ca", "da"} {
		add(referenceServer(f, node), referencePeer(f, "aa", node))
	}
	for _, tt := range constraintChains(f) {
		c, _ := tt.build(f)
		if c["ca"] != nil {
			add(c["leaf"], c["ca"])
		}
	}
	good[string(root.RawTBSCertificate)] = true
	good[string(referenceServer(f, "aa").RawTBSCertificate)] = true
	if seeds < 20 {
		f.Fatalf("found %d seeds, expected 20 at least", seeds)
	}
	f.Fuzz(func(t *testing.T, leafDER, intermediateDER []byte) {
		leaf, intermediate := &x509.Certificate{Raw: leafDER}, &x509.Certificate{Raw: intermediateDER}
		path, err := Verify(leaf, Options{Roots: []*x509.Certificate{root}, Intermediates: []*x509.Certificate{intermediate}, Time: testTime})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Cert == nil || path != nil || e.Reason < Malformed || e.Reason > WorkLimit {
				t.Fatalf("found %v, expected an *Error with a reason and a certificate", err)
			}
			return
		}
		for _, c := range path {
			x, err := x509.ParseCertificate(c.Raw)
			if err != nil || !good[string(x.RawTBSCertificate)] {
				t.Fatalf("found %x accepted, expected only what the reference nodes signed (%v)", c.Raw, err)
			}
		}
	})
}

func FuzzAltNames(f *testing.F) {
	f.Add(san(f, sanName{DNSName, []byte("a.example")}, sanName{URI, []byte("http://a.example/")}, sanName{RFC822Name, []byte("a@b.example")}, sanName{IPAddress, []byte{1, 2, 3, 4}}))
	f.Add(san(f, sanName{DirectoryName, referenceRoot(f, "aa").RawSubject}))
	seeds := 2
	for _, r := range readConstraintRows(f) {
		if r.SANDER != nil {
			f.Add(unhex(f, *r.SANDER))
			seeds++
		}
	}
	if seeds != 6 {
		f.Fatalf("found %d seeds, expected 6", seeds)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		names, err := parseAltNames(der)
		if err != nil {
			return
		}
		for _, n := range names {
			_ = n.String()
			// No base of the same form is met in both ways at once: what may
			// lie in an excluded subtree includes what lies in a permitted one.
			for _, base := range []string{"", "example", ".example", "a.example", "a@b.example"} {
				s := Subtree{Form: n.form, Text: base}
				inside, err := s.contains(n)
				mayBe, errMay := s.mayContain(n)
				if inside && err == nil && !mayBe && errMay == nil {
					t.Fatalf("%v: found inside %v and outside it", n, s)
				}
			}
		}
	})
}

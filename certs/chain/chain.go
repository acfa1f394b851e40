package chain

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/swaptacular/swptpeer/certs/name"
)

// Limits on the search for a path. Intermediates come from strangers, who can
// make them so that many paths look possible.
const (
	// MaxLength is the greatest number of certificates in a path, leaf and root
	// included. Paths of the network have 2 or 3; other PKIs rarely have 5.
	MaxLength = 10
	// MaxIntermediates is the greatest number of intermediates. A peer needs 1;
	// each costs a parse and the preparation of its subject, which can be
	// made to take milliseconds.
	MaxIntermediates = 32
	// MaxSignatures is the greatest number of signatures verified for one
	// leaf, as in crypto/x509: some 20 ms with RSA 3072, some 100 ms with the
	// greatest keys.
	MaxSignatures = 100
	// MaxCandidates is the greatest number of times that a certificate is
	// considered as an issuer; most times cost a signature, the others nearly
	// nothing.
	MaxCandidates = 1000
	// MaxComparisons is the greatest number of comparisons of a name with a
	// subtree; comparing text longer than 64 bytes counts for more.
	MaxComparisons = 100_000
)

// Options of Verify. Roots must not be empty; there is no default.
type Options struct {
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
	Time          time.Time          // required
	KeyUsages     []x509.ExtKeyUsage // every one of these must be allowed by the path; empty: not checked
}

// Verify finds a path from leaf to one of the roots and returns it, leaf first,
// root last, as the certificates that were given; if the leaf is a root, it
// alone. See the package comment for what is checked.
//
// Certificates are judged by their Raw bytes alone, and are not changed. Neither
// the order nor repetition of intermediates matters, and those that cannot be
// read are passed over. The error is an [*Error] unless the call is wrong: no
// leaf, no roots, a root that cannot be read, no time.
func Verify(leaf *x509.Certificate, opts Options) ([]*x509.Certificate, error) {
	if leaf == nil {
		return nil, errors.New("chain: found no leaf, expected a certificate")
	}
	if len(opts.Roots) == 0 {
		return nil, errors.New("chain: found no roots, expected at least one; the system's roots are never used")
	}
	if opts.Time.IsZero() {
		return nil, errors.New("chain: found no time, expected the time to judge for")
	}
	s := search{at: opts.Time, usages: opts.KeyUsages, comparisons: MaxComparisons}
	if err := s.gather(opts.Roots, opts.Intermediates); err != nil {
		return nil, err
	}
	if len(opts.Intermediates) > MaxIntermediates {
		return nil, &Error{Reason: WorkLimit, Cert: leaf, Found: fmt.Sprintf("%d intermediates", len(opts.Intermediates)),
			Expected: fmt.Sprintf("at most %d", MaxIntermediates)}
	}
	start, err := read(leaf)
	if err != nil {
		return nil, &Error{Reason: Malformed, Cert: leaf, Found: "a certificate that cannot be read", Expected: "an X.509 certificate", Err: err}
	}
	if err := s.checkLeaf(start); err != nil {
		err.Cert = leaf
		return nil, err
	}
	path, failure := s.find(start)
	if failure != nil {
		return nil, failure
	}
	given := make([]*x509.Certificate, len(path))
	for i, c := range path {
		given[i] = c.given
	}
	return given, nil
}

// search is one call of Verify.
type search struct {
	at     time.Time
	usages []x509.ExtKeyUsage
	pool   []*certificate // roots first
	unread error          // the first intermediate that could not be read

	signatures, candidates int // made so far
	comparisons            int // left

	exhausted bool
	best      *Error // see Error
	bestRank  int
}

func (s *search) gather(roots, intermediates []*x509.Certificate) error {
	for i, r := range roots {
		if r == nil {
			return fmt.Errorf("chain: root %d: found nil, expected a certificate", i+1)
		}
		c, err := read(r)
		if err != nil {
			return fmt.Errorf("chain: root %d: %w", i+1, err)
		}
		c.isRoot = true
		s.add(c)
	}
	for i, x := range intermediates[:min(len(intermediates), MaxIntermediates)] {
		if x == nil {
			return fmt.Errorf("chain: intermediate %d: found nil, expected a certificate", i+1)
		}
		c, err := read(x)
		if err != nil {
			if s.unread == nil {
				s.unread = fmt.Errorf("intermediate %d cannot be read: %w", i+1, err)
			}
			continue
		}
		s.add(c)
	}
	return nil
}

func (s *search) add(c *certificate) {
	if !slices.ContainsFunc(s.pool, c.same) {
		s.pool = append(s.pool, c)
	}
}

func (s *search) find(leaf *certificate) ([]*certificate, *Error) {
	if slices.ContainsFunc(s.pool, func(c *certificate) bool { return c.isRoot && c.same(leaf) }) {
		return []*certificate{leaf}, nil
	}
	if path := s.extend([]*certificate{leaf}); path != nil {
		return path, nil
	}
	return nil, s.best
}

// extend completes a path, whose certificates have been judged, or returns nil.
func (s *search) extend(path []*certificate) []*certificate {
	child, depth := path[len(path)-1], len(path)-1
	if err := child.checkAlgorithm(); err != nil {
		s.fail(err, child, depth, rankOf(depth, stageNone))
		return nil
	}
	if child.issuer.IsEmpty() {
		s.fail(&Error{Reason: Malformed, Found: "an empty issuer", Expected: "a name (RFC 5280, 4.1.2.4)"},
			child, depth, rankOf(depth, stageNone))
		return nil
	}
	issuers := s.issuersOf(path)
	if len(issuers) == 0 {
		s.fail(&Error{Reason: NoIssuer, Found: "issuer " + child.issuer.String(),
			Expected: fmt.Sprintf("a certificate of that name, not in the path already, among %d roots and intermediates", len(s.pool)),
			Err:      s.unread}, child, depth, rankOf(depth, stageNone))
		return nil
	}
	for _, issuer := range issuers {
		if s.candidates++; s.candidates > MaxCandidates {
			s.exhaust(child, depth, fmt.Sprintf("more than %d possible issuers", MaxCandidates))
		} else if s.judge(path, issuer) {
			longer := append(slices.Clip(path), issuer)
			if issuer.isRoot {
				return longer
			}
			if done := s.extend(longer); done != nil {
				return done
			}
		}
		if s.exhausted {
			return nil
		}
	}
	return nil
}

// issuersOf returns what can come next by name, the most promising first: key
// identifiers that agree, then those that are absent, then those that differ;
// among equals roots first. Identifiers can be wrong, so they only sort.
func (s *search) issuersOf(path []*certificate) []*certificate {
	child := path[len(path)-1]
	var issuers []*certificate
	for _, c := range s.pool {
		if !name.Equal(c.subject, child.issuer) {
			continue
		}
		if c.same(path[0]) || slices.ContainsFunc(path[1:], c.sameCA) {
			continue
		}
		issuers = append(issuers, c)
	}
	wanted := child.x.AuthorityKeyId
	rank := func(c *certificate) int {
		switch {
		case len(wanted) == 0 || len(c.x.SubjectKeyId) == 0:
			return 1
		case bytes.Equal(wanted, c.x.SubjectKeyId):
			return 0
		}
		return 2
	}
	slices.SortStableFunc(issuers, func(a, b *certificate) int { return rank(a) - rank(b) })
	return issuers
}

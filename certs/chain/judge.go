package chain

import "fmt"

// checkLeaf makes the checks of the leaf that no path changes.
func (s *search) checkLeaf(leaf *certificate) *Error {
	if err := s.checkAny(leaf); err != nil {
		return err
	}
	return leaf.checkKey()
}

// checkAny makes the checks that hold for every certificate.
func (s *search) checkAny(c *certificate) *Error {
	if err := c.examine(); err != nil {
		return &Error{Reason: Malformed, Found: "an issuer or an extension that cannot be read", Expected: "DER as in RFC 5280", Err: err}
	}
	if err := c.checkCritical(); err != nil {
		return err
	}
	if err := c.checkTime(s.at); err != nil {
		return err
	}
	return c.checkUsages(s.usages)
}

// judge reports whether issuer may follow in the path, whose certificates have
// been judged, and remembers why not. All constraints are of an issuer on what
// is below it, so nothing needs to be judged again when the path grows.
func (s *search) judge(path []*certificate, issuer *certificate) bool {
	child, depth := path[len(path)-1], len(path)
	if !issuer.isRoot && depth+2 > MaxLength {
		s.fail(&Error{Reason: ChainTooLong, Found: fmt.Sprintf("an intermediate as certificate %d", depth+1),
			Expected: fmt.Sprintf("a root there at the latest: at most %d certificates", MaxLength)}, issuer, depth, rankOf(depth-1, stageKey))
		return false
	}
	if err := issuer.checkKey(); err != nil {
		s.fail(err, issuer, depth, rankOf(depth-1, stageKey))
		return false
	}
	// 6.1.3 a 1. It comes before what is asked of the issuer alone, so that
	// errors speak of issuers that really signed.
	if s.signatures++; s.signatures > MaxSignatures {
		s.exhaust(child, depth-1, fmt.Sprintf("more than %d signatures to verify", MaxSignatures))
		return false
	}
	if err := issuer.x.CheckSignature(child.x.SignatureAlgorithm, child.x.RawTBSCertificate, child.x.Signature); err != nil {
		s.fail(&Error{Reason: BadSignature, Found: "a signature that this issuer's key did not make",
			Expected: fmt.Sprintf("one by the key of %s", issuer.subject), Err: err}, child, depth-1, rankOf(depth-1, stageSignature))
		return false
	}
	for _, check := range []func() *Error{
		func() *Error { return s.checkAny(issuer) },
		issuer.checkCA,
		func() *Error { return checkPathLength(path, issuer) },
	} {
		if err := check(); err != nil {
			s.fail(err, issuer, depth, rankOf(depth-1, stageIssuer))
			return false
		}
	}
	return s.checkConstraints(path, issuer)
}

// checkPathLength: 6.1.4 l and m. Intermediates below issuer count unless they
// are self-issued; the leaf does not.
func checkPathLength(path []*certificate, issuer *certificate) *Error {
	limit, limited := issuer.maxPathLength()
	if !limited {
		return nil
	}
	below := 0
	for _, c := range path[1:] {
		if !c.selfIssued() {
			below++
		}
	}
	if below <= limit {
		return nil
	}
	return &Error{Reason: PathLength, Found: fmt.Sprintf("path length %d (intermediates below it)", below), Expected: fmt.Sprintf("at most %d", limit)}
}

// checkConstraints: 6.1.3 b and c, for the constraints of one issuer.
func (s *search) checkConstraints(path []*certificate, issuer *certificate) bool {
	if issuer.constraints == nil {
		return true
	}
	for i, c := range path {
		if i > 0 && c.selfIssued() {
			continue
		}
		v, finished := issuer.constraints.check(c.names, &s.comparisons)
		if !finished {
			s.exhaust(issuer, len(path), fmt.Sprintf("more than %d comparisons of names with constraints", MaxComparisons))
			return false
		}
		if v != nil {
			s.fail(&Error{Reason: NameNotAllowed, Found: v.name.String(),
				Expected: fmt.Sprintf("%s, by the constraints of %s", v.expected, issuer.subject)}, c, i, rankOf(len(path)-1, stageIssuer))
			return false
		}
	}
	return true
}

// A failure ranks by how far from the leaf the search has come, and there by
// what is known of the issuer.
const (
	stageNone      = iota // there is none
	stageSignature        // it has the name
	stageKey              // it has the name and cannot be asked
	stageIssuer           // it signed
	stages
)

// rankOf takes the depth of the certificate whose issuer is looked for.
func rankOf(depth, stage int) int { return stages*depth + stage }

// fail remembers a failure if it is more informative than all before.
func (s *search) fail(err *Error, fault *certificate, depth, rank int) {
	err.Cert, err.Depth = fault.given, depth
	if s.best == nil || rank > s.bestRank {
		s.best, s.bestRank = err, rank
	}
}

// exhaust ends the search.
func (s *search) exhaust(fault *certificate, depth int, found string) {
	err := &Error{Reason: WorkLimit, Cert: fault.given, Depth: depth, Found: found, Expected: "a path before that"}
	if s.best != nil {
		err.Err = s.best
	}
	s.best, s.exhausted = err, true
}

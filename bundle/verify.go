package bundle

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Verify judges a bundle of the given size (spec info-bundle.md, "Reading one").
// It runs every check that can run; the bundle is nil unless report.OK(false).
// What cannot be judged because of a breach is reported as skipped, with the
// reason; nodeinfo.zip is opened only if its signature is right.
//
// The bundle is read from r, again for everything that is taken out of it later,
// so r must stay open as long as the Bundle is used. It is not held in memory,
// unless nodeinfo.zip is deflated in it, which no tool in use does; then that
// member is, up to [MaxNodeInfo].
func Verify(r io.ReaderAt, size int64, opts VerifyOptions) (*Bundle, *check.Report) {
	return newVerifier(size, opts).run(r)
}

func newVerifier(size int64, opts VerifyOptions) *verifier {
	return &verifier{opts: opts, report: &check.Report{Subject: cmp.Or(opts.Name, "info-bundle")}, b: &Bundle{Size: size}}
}

func (v *verifier) run(r io.ReaderAt) (*Bundle, *check.Report) {
	v.verify(r, v.b.Size)
	if !v.report.OK(false) {
		return nil, v.report
	}
	return v.b, v.report
}

// verifier is one run of Verify.
type verifier struct {
	opts   VerifyOptions
	report *check.Report
	b      *Bundle // what is known so far
	outer  *strictzip.Archive
	sizes  map[string]int64    // of the members that are there and not too large
	sums   map[string][32]byte // of the same
	opened *opened             // nodeinfo.zip, if it has been judged already: what has its digest is not opened again
}

func (v *verifier) verify(r io.ReaderAt, size int64) {
	outer, report := strictzip.Open(r, size, v.opts.Limits.outer())
	v.report.Append("", report)
	if outer == nil {
		const why = "the bundle is not an archive that can be read"
		v.skip(why, "", ruleMembers, ruleMemberSize)
		v.root(why)
		v.request(why)
		v.nodeInfo(why)
		v.trust()
		return
	}
	v.outer = outer
	v.b.SHA256 = outer.SHA256()
	v.members()
	v.root("")
	v.request("")
	v.nodeInfo("")
	v.trust()
}

// skip records that the rules could not be checked.
func (v *verifier) skip(why, where string, rules ...*check.Rule) {
	for _, rule := range rules {
		v.report.Skip(rule, where, why)
	}
}

// members judges which members there are. That each is there only once, and
// that none is a link, has been judged by strictzip.
func (v *verifier) members() {
	v.sizes, v.sums = map[string]int64{}, map[string][32]byte{}
	var extra []string
	good := true
	for _, e := range v.outer.Entries() {
		max, known := int64(0), false
		for _, m := range members {
			if m.name == e.Name {
				max, known = m.max, true
			}
			if e.Name == memberNodeInfo {
				max = v.opts.Limits.inner().Archive
			}
		}
		switch {
		case !known:
			extra = append(extra, e.Name)
		case e.Size == 0 || e.Size > max:
			good = false
			v.sizes[e.Name] = -1
			v.report.Fail(ruleMemberSize, e.Name, fmt.Sprintf("%d bytes", e.Size), fmt.Sprintf("1 to %d", max))
		default:
			v.sizes[e.Name], v.sums[e.Name] = e.Size, e.SHA256
		}
	}
	if good {
		v.report.Pass(ruleMemberSize, "", "")
	}

	good = true
	for _, m := range members {
		if _, ok := v.sizes[m.name]; !ok {
			good = false
			v.report.Fail(ruleMembers, m.name, "no such member", "exactly one")
		}
	}
	for _, n := range extra {
		good = false
		what := "a member"
		if strings.HasSuffix(n, "/") {
			what = "a folder"
		}
		v.report.Fail(ruleMembers, quote(n), what+" that does not belong there", "only the four members")
	}
	if good {
		v.report.Pass(ruleMembers, "", "")
	}
}

// member returns a small member, or why it cannot be had.
func (v *verifier) member(n string) (content []byte, why string) {
	size, ok := v.sizes[n]
	switch {
	case !ok:
		return nil, "there is no " + n
	case size < 0:
		return nil, n + " has a size that is not allowed"
	}
	content, err := v.outer.ReadFile(n, size)
	if err != nil {
		v.report.Fail(ruleUnchanged, n, err.Error(), "the bytes that were there before")
		return nil, n + " could not be read again"
	}
	return content, ""
}

// root judges root-ca.crt, unless there is a reason why it cannot.
func (v *verifier) root(why string) {
	var file []byte
	if why == "" {
		file, why = v.member(memberRoot)
	}
	if why != "" {
		v.skip(why, memberRoot, rootRules...)
		return
	}
	c, report := certs.CheckRootFile(file, v.opts.Time)
	v.report.Append(memberRoot, report)
	if c != nil && v.opts.EndsWithin > 0 {
		v.report.Append(memberRoot, certs.CheckEnds(c.Certificate, v.opts.Time, v.opts.EndsWithin))
	}
	if c == nil {
		for _, rule := range rootRules {
			if !report.Has(rule.ID, check.Failed) {
				v.report.Skip(rule, memberRoot, "there is no certificate that can be read")
			}
		}
		return
	}
	v.b.Root = c
	// An error is a breach of a name rule, which CheckRootFile has recorded.
	v.b.Identity, _ = certs.SubjectIdentity(c.RawSubject)
}

// request judges root-ca.csr.
func (v *verifier) request(why string) {
	var file []byte
	if why == "" {
		file, why = v.member(memberRequest)
	}
	if why == "" && v.b.Root == nil {
		why = "there is no root certificate to compare with"
	}
	if why != "" {
		v.skip(why, memberRequest, requestRules...)
		return
	}
	req, report := certs.CheckRequestFile(file, v.b.Root.Certificate)
	v.report.Append(memberRequest, report)
	if req == nil {
		for _, rule := range requestRules {
			if !report.Has(rule.ID, check.Failed) {
				v.report.Skip(rule, memberRequest, "there is no signing request that can be read")
			}
		}
		return
	}
	v.b.Request = req
}

// nodeInfo judges the signature and, if it is right, what it covers.
func (v *verifier) nodeInfo(why string) {
	if why == "" {
		why = v.signature()
	}
	if why == "" {
		return
	}
	if !v.report.Has(ruleSignature.ID, check.Failed) {
		v.report.Skip(ruleSignature, memberSignature, why)
	}
	v.skip(why, memberNodeInfo, innerRules...)
}

// signature judges nodeinfo.signature, and nodeinfo.zip after it. It returns why
// nodeinfo.zip was not judged.
func (v *verifier) signature() (why string) {
	signature, why := v.member(memberSignature)
	size, ok := v.sizes[memberNodeInfo]
	switch {
	case why != "":
		return why
	case !ok:
		return "there is no " + memberNodeInfo
	case size < 0:
		return memberNodeInfo + " has a size that is not allowed"
	case v.b.Root == nil:
		return "there is no root certificate to verify the signature with"
	}
	sum := v.sums[memberNodeInfo]
	if err := certs.VerifyDigest(v.b.Root.PublicKey, sum, signature); err != nil {
		v.report.Fail(ruleSignature, memberSignature, err.Error(), "a signature by the key of root-ca.crt over nodeinfo.zip")
		return "nodeinfo.zip is not signed by the key of root-ca.crt, so it is not opened"
	}
	v.report.Pass(ruleSignature, memberSignature, fmt.Sprintf("SHA-256 of nodeinfo.zip %x", sum))
	v.b.Signature = signature

	content, why := v.nodeInfoReader(size)
	if why != "" {
		return why
	}
	v.inner(content, size, sum)
	return ""
}

// nodeInfoReader returns nodeinfo.zip for reading in place where it is stored.
func (v *verifier) nodeInfoReader(size int64) (r io.ReaderAt, why string) {
	if section, ok := v.outer.Section(memberNodeInfo); ok {
		return section, ""
	}
	content, why := v.member(memberNodeInfo)
	if why != "" {
		return nil, why
	}
	return bytes.NewReader(content), ""
}

package bundle

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Verify judges a bundle of the given size (spec info-bundle.md, "Reading one").
// It runs every check that can run; the bundle is nil unless report.OK(false).
// What cannot be judged because of a breach is reported as skipped, with the
// reason; nodeinfo.zip is opened only if its signature is right.
//
// The bundle is read from r once, so that nothing can be exchanged meanwhile, and
// not after Verify has returned. Its members, of which nodeinfo.zip is the only
// large one ([MaxNodeInfo]), are held in memory as long as the Bundle is.
func Verify(r io.ReaderAt, size int64, opts VerifyOptions) (*Bundle, *check.Report) {
	return newVerifier(size, opts).run(r)
}

// manyResults is a few more than a report of a good bundle has.
const manyResults = 192

func newVerifier(size int64, opts VerifyOptions) *verifier {
	report := &check.Report{Subject: cmp.Or(opts.Name, "info-bundle"), Results: make([]check.Result, 0, manyResults)}
	return &verifier{opts: opts, report: report, b: &Bundle{Size: size}, read: map[string]*member{}}
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
	mu     sync.Mutex
	read   map[string]*member // what was read, by name
	found  map[string]*member // those that are there; nil: of a size that is not allowed
	opened *opened            // nodeinfo.zip, if it has been judged already; then it is not kept
}

// A member is kept in memory while it is read for the checks of package strictzip.
type member struct {
	content []byte
	sum     [sha256.Size]byte
}

// Write keeps what is not longer than it is declared to be. The rest is refused
// before anybody looks at the member.
func (m *member) Write(p []byte) (int, error) {
	if len(p) <= cap(m.content)-len(m.content) {
		m.content = append(m.content, p...)
	}
	return len(p), nil
}

// keep returns where the member of this name is kept, if its size is allowed.
func (v *verifier) keep(name string, size int64) io.Writer {
	if max, known := v.maxMember(name); !known || size > max || name == memberNodeInfo && v.opened != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m := &member{content: make([]byte, 0, size)}
	v.read[name] = m
	return m
}

// maxMember is how large a member may be, and whether there may be one of this
// name.
func (v *verifier) maxMember(name string) (max int64, known bool) {
	for _, m := range members {
		switch {
		case m.name != name:
		case name == memberNodeInfo:
			return v.opts.Limits.inner().Archive, true
		default:
			return m.max, true
		}
	}
	return 0, false
}

func (v *verifier) verify(r io.ReaderAt, size int64) {
	outer, report := strictzip.OpenScan(r, size, v.opts.Limits.outer(), v.keep)
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
	v.b.SHA256 = outer.SHA256()
	v.members(outer.Entries())
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
func (v *verifier) members(entries []strictzip.Entry) {
	v.found = map[string]*member{}
	var extra []string
	good := true
	for _, e := range entries {
		max, known := v.maxMember(e.Name)
		switch {
		case !known:
			extra = append(extra, e.Name)
		case e.Size == 0 || e.Size > max:
			good = false
			v.found[e.Name] = nil
			v.report.Fail(ruleMemberSize, e.Name, fmt.Sprintf("%d bytes", e.Size), fmt.Sprintf("1 to %d", max))
		default:
			m := v.read[e.Name]
			if m == nil {
				m = &member{} // it has been judged already
			}
			m.sum = e.SHA256
			v.found[e.Name] = m
		}
	}
	if good {
		v.report.Pass(ruleMemberSize, "", "")
	}

	good = true
	for _, m := range members {
		if _, ok := v.found[m.name]; !ok {
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

// member returns a member, or why it cannot be had.
func (v *verifier) member(n string) (m *member, why string) {
	m, ok := v.found[n]
	switch {
	case !ok:
		return nil, "there is no " + n
	case m == nil:
		return nil, n + " has a size that is not allowed"
	}
	return m, ""
}

// root judges root-ca.crt, unless there is a reason why it cannot.
func (v *verifier) root(why string) {
	var file *member
	if why == "" {
		file, why = v.member(memberRoot)
	}
	if why != "" {
		v.skip(why, memberRoot, rootRules...)
		return
	}
	c, report := certs.CheckRootFile(file.content, v.opts.Time)
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
	var file *member
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
	req, report := certs.CheckRequestFile(file.content, v.b.Root.Certificate)
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
	if why != "" {
		return why
	}
	info, why := v.member(memberNodeInfo)
	switch {
	case why != "":
		return why
	case v.b.Root == nil:
		return "there is no root certificate to verify the signature with"
	case v.opened != nil && v.opened.archive.SHA256() != info.sum:
		return "nodeinfo.zip is not the one that has been judged"
	}
	if err := certs.VerifyDigest(v.b.Root.PublicKey, info.sum, signature.content); err != nil {
		v.report.Fail(ruleSignature, memberSignature, err.Error(), "a signature by the key of root-ca.crt over nodeinfo.zip")
		return "nodeinfo.zip is not signed by the key of root-ca.crt, so it is not opened"
	}
	v.report.Pass(ruleSignature, memberSignature, fmt.Sprintf("SHA-256 of nodeinfo.zip %x", info.sum))
	v.b.Signature = signature.content
	if v.opened == nil {
		v.opened = openNodeInfo(info.content, v.opts.Limits)
	}
	v.inner(v.opened, info.sum)
	return ""
}

package nodedir

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// AuditOptions of Audit.
type AuditOptions struct {
	// Quick: no signature is verified, and certificates are compared by names
	// and keys only instead of being judged by every rule of the profile.
	Quick bool
	// Fix: repair what is safe, under the lock, before the audit: complete or
	// undo an interrupted change, remove temporary files, set modes, complete
	// .gitignore, SEQNUM and the Kubernetes manifests. Nothing is signed, and
	// nothing is removed that is not a temporary file of this program.
	Fix bool
	// EndsWithin is how soon a server certificate in use must end to be warned
	// of; 0 stands for 30 days.
	EndsWithin time.Duration
}

// Audit checks the whole directory against the profile and the rules of the
// node directory ([Rules]). Nothing that is found is an error of Audit: damaged
// and missing files become results. Errors are those of the context and, with
// Fix, of locking and writing.
//
// Without Fix nothing is locked and nothing written. What an interrupted change
// concerns is not judged, because nobody can tell before it is completed or
// undone; the rule dir.pending says so. Of the breaches of one rule the first 100
// are listed, then how many there are more. The root key is not opened: whether its
// password is known and whether it is the certificate's is not checked.
func (d *Dir) Audit(ctx context.Context, opts AuditOptions) (*check.Report, error) {
	var repaired []check.Result
	if opts.Fix {
		var err error
		if repaired, err = d.repair(ctx); err != nil {
			return nil, err
		}
	}
	report, err := d.auditUnlocked(ctx, opts)
	if err != nil {
		return nil, err
	}
	report.Results = append(repaired, report.Results...)
	return report, nil
}

// auditUnlocked audits without the lock. Another process may make a change in
// the middle, so that two files that are read one after the other do not agree.
// An audit that fails is therefore repeated until it fails twice in the same
// way.
func (d *Dir) auditUnlocked(ctx context.Context, opts AuditOptions) (*check.Report, error) {
	var last string
	for try := 1; ; try++ {
		a := &auditor{Dir: d, ctx: ctx, now: d.opts.Now(), quick: opts.Quick,
			endsWithin: cmp.Or(opts.EndsWithin, serverEndsSoon)}
		if err := a.run(); err != nil {
			return nil, err
		}
		failed := failures(&a.report)
		if failed == "" || failed == last || try == planTries {
			return &a.report, nil
		}
		last = failed
	}
}

// failures is the text of all failed Error results.
func failures(r *check.Report) string {
	var b strings.Builder
	for _, res := range r.Failed(check.Error) {
		b.WriteString(res.String() + "\n")
	}
	return b.String()
}

// auditor makes one audit. Its parts run in the order of run; later ones use
// what earlier ones found.
type auditor struct {
	*Dir
	ctx        context.Context
	now        time.Time
	quick      bool
	endsWithin time.Duration
	report     check.Report

	interrupted bool     // there is an interrupted change
	pending     []string // paths that it concerns
	repairs     []repair
	rowFailures map[*check.Rule]int // see failRow

	rows   []indexRow
	issued map[certs.Serial]*issued                 // certs/, as far as it can be read
	byFile map[[sha256.Size]byte]*certs.Certificate // the same, by the SHA-256 of the file
	peers  []*auditedPeer
	// ownSubnet is the line of creditors-subnet.txt, or "".
	ownSubnet string
	subnets   map[string]string // subnet given → node id, as db/subnets says
}

// sameFile returns the certificate in certs/ whose file has this content: what is
// issued to a peer lies in two places, and is parsed once.
func (a *auditor) sameFile(file []byte) *certs.Certificate {
	c := a.byFile[sha256.Sum256(file)]
	if c == nil || !bytes.Equal(c.File, file) {
		return nil
	}
	return c
}

// issued is a certificate in certs/.
type issued struct {
	rel     string
	serial  certs.Serial
	cert    *certs.Certificate // nil once a peer's certificate was judged
	gives   *claim             // the subnet that it gives; nil if it gives none
	kind    certs.Kind
	sum     [sha256.Size]byte // of the file
	row     *indexRow         // nil: none
	checked bool              // judged already, as a peer's certificate
}

// auditedPeer is a peer's folder and what was found there.
type auditedPeer struct {
	*Peer
	rel    string
	report check.Report
	// complete: both root-ca.crt and sub-ca.crt could be read.
	complete   bool
	certSubnet certs.Subnet // in peercert.crt; zero also if it cannot be read
	// judged is the serial number of the certificate in certs/ that was judged
	// by judging peercert.crt.
	judged  certs.Serial
	repairs []repair
}

// repair is something that Fix mends.
type repair struct {
	path string
	what string // in the past tense
	// apply adds it to tx; nil for a temporary file, which is removed.
	apply func(tx *durable.Tx)
}

func (a *auditor) run() error {
	a.report.Subject = a.path
	for _, part := range []func(){
		a.checkPending, a.checkIdentity, a.checkFolders, a.checkFiles, a.checkLines, a.checkPrivate, a.checkGitignore, a.checkConf,
		a.checkOpenSSL, a.checkRequest, a.checkNodeInfo,
		a.checkIndex, a.checkCertificates, a.checkPeers, a.checkIssued, a.checkSerials, a.checkNodesOnce, a.checkServers,
		a.checkOwnSubnets, a.checkSubnets, a.checkManifests,
	} {
		if err := a.ctx.Err(); err != nil {
			return context.Cause(a.ctx)
		}
		part()
	}
	a.suspend()
	a.bound()
	return context.Cause(a.ctx)
}

// maxFindings is how many breaches of one rule are listed. Nobody reads more of
// the same kind, and a db/index that was edited by hand could have 400,000.
const maxFindings = 100

// failRow records a breach in a row of db/index; from maxFindings on, only that
// there is one.
func (a *auditor) failRow(rule *check.Rule, line int, found, expected string) {
	if a.rowFailures == nil {
		a.rowFailures = make(map[*check.Rule]int)
	}
	if a.rowFailures[rule]++; a.rowFailures[rule] <= maxFindings {
		a.report.Fail(rule, fmt.Sprintf("%s:%d", fileIndex, line), found, expected)
	}
}

// bound leaves the first breaches of each rule, and one result that says how many
// there are more.
func (a *auditor) bound() {
	failed, more := make(map[*check.Rule]int), make(map[*check.Rule]int)
	if !a.isPending(fileIndex) {
		for rule, n := range a.rowFailures {
			more[rule] = max(0, n-maxFindings)
		}
	}
	results := a.report.Results
	a.report.Results = results[:0]
	for _, res := range results {
		if res.Outcome == check.Failed {
			if failed[res.Rule]++; failed[res.Rule] > maxFindings {
				more[res.Rule]++
				continue
			}
		}
		a.report.Results = append(a.report.Results, res)
	}
	rules := slices.SortedFunc(maps.Keys(more), func(x, y *check.Rule) int { return strings.Compare(x.ID, y.ID) })
	for _, rule := range rules {
		if n := more[rule]; n > 0 {
			a.report.Fail(rule, "", fmt.Sprintf("%d more breaches of this rule", n), "none")
		}
	}
}

// checkPending looks for what an interrupted run left.
func (a *auditor) checkPending() {
	r := &a.report
	switch pending, err := durable.LookPending(a.path, fileJournal); {
	case err != nil:
		a.interrupted = pending.Journal != ""
		r.Fail(ruleDirJournal, cmp.Or(pending.Journal, fileJournal), err.Error(), "no journal, or one that can be read")
	case pending.Journal != "":
		a.interrupted = true
		a.pending = pending.Paths
		r.Pass(ruleDirJournal, pending.Journal, "")
		paths := cmp.Or(strings.Join(pending.Paths, ", "), "nothing yet")
		if pending.Obstacle != nil {
			// As an error: every change is refused until people have acted.
			r.Fail(ruleDirObstacle, pending.Journal, fmt.Sprintf("an interrupted change of %s, and %v", paths, pending.Obstacle), "files as the change left them")
			break
		}
		r.Pass(ruleDirObstacle, pending.Journal, "")
		r.Fail(ruleDirPending, pending.Journal, "an interrupted change of "+paths, "none")
	default:
		r.Pass(ruleDirJournal, fileJournal, "none")
		r.Pass(ruleDirPending, fileJournal, "none")
		r.Pass(ruleDirObstacle, fileJournal, "none")
	}
	if a.quick {
		r.Skip(ruleDirSignatures, "", "not verified, as asked for: certificates are compared by names and keys only")
	} else {
		r.Pass(ruleDirSignatures, "", "")
	}
}

// suspend takes back what was found about things that an interrupted change
// concerns.
func (a *auditor) suspend() {
	for i, res := range a.report.Results {
		if res.Rule.Severity == check.Notice || res.Outcome == check.Passed || !a.isPending(res.Where) {
			continue
		}
		a.report.Results[i] = check.Result{
			Rule: ruleDirPending, Outcome: check.Skipped, Where: res.Where,
			Found: "not judged before the interrupted change is completed or undone: " + res.String(),
		}
	}
}

// isPending reports whether a result about this place depends on an interrupted
// change.
func (a *auditor) isPending(where string) bool {
	file, _, _ := strings.Cut(where, ":")
	return slices.ContainsFunc(a.pending, func(p string) bool {
		return p == file || strings.HasPrefix(file, p+"/") || strings.HasPrefix(p, file+"/")
	})
}

// profile adds what the profile's rules say about a certificate: each breach by
// itself, and one result for the whole.
func profile(r *check.Report, rule *check.Rule, where string, judged *check.Report) bool {
	var broken []string
	for _, res := range judged.Results {
		if res.Outcome == check.Passed {
			continue
		}
		if res.Rule.Severity == check.Error {
			broken = append(broken, res.Rule.ID)
		}
		r.Append(where, &check.Report{Results: []check.Result{res}})
	}
	slices.Sort(broken)
	found := fmt.Sprintf("%d rules of the profile hold", len(judged.Results))
	if len(broken) > 0 {
		found = "breaches of " + strings.Join(slices.Compact(broken), ", ")
	}
	return r.Check(len(broken) == 0, rule, where, found, "every rule of the profile to hold")
}

// passFail records a result from an error.
func passFail(r *check.Report, rule *check.Rule, where, found string, err error, expected string) bool {
	if err != nil {
		r.Fail(rule, where, err.Error(), expected)
		return false
	}
	r.Pass(rule, where, found)
	return true
}

// repair repairs what is safe, under the lock, and returns what was done.
func (d *Dir) repair(ctx context.Context) ([]check.Result, error) {
	var out []check.Result
	done := func(where, what string) {
		out = append(out, check.Result{Rule: ruleDirRepaired, Outcome: check.Passed, Where: where, Found: what})
	}
	opts := d.opts
	opts.OnRecover = func(rec durable.Recovery) {
		what := "an interrupted change was undone"
		if rec.Completed {
			what = "an interrupted change was completed"
		}
		done(cmp.Or(strings.Join(rec.Paths, ", "), fileJournal), what)
		if d.opts.OnRecover != nil {
			d.opts.OnRecover(rec)
		}
	}
	err := withLock(ctx, d.path, opts, func() error {
		if err := d.sameNode(); err != nil {
			return err
		}
		// Nothing can be repaired that depends on a signature.
		a := &auditor{Dir: d, ctx: ctx, now: d.opts.Now(), quick: true}
		if err := a.run(); err != nil {
			return err
		}
		for batch := range slices.Chunk(lastOfEach(a.repairs), maxRepairs) {
			if err := d.applyRepairs(batch); err != nil && len(out) > 0 {
				return fmt.Errorf("%w in part: %w", ErrMade, err)
			} else if err != nil {
				return err
			}
			for _, r := range batch {
				done(r.path, r.what)
			}
		}
		return nil
	})
	if len(out) == 0 && err == nil {
		out = append(out, check.Result{Rule: ruleDirRepaired, Outcome: check.Passed, Found: "nothing to repair"})
	}
	return out, err
}

// lastOfEach keeps the last repair of each path: a file that is written anew
// gets its mode with that.
func lastOfEach(all []repair) []repair {
	last := make(map[string]int, len(all))
	for i, r := range all {
		last[r.path] = i
	}
	var out []repair
	for i, r := range all {
		if last[r.path] == i {
			out = append(out, r)
		}
	}
	return out
}

// maxRepairs is how many repairs are made at once: each set has a journal that
// names them.
const maxRepairs = 1000

func (d *Dir) applyRepairs(batch []repair) error {
	tx := durable.NewTx(d.path, fileJournal)
	var stale []string
	for _, r := range batch {
		if r.apply == nil {
			stale = append(stale, r.path)
		} else {
			r.apply(tx)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if err := d.removeTemporaries(stale); err != nil {
		return fmt.Errorf("%w, but not all temporary files are removed: %w", ErrMade, err)
	}
	return nil
}

// checkIdentity repeats what Open did: the files may have changed since.
func (a *auditor) checkIdentity() {
	again := &Dir{path: a.path, opts: a.opts}
	err := again.identify()
	if err == nil && again.identity != a.identity {
		err = fmt.Errorf("found %s, expected %s, as it was when the audit began", again.identity, a.identity)
	}
	passFail(&a.report, ruleDirIdentity, fileRootCert, a.identity.String(), err, "three files that agree")
	if !a.quick {
		profile(&a.report, ruleDirRoot, fileRootCert, certs.CheckRoot(a.root, a.now))
	}
}

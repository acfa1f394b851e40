package nodedir

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// Change is how a change is made: every changing method takes one.
type Change struct {
	// DryRun: make the plan, show it to Confirm if set, and stop. Needs no key and no lock.
	DryRun bool
	// Confirm sees the plan before anything is locked, signed or written; an
	// error from it ends the change. Nil: no question.
	Confirm func(*Plan) error
	// Key opens the root key. It is called after Confirm, before the lock is
	// taken, at most once, and only if something must be signed.
	Key func() (crypto.Signer, error)
}

// Plan is what a change is going to do.
type Plan struct {
	Title   string   // "sign a peer certificate for creditors agent …"
	Nothing bool     // there is nothing to do; Confirm is not called
	Facts   []Fact   // what would be signed: subject, key, serial, dates, subnet
	Notes   []string // what the operator should know
	Changes []durable.Change
}

// Fact is a line of a Plan.
type Fact struct{ Name, Value string }

// fact adds a line to the plan.
func (p *Plan) fact(name, value string) { p.Facts = append(p.Facts, Fact{name, value}) }

// note adds a note to the plan.
func (p *Plan) note(text string) { p.Notes = append(p.Notes, text) }

// view is the directory as it is when a plan is made: planners read through it.
// There is a fresh view for each planning, because the first is made without
// the lock. Nothing may be remembered from one view to the next, but what
// db/index means while it is the same, byte for byte.
type view struct {
	*Dir
	now    time.Time // the moment of the change, the same for all of it
	locked bool      // this view is the one that will be written from
	text   []byte    // of db/index, once it is read
	issued *record   // what it says, once it is judged
	before *record   // what it said to the plan that was shown; nil: not asked for
}

// indexText is read once for a view.
func (v *view) indexText() ([]byte, error) {
	if v.text == nil && v.before != nil {
		// Whatever keeps it from being compared is said when it is read.
		if same, err := isPlain(v.file(fileIndex), v.before.text); err == nil && same {
			v.text = v.before.text
		}
	}
	if v.text == nil {
		text, err := v.Dir.indexText()
		if err != nil {
			return nil, err
		}
		v.text = text
	}
	return v.text, nil
}

// issuedToNode is that of Dir.
func (v *view) issuedToNode(id string) ([]indexRow, error) {
	text, err := v.indexText()
	if err != nil {
		return nil, err
	}
	return v.issuedIn(text, id)
}

// record returns what db/index says.
func (v *view) record() (*record, error) {
	if v.issued == nil {
		text, err := v.indexText()
		if err != nil {
			return nil, err
		}
		if b := v.before; b != nil && b.alone && bytes.Equal(b.text, text) {
			v.issued = b
		} else if v.issued, err = v.newRecord(text); err != nil {
			return nil, err
		}
	}
	return v.issued, nil
}

// draft is what a planner decides.
type draft struct {
	// Plan is shown to the operator. Its Changes are filled in by change.
	Plan
	// decision identifies what was decided, for example "sign ae42… " or
	// "update ae42… to 2026-11-23". If planning under the lock comes to
	// another decision than the one that was shown, the change is refused.
	// A serial number or a free subnet is not part of it: those may differ
	// when another process was faster.
	decision string
	// sign says that build needs the key.
	sign bool
	// build adds the changes to tx, in the order in which they must reach the
	// disk: db/subnets, then recordIssued (serial, certificate, index row), then
	// peers/. It is called more than once: with a nil signer it only says which
	// paths change, for Plan.Changes (content that would have to be signed is
	// empty, and no CreateTree is filled); with the signer it is for real. It
	// writes nothing itself.
	build func(tx *durable.Tx, s *signer) error
	// record is what db/index said, if the planner asked.
	record *record
	// after, if not nil, is called once, still under the lock, when everything
	// is on the disk. It makes what lies outside the directory appear.
	after func() error
}

// signer is the opened root key.
type signer struct {
	key    crypto.Signer
	issuer *certs.Issuer
}

// ErrChanged is returned when, between the confirmation and the lock, another
// process changed the directory so that something else would now be done than
// what was confirmed. Nothing was changed; running again shows the new plan.
var ErrChanged = errors.New("the directory was changed meanwhile by another process")

// change makes one change; see the package documentation for the steps. plan is
// called twice or more, must read everything through the view and must change
// nothing: every check belongs in it. The returned Plan is the one that was
// carried out or, dry, would be; with Plan.Nothing there was nothing to do.
func (d *Dir) change(ctx context.Context, ch Change, plan func(*view) (*draft, error)) (*Plan, error) {
	if d.Pending() && !ch.DryRun {
		// What an interrupted change left is not a state to plan from. If it
		// is another process's change, this waits for its end.
		if err := d.underLock(ctx, func() error { return nil }); err != nil {
			return nil, err
		}
	}
	shown, err := d.planUnlocked(ctx, plan)
	if err != nil {
		return nil, err
	}
	if shown.Nothing {
		return &shown.Plan, nil
	}
	if ch.Confirm != nil {
		if err := ch.Confirm(&shown.Plan); err != nil {
			return &shown.Plan, err
		}
	}
	if ch.DryRun {
		return &shown.Plan, nil
	}
	var s signer
	if shown.sign {
		if s, err = d.openSigner(ch); err != nil {
			return nil, err
		}
	}
	var done *draft
	err = d.underLock(ctx, func() error {
		done, err = d.carryOut(ctx, plan, shown, &s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &done.Plan, nil
}

// openSigner asks for the root key, once, before the lock is taken: nobody
// should wait for somebody who types a password.
func (d *Dir) openSigner(ch Change) (signer, error) {
	if ch.Key == nil {
		return signer{}, errors.New("the root key is needed to sign, and none was given")
	}
	key, err := ch.Key()
	if err != nil {
		return signer{}, err
	}
	if err := d.ownKey(key); err != nil {
		return signer{}, fmt.Errorf("root key: %w", err)
	}
	issuer, err := certs.NewIssuer(d.root.Certificate, key)
	if err != nil {
		return signer{}, fmt.Errorf("root key: %w", err)
	}
	return signer{key: key, issuer: issuer}, nil
}

// planTries is how often a plan without the lock is made before an error in it
// is believed, as long as the error changes: a reader may see half of another
// process's change (the serial number, but not yet the certificate). An error
// that says the same twice is no such accident.
const planTries = 5

// planUnlocked makes the plan that is shown.
func (d *Dir) planUnlocked(ctx context.Context, plan func(*view) (*draft, error)) (*draft, error) {
	var last string
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dr, err := d.plan(plan, false, nil)
		if err == nil {
			if d.Pending() {
				dr.note("an interrupted change is in the directory and will be completed or cleaned up first")
			}
			return dr, nil
		}
		if err.Error() == last || try == planTries {
			return nil, err
		}
		last = err.Error()
	}
}

// plan makes one plan from a fresh view, and lists what it would change.
func (d *Dir) plan(plan func(*view) (*draft, error), locked bool, before *record) (*draft, error) {
	v := &view{Dir: d, now: d.opts.Now(), locked: locked, before: before}
	dr, err := plan(v)
	if err != nil {
		return nil, err
	}
	dr.record = v.issued
	if dr.Nothing {
		return dr, nil
	}
	tx := durable.NewTx(d.path, fileJournal)
	if err := dr.build(tx, nil); err != nil {
		return nil, err
	}
	dr.Changes = tx.Changes()
	return dr, nil
}

// carryOut plans again under the lock, signs, and commits.
func (d *Dir) carryOut(ctx context.Context, plan func(*view) (*draft, error), shown *draft, s *signer) (*draft, error) {
	if err := d.sameNode(); err != nil {
		return nil, err
	}
	dr, err := d.plan(plan, true, shown.record)
	if err != nil {
		return nil, err
	}
	if dr.Nothing {
		return dr, nil // another process did the same
	}
	if dr.decision != shown.decision || dr.sign && s.key == nil {
		return nil, fmt.Errorf("%w: nothing was done; found now: %s; confirmed was: %s; run the command again", ErrChanged, dr.Title, shown.Title)
	}
	tx := durable.NewTx(d.path, fileJournal)
	if err := dr.build(tx, s); err != nil {
		return nil, err
	}
	dr.Changes = withoutKeys(tx.Changes())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	if dr.after != nil {
		return dr, dr.after()
	}
	return dr, nil
}

// sameNode refuses to go on if the directory became another node's since Open.
func (d *Dir) sameNode() error {
	data, err := d.readFile(fileRootCert, maxCertFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, d.root.File) {
		return fmt.Errorf("%w: %s is another one than when the command began", ErrChanged, fileRootCert)
	}
	return nil
}

// underLock runs fn while it holds the directory's lock, after what an interrupted
// process left was completed or cleaned up.
func (d *Dir) underLock(ctx context.Context, fn func() error) (err error) {
	return withLock(ctx, d.path, d.opts, fn)
}

// withLock is underLock for a directory that is not open yet.
func withLock(ctx context.Context, path string, opts Options, fn func() error) (err error) {
	file := filepath.Join(path, filepath.FromSlash(fileLock))
	_, before := os.Lstat(file)
	lock, err := durable.Acquire(ctx, file, opts.LockTimeout, opts.OnWait)
	if err != nil {
		return fmt.Errorf("node directory %s: %w", path, err)
	}
	defer func() {
		// A failure leaves the directory byte for byte as it was. The lock may
		// be removed while it is held: Acquire makes sure that the file it
		// locked still has its name.
		if err != nil && errors.Is(before, fs.ErrNotExist) {
			os.Remove(file)
		}
		// What was done is done, whatever the system says about the release: the
		// lock ends with the process.
		_ = lock.Release()
	}()
	rec, err := durable.Recover(path, fileJournal)
	if i := (*durable.Interrupted)(nil); errors.As(err, &i) || errors.Is(err, durable.ErrJournal) {
		return fmt.Errorf("node directory %s: an interrupted change could not be completed: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("node directory %s: %w", path, err)
	}
	if opts.OnRecover != nil && (rec.Completed || rec.Undone) {
		opts.OnRecover(rec)
	}
	return fn()
}

// withoutKeys removes the content of key files from what is shown to people.
func withoutKeys(changes []durable.Change) []durable.Change {
	for i, c := range changes {
		if c.Mode == modeKey {
			changes[i].Data = nil
		}
	}
	return changes
}

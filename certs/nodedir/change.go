package nodedir

import (
	"context"
	"crypto"
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
// the lock. Nothing may be remembered from one view to the next.
type view struct {
	*Dir
	now    time.Time // the moment of the change, the same for all of it
	locked bool      // this view is the one that will be written from
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
}

// signer is the opened root key.
type signer struct {
	key    crypto.Signer
	issuer *certs.Issuer
}

// change makes one change; see the package documentation for the steps. plan is
// called once or more, must read everything through the view and must change
// nothing: every check belongs in it. The returned Plan is the one that was
// carried out or, dry, would be; with Plan.Nothing there was nothing to do.
func (d *Dir) change(ctx context.Context, ch Change, plan func(*view) (*draft, error)) (*Plan, error) {
	return nil, errTODO
}

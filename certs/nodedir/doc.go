// Package nodedir keeps a node's directory: its certificate authority, its
// peers, its subnets, what it publishes (specification: node-directory.md).
//
// The directory is plain files, kept in git by most operators, mounted
// read-only into the STOMP servers, and written in the same layout by an older
// tool over OpenSSL. Either may work on a directory that the other made, in any
// order. The package writes what OpenSSL and that tool read, and reads what
// they write.
//
// [Open] reads what a directory is and [Init] makes one. Reading never locks
// and never writes. Every method that changes something takes a [Change] and is
// made of the same steps, in this order:
//
//  1. the plan is made from what the directory says now, with every check;
//  2. Change.Confirm sees the plan; a dry run ends here;
//  3. the root key is opened, if something is to be signed;
//  4. the lock db/.swptpeer.lock is taken, waiting for other processes;
//  5. what an interrupted process left is completed or cleaned up;
//  6. the plan is made again from what the directory says under the lock, and
//     must come to the same decision;
//  7. everything is signed in memory, and the files are changed all or nothing
//     (package durable).
//
// If an interrupted change is noticed before step 1, step 5 comes first, too: a
// half-made state is nothing to plan from.
//
// So a refused confirmation, a wrong password or a failed check changes
// nothing, and no two processes give the same serial number or subnet.
//
// What the package does not do: it does not talk to anyone, does not print, and
// does not revoke certificates (the network has no revocation; peers are
// deactivated). It trusts whoever may write to the directory.
package nodedir

import (
	"errors"
	"time"

	"github.com/swaptacular/swptpeer/certs/durable"
)

// Errors on which callers branch.
var (
	ErrNotNode  = errors.New("not a node directory") // wrapped with what is missing
	ErrRefused  = errors.New("refused")              // returned by Confirm to stop
	ErrUnknown  = errors.New("unknown peer")
	ErrRejected = errors.New("rejected") // a check or rule said no: exit status 1
	// ErrMade is wrapped with what failed after the directory was changed. The
	// same call again does what is missing, and changes nothing twice.
	ErrMade = errors.New("the change is made")
)

// Options of Open and Init. The zero Options are useful.
type Options struct {
	Now         func() time.Time       // nil: time.Now
	LockTimeout time.Duration          // 0: DefaultLockTimeout
	OnWait      func(holder string)    // called once when a change waits for another process
	OnRecover   func(durable.Recovery) // called when an interrupted change was completed or cleaned up
	// SourceDate is the time that CreateBundle gives to every file in the
	// archive (SOURCE_DATE_EPOCH). Zero: the time in updated-at.txt.
	SourceDate time.Time
}

// DefaultLockTimeout is how long a change waits for another process. A change
// holds the lock for well under a second, so that even 32 at once fit.
const DefaultLockTimeout = 30 * time.Second

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	return o
}

// Package nodedir keeps a node's directory: its certificate authority, its
// peers, its subnets.
package nodedir

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
)

var errTODO = errors.New("not implemented")

// Errors on which callers branch.
var (
	ErrNotNode  = errors.New("not a node directory") // wrapped with what is missing
	ErrRefused  = errors.New("refused")              // returned by Confirm to stop
	ErrUnknown  = errors.New("unknown peer")
	ErrRejected = errors.New("rejected") // a check or rule said no: exit status 1
)

// Options of Open and Init. The zero Options are useful.
type Options struct {
	Now         func() time.Time       // nil: time.Now
	LockTimeout time.Duration          // 0: DefaultLockTimeout
	OnWait      func(holder string)    // called once when a change waits for another process
	OnRecover   func(durable.Recovery) // called when an interrupted change was completed or cleaned up
}

// DefaultLockTimeout is how long a change waits for another process.
const DefaultLockTimeout = 30 * time.Second

// Dir is a node directory. Reading never locks and never writes.
type Dir struct{}

// Open reads what a directory is: its node type, id and root certificate.
func Open(path string, opts Options) (*Dir, error) { return nil, errTODO }

func (d *Dir) Path() string             { return "" }
func (d *Dir) Identity() certs.Identity { return certs.Identity{} }
func (d *Dir) Root() *certs.Certificate { return nil }
func (d *Dir) Pending() bool            { return false } // an interrupted change awaits the next writer

// OpenKey reads the root key (file "" means private/root-ca.key; any other path is as the operator gave it) and refuses one that is not this node's.
func (d *Dir) OpenKey(file string, password func() ([]byte, error)) (crypto.Signer, error) {
	return nil, errTODO
}

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

// InitRequest says what node to make. A half-made directory is completed: what is there is kept and must agree.
type InitRequest struct {
	Type            certs.NodeType // required unless the directory already says
	Prefix          string         // accounting authority: its id; required unless the directory already says
	Servers         []string       // host:port for the first stomp.toml
	CreditorsSubnet certs.Subnet   // creditors agent: zero means 000001
	AdoptKey        []byte         // PEM file of an existing key to adopt; nil: use private/root-ca.key or make one
	// NewPassword is asked for when a key has to be written; Password when an existing one has to be read.
	Password, NewPassword func() ([]byte, error)
	NoKubernetes          bool
}

// InitResult of Init.
type InitResult struct {
	Dir     *Dir
	Plan    *Plan
	Created []string // paths made by this run, relative
}

// Init makes a node directory, or completes a half-made one. Change.Key is not used.
func Init(ctx context.Context, path string, req InitRequest, opts Options, ch Change) (*InitResult, error) {
	return nil, errTODO
}

// SignRequest of SignPeer.
type SignRequest struct {
	Bundle *bundle.Bundle
	Force  bool // take an older nodeinfo, or a different one of the same date
}

// Action says what SignPeer did (or, dry, would do).
type Action string

const (
	ActionSigned  Action = "signed"  // a peer certificate was issued
	ActionUpdated Action = "updated" // the peer was known; its nodeinfo was replaced
	ActionNone    Action = "none"    // nothing to do
)

// SignResult of SignPeer.
type SignResult struct {
	Action      Action
	Peer        *Peer              // after the change; nil when DryRun
	Certificate *certs.Certificate // the peer certificate to be sent; nil when DryRun and not yet signed
	Plan        *Plan
}

// SignPeer is step 2 of the exchange (and step 4, seen from the other side): issue a peer certificate for the node of a
// verified bundle, or update the nodeinfo of a peer that is known.
func (d *Dir) SignPeer(ctx context.Context, req SignRequest, ch Change) (*SignResult, error) {
	return nil, errTODO
}

// RegisterResult of RegisterPeer.
type RegisterResult struct {
	Peer    *Peer
	Already bool // the same certificate was registered before
	Report  *check.Report
	Plan    *Plan
}

// RegisterPeer stores the peer certificate that a peer issued to this node.
func (d *Dir) RegisterPeer(ctx context.Context, cert *certs.Certificate, ch Change) (*RegisterResult, error) {
	return nil, errTODO
}

// SetQueues raises the number of sending queues, 1 to 99.
func (d *Dir) SetQueues(ctx context.Context, peerID string, queues int, ch Change) (*Plan, error) {
	return nil, errTODO
}

// Deactivate marks a peer as deactivated, for good.
func (d *Dir) Deactivate(ctx context.Context, peerID string, ch Change) (*Plan, error) {
	return nil, errTODO
}

// Peer is what peers/<id>/ says.
type Peer struct {
	Identity    certs.Identity
	Root        *certs.Certificate
	PeerCert    *certs.Certificate // we issued it to the peer
	SubCA       *certs.Certificate // the peer issued it to us; nil: not registered
	Subnet      certs.Subnet       // authority: what we gave the peer
	MasqSubnet  certs.Subnet       // creditors agent: what the peer gave us
	Queues      int
	Active      bool
	Deactivated string // the date; "" if it is not
	UpdatedAt   string // line of nodeinfo/updated-at.txt
	Servers     []string
	HasManifest bool     // Kubernetes manifests are there
	Problems    []string // what could not be read, for people
}

// NextStep says what the operator should do next about the peer, in one line.
func (p *Peer) NextStep() string { return "" }

// Peers lists the peers in order of id. A peer that cannot be read is listed with Problems.
func (d *Dir) Peers() ([]*Peer, error) { return nil, errTODO }

// Peer reads one peer. An id that is not there is ErrUnknown; a unique prefix of at least 4 digits is accepted.
func (d *Dir) Peer(id string) (*Peer, error) { return nil, errTODO }

// IssuedServer is a server certificate found in certs/.
type IssuedServer struct {
	Serial      certs.Serial
	Certificate *certs.Certificate
	Revoked     bool // db/index says R
}

// Servers lists the certificates issued to own servers, oldest first.
func (d *Dir) Servers() ([]IssuedServer, error) { return nil, errTODO }

// IssueResult of IssueServer and RenewServer.
type IssueResult struct {
	Certificate *certs.Certificate
	Plan        *Plan
}

// IssueServer signs a server certificate.
func (d *Dir) IssueServer(ctx context.Context, req *certs.Request, days int, ch Change) (*IssueResult, error) {
	return nil, errTODO
}

// RenewServer signs a new certificate for the key of one issued before.
func (d *Dir) RenewServer(ctx context.Context, serial certs.Serial, days int, ch Change) (*IssueResult, error) {
	return nil, errTODO
}

// BundleResult of CreateBundle.
type BundleResult struct {
	UpdatedAt bundle.UpdatedAt
	Changed   bool     // the content differs from what was last published
	Omitted   []string // names that begin with a dot
	Plan      *Plan
}

// CreateBundle writes the node's info-bundle to out, which must not exist unless overwrite.
func (d *Dir) CreateBundle(ctx context.Context, out string, overwrite bool, ch Change) (*BundleResult, error) {
	return nil, errTODO
}

// ChangePassword encrypts the root key anew; Change.Key opens the old one.
func (d *Dir) ChangePassword(ctx context.Context, newPassword func() ([]byte, error), ch Change) (*Plan, error) {
	return nil, errTODO
}

// AuditOptions of Audit.
type AuditOptions struct {
	Quick bool // no signature is verified
	Fix   bool // repair what is safe
}

// Audit checks the whole directory against the profile and the rules of the node directory.
func (d *Dir) Audit(ctx context.Context, opts AuditOptions) (*check.Report, error) {
	return nil, errTODO
}

// Rules lists every rule that Audit may report, of this package.
func Rules() []*check.Rule { return nil }

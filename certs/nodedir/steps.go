package nodedir

import "fmt"

// StepState says whether a step of the exchange is done.
type StepState string

// States of a step. What happened on the other side cannot be seen before its
// certificate is here.
const (
	StepDone    StepState = "done"
	StepOpen    StepState = "open"
	StepUnknown StepState = "unknown"
)

// Steps tells which of the four steps of the exchange are done, as seen from
// this node: their info-bundle is here; we signed their peer certificate; they
// have our info-bundle; they signed ours and it is registered here.
func (p *Peer) Steps() [4]StepState {
	state := func(done bool, otherwise StepState) StepState {
		if done {
			return StepDone
		}
		return otherwise
	}
	registered := p.SubCA != nil
	return [4]StepState{
		state(p.Root != nil, StepOpen),
		state(p.PeerCert != nil, StepOpen),
		state(registered, StepUnknown), // they could not have signed without it
		state(registered, StepOpen),
	}
}

// NextStep says what the operator should do next about the peer, in one line.
func (p *Peer) NextStep() string {
	switch {
	case p.Deactivated != "":
		return "nothing: deactivated on " + p.Deactivated + ", for good"
	case p.Identity.IsZero() || p.Root == nil || p.PeerCert == nil:
		return "the peer's folder is damaged: run \"swptpeer doctor\""
	case p.SubCA == nil:
		return fmt.Sprintf("send the peer peers/%s/%s and your info-bundle (\"swptpeer bundle create OUT.zip\"); when its certificate for you arrives, \"swptpeer peer register FILE\"", p.Folder, peerPeerCert)
	case !p.Active:
		return "apply the deployment: it creates the queues and then the marker ACTIVE; test with \"swptpeer stompcheck " + p.Folder + "\""
	case len(p.Problems) > 0:
		return "active, with problems: run \"swptpeer doctor\""
	}
	return "nothing: active"
}

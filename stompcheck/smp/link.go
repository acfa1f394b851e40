package smp

import (
	"errors"
	"fmt"

	"github.com/swaptacular/swptpeer/certs"
)

// Link is one direction of a peering between an accounting authority and an
// agent. The zero Link is not valid.
type Link struct {
	sender, receiver certs.NodeType
	agent            certs.NodeType
	debtors          certs.Subnet // debtor ids that may be spoken of
	creditors        certs.Subnet // creditor ids; zero for a debtors agent: the id 0 and no other
}

// NewLink returns the link over which sender's messages go to receiver. subnet
// is what the authority of the two gave to the agent: 6 hex digits for a
// creditors agent, and for a debtors agent one that begins with the authority's
// id (certificate profile, "Subnets").
func NewLink(sender, receiver certs.Identity, subnet certs.Subnet) (Link, error) {
	if !sender.Type().CanPeerWith(receiver.Type()) {
		return Link{}, fmt.Errorf("a link from %s to %s: only an accounting authority and an agent can be peers", sender, receiver)
	}
	authority, agent := sender, receiver
	if receiver.Type() == certs.AccountingAuthority {
		authority, agent = receiver, sender
	}
	if subnet.IsZero() {
		return Link{}, errors.New("a link needs the subnet that the authority gave to the agent")
	}
	prefix, err := certs.ParseSubnet(authority.ID())
	if err != nil {
		return Link{}, err
	}
	l := Link{sender: sender.Type(), receiver: receiver.Type(), agent: agent.Type()}
	if agent.Type() == certs.CreditorsAgent {
		l.debtors, l.creditors = prefix, subnet
		return l, nil
	}
	first, last := subnet.Signed()
	if subnet.Digits() < prefix.Digits() || !prefix.Contains(first) || !prefix.Contains(last) {
		return Link{}, fmt.Errorf("the subnet %s of a debtors agent does not lie in that of its authority, %s", subnet, prefix)
	}
	l.debtors = subnet
	return l, nil
}

// rootCreditor is the creditor id of the debtor's own account, from which money
// is issued.
const rootCreditor = 0

// Coordinator types between nodes (SMP, "coordinator_type").
const (
	byDirect  = "direct"
	byAgent   = "agent"
	byIssuing = "issuing"
)

func (l Link) hasCreditor(id int64) bool {
	if l.agent == certs.DebtorsAgent {
		return id == rootCreditor
	}
	return l.creditors.Contains(id)
}

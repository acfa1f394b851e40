package smp

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// ContentType is the only content type that every node takes.
const ContentType = "application/json"

// Message is a message with what STOMP carries beside it.
type Message struct {
	ID          string // the receipt that is asked for
	Type        string // for example "FinalizeTransfer"
	ContentType string // [ContentType], perhaps with parameters
	Body        []byte // JSON
}

// ProbeStatus is the status_code of a probe to an agent: not "OK", so that it
// can only be the end of a transfer, and of one that does not exist.
const ProbeStatus = "CONNECTIVITY_TEST"

// Probe returns a message that the receiver is obliged to ignore, because what
// it speaks of does not exist: FinalizeTransfer with a committed amount of zero
// to an authority, RejectedTransfer to an agent, both with random 64-bit ids
// (STOMP specification, "Probes that cannot hurt"). The ids that name accounts
// lie in the subnets of the link, because the receiver refuses others.
//
// random is where ids are drawn from; nil means crypto/rand.
func (l Link) Probe(now time.Time, random io.Reader) (Message, error) {
	if l == (Link{}) {
		return Message{}, fmt.Errorf("smp: the zero Link is not valid")
	}
	if random == nil {
		random = rand.Reader
	}
	var b [40]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Message{}, fmt.Errorf("drawing the ids of a probe: %w", err)
	}
	draw := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }

	debtor := within(l.debtors, draw(0))
	creditor, coordinator, kind := int64(rootCreditor), debtor, byIssuing
	if l.agent == certs.CreditorsAgent {
		creditor = within(l.creditors, draw(1))
		coordinator, kind = creditor, byDirect
	}
	ts := now.UTC().Format("2006-01-02T15:04:05.000000+00:00")
	var typ string
	var body any
	if l.receiver == certs.AccountingAuthority {
		typ = "FinalizeTransfer"
		body = struct {
			Type                 string `json:"type"`
			DebtorID             int64  `json:"debtor_id"`
			CreditorID           int64  `json:"creditor_id"`
			TransferID           int64  `json:"transfer_id"`
			CoordinatorType      string `json:"coordinator_type"`
			CoordinatorID        int64  `json:"coordinator_id"`
			CoordinatorRequestID int64  `json:"coordinator_request_id"`
			CommittedAmount      int64  `json:"committed_amount"`
			TransferNote         string `json:"transfer_note"`
			TransferNoteFormat   string `json:"transfer_note_format"`
			TS                   string `json:"ts"`
		}{typ, debtor, creditor, draw(2), kind, coordinator, draw(3), 0, "", "", ts}
	} else {
		typ = "RejectedTransfer"
		body = struct {
			Type                 string `json:"type"`
			DebtorID             int64  `json:"debtor_id"`
			CreditorID           int64  `json:"creditor_id"`
			CoordinatorType      string `json:"coordinator_type"`
			CoordinatorID        int64  `json:"coordinator_id"`
			CoordinatorRequestID int64  `json:"coordinator_request_id"`
			StatusCode           string `json:"status_code"`
			TotalLockedAmount    int64  `json:"total_locked_amount"`
			TS                   string `json:"ts"`
		}{typ, debtor, creditor, kind, coordinator, draw(3), ProbeStatus, 0, ts}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return Message{}, err
	}
	return Message{ID: fmt.Sprintf("swptpeer-%x", b[32:40]), Type: typ, ContentType: ContentType, Body: data}, nil
}

// within returns the id whose first digits are those of the subnet, and the rest
// those of r.
func within(s certs.Subnet, r int64) int64 {
	first, last := s.Unsigned()
	return int64(first | uint64(r)&(last-first))
}

package smp

import (
	"crypto/rand"
	"encoding/binary"
	hexdigits "encoding/hex"
	"fmt"
	"io"
	"strconv"
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
	m := Message{Type: "RejectedTransfer", ContentType: ContentType}
	if l.receiver == certs.AccountingAuthority {
		m.Type = "FinalizeTransfer"
	}
	// Written by hand, because a load test makes one for every SEND. None of the
	// texts has a character that JSON escapes.
	d := make([]byte, 0, 512)
	number := func(key string, v int64) { d = strconv.AppendInt(append(d, key...), v, 10) }
	word := func(key, v string) { d = append(append(append(d, key...), v...), '"') }
	word(`{"type":"`, m.Type)
	number(`,"debtor_id":`, debtor)
	number(`,"creditor_id":`, creditor)
	if l.receiver == certs.AccountingAuthority {
		number(`,"transfer_id":`, draw(2))
	}
	word(`,"coordinator_type":"`, kind)
	number(`,"coordinator_id":`, coordinator)
	number(`,"coordinator_request_id":`, draw(3))
	if l.receiver == certs.AccountingAuthority {
		number(`,"committed_amount":`, 0)
		word(`,"transfer_note":"`, "")
		word(`,"transfer_note_format":"`, "")
	} else {
		word(`,"status_code":"`, ProbeStatus)
		number(`,"total_locked_amount":`, 0)
	}
	d = append(d, `,"ts":"`...)
	d = now.UTC().AppendFormat(d, "2006-01-02T15:04:05.000000+00:00")
	m.Body = append(d, `"}`...)
	m.ID = "swptpeer-" + hexdigits.EncodeToString(b[32:40])
	return m, nil
}

// within returns the id whose first digits are those of the subnet, and the rest
// those of r.
func within(s certs.Subnet, r int64) int64 {
	first, last := s.Unsigned()
	return int64(first | uint64(r)&(last-first))
}

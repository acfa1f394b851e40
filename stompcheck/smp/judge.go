package smp

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// MaxAhead is how far the time of a message may be ahead of the receiver's clock
// (STOMP specification, "Probes that cannot hurt").
const MaxAhead = 2 * time.Hour

// RejectedError says why a receiver would refuse a message. Its text quotes what
// the sender wrote.
type RejectedError struct{ What string }

func (e *RejectedError) Error() string { return e.What }

func rejected(format string, args ...any) error {
	return &RejectedError{fmt.Sprintf(format, args...)}
}

// Judge looks at a message as the receiver of the link does before taking it.
// contentType and typ are the values of the headers content-type and type. now
// is the receiver's clock. The error is a *[RejectedError].
//
// Judged are the content type, the type, the JSON and the fields of the type,
// the ids against the subnets of the link, the coordinator, and the time. What
// the message would do is not.
func (l Link) Judge(contentType, typ string, body []byte, now time.Time) error {
	if l == (Link{}) {
		return rejected("this peering has no subnets")
	}
	if contentType != ContentType {
		if media, _, err := mime.ParseMediaType(contentType); err != nil || media != ContentType {
			return rejected("unsupported content type: found %q, expected %s", clip(contentType), ContentType)
		}
	}
	mt, ok := types[typ]
	if !ok {
		return rejected("invalid message type: found %q, expected one of SMP", clip(typ))
	}
	if mt.toAuthority != (l.receiver == certs.AccountingAuthority) {
		return rejected("invalid message type: %s is not sent to %s", typ, strings.ToLower(l.receiver.Unit()))
	}
	m, err := decode(body)
	if err != nil {
		return rejected("invalid %s message: %v", typ, err)
	}
	if err := mt.check(typ, m); err != nil {
		return err
	}
	if err := l.checkIDs(m); err != nil {
		return err
	}
	ts, err := parseTime(m.get("ts").text)
	if err != nil {
		return rejected("ts: %v", err)
	}
	if ahead := ts.Sub(now); ahead > MaxAhead {
		return rejected("ts: found a time %s ahead of the clock, expected at most %s", ahead.Round(time.Second), MaxAhead)
	}
	return nil
}

func (mt messageType) check(typ string, m object) error {
	if t := m.get("type"); t.kind != isString || t.text != typ {
		return rejected("type: found %s in the message, expected %q as in the header", show(t), typ)
	}
	for _, f := range mt.fields {
		v := m.get(f.name)
		if v.kind == isMissing {
			return rejected("%s: missing", f.name)
		}
		if bad := f.kind(v); bad != "" {
			return rejected("%s: %s", f.name, bad)
		}
	}
	if mt.also != nil {
		if bad := mt.also(m); bad != "" {
			return rejected("%s", bad)
		}
	}
	return nil
}

func (l Link) checkIDs(m object) error {
	debtor, creditor := m.integer("debtor_id"), m.integer("creditor_id")
	if !l.hasCreditor(creditor) {
		return rejected("invalid creditor id: found %s, expected %s", hex(creditor), l.creditorsWords())
	}
	if !l.debtors.Contains(debtor) {
		return rejected("invalid debtor id: found %s, expected one in the subnet %s", hex(debtor), l.debtors)
	}
	if m.get("coordinator_id").kind == isMissing {
		return nil
	}
	kind := ""
	if v := m.get("coordinator_type"); v.kind == isString {
		kind = v.text
	}
	id := m.integer("coordinator_id")
	if l.agent == certs.DebtorsAgent {
		if kind != byIssuing {
			return rejected("invalid coordinator type: found %q, expected %q", clip(kind), byIssuing)
		}
		if id != debtor {
			return rejected("invalid coordinator id: found %s, expected the debtor id", hex(id))
		}
		return nil
	}
	switch kind {
	case byDirect:
		if id != creditor {
			return rejected("invalid coordinator id: found %s, expected the creditor id", hex(id))
		}
	case byAgent:
		if !l.creditors.Contains(id) {
			return rejected("invalid coordinator id: found %s, expected one in the subnet %s", hex(id), l.creditors)
		}
	default:
		return rejected("invalid coordinator type: found %q, expected %q or %q", clip(kind), byDirect, byAgent)
	}
	return nil
}

func (l Link) creditorsWords() string {
	if l.agent == certs.DebtorsAgent {
		return "0"
	}
	return "one in the subnet " + l.creditors.String()
}

func hex(id int64) string { return fmt.Sprintf("0x%016x", uint64(id)) }

package smp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func identity(t testing.TB, typ certs.NodeType, id string) certs.Identity {
	t.Helper()
	i, err := certs.NewIdentity(typ, id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func subnet(t testing.TB, s string) certs.Subnet {
	t.Helper()
	n, err := certs.ParseSubnet(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type pair struct {
	name             string
	sender, receiver certs.Identity
	subnet           certs.Subnet
	probe            string // type of its probe
}

func pairs(t testing.TB) []pair {
	aa := identity(t, certs.AccountingAuthority, "f234abcd") // negative as a signed number
	ca := identity(t, certs.CreditorsAgent, strings.Repeat("a", 32))
	da := identity(t, certs.DebtorsAgent, strings.Repeat("b", 32))
	return []pair{
		{"ca to aa", ca, aa, subnet(t, "000001"), "FinalizeTransfer"},
		{"aa to ca", aa, ca, subnet(t, "000001"), "RejectedTransfer"},
		{"da to aa", da, aa, subnet(t, "f234abcd01"), "FinalizeTransfer"},
		{"aa to da", aa, da, subnet(t, "f234abcd01"), "RejectedTransfer"},
	}
}

func link(t testing.TB, p pair) Link {
	t.Helper()
	l, err := NewLink(p.sender, p.receiver, p.subnet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestProbeIsTaken(t *testing.T) {
	for _, p := range pairs(t) {
		t.Run(p.name, func(t *testing.T) {
			l := link(t, p)
			seen := map[string]bool{}
			for range 100 {
				m, err := l.Probe(now, nil)
				if err != nil {
					t.Fatal(err)
				}
				if m.Type != p.probe {
					t.Fatalf("found a %s, expected a %s", m.Type, p.probe)
				}
				if err := l.Judge(ContentType, m.Type, m.Body, now); err != nil {
					t.Fatalf("%v: %s", err, m.Body)
				}
				if seen[m.ID] {
					t.Fatalf("the id %s was drawn twice", m.ID)
				}
				seen[m.ID] = true
				if bytes.Contains(m.Body, []byte("e+")) {
					t.Fatalf("a number is written as a float: %s", m.Body)
				}
			}
			for _, q := range pairs(t) {
				if q.name == p.name {
					continue
				}
				m, err := l.Probe(now, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := link(t, q).Judge(ContentType, m.Type, m.Body, now); err == nil {
					t.Errorf("a probe from %s is taken from %s: %s", p.name, q.name, m.Body)
				}
			}
		})
	}
}

// TestProbeIsHarmless holds the two fields on which the obligation to ignore it
// rests.
func TestProbeIsHarmless(t *testing.T) {
	for _, p := range pairs(t) {
		m, err := link(t, p).Probe(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case "FinalizeTransfer":
			if body["committed_amount"] != 0.0 {
				t.Errorf("%s: found the amount %v, expected 0", p.name, body["committed_amount"])
			}
		case "RejectedTransfer":
			if body["status_code"] == "OK" || body["status_code"] == "" {
				t.Errorf("%s: found the status %v, expected a rejection", p.name, body["status_code"])
			}
		default:
			t.Errorf("%s: a %s is not known to be harmless", p.name, m.Type)
		}
	}
}

func TestNewLinkRefuses(t *testing.T) {
	ps := pairs(t)
	ca, aa, da := ps[0].sender, ps[0].receiver, ps[2].sender
	for _, bad := range []pair{
		{"two agents", ca, da, subnet(t, "000001"), ""},
		{"two authorities", aa, aa, subnet(t, "000001"), ""},
		{"no subnet", ca, aa, certs.Subnet{}, ""},
		{"another authority's", da, aa, subnet(t, "1234abcd01"), ""},
		{"wider than the authority", da, aa, subnet(t, "f234ab"), ""},
		{"nobody", certs.Identity{}, aa, subnet(t, "000001"), ""},
	} {
		if _, err := NewLink(bad.sender, bad.receiver, bad.subnet); err == nil {
			t.Errorf("%s: accepted", bad.name)
		}
	}
	if _, err := (Link{}).Probe(now, nil); err == nil {
		t.Error("the zero Link makes a probe")
	}
}

func TestJudge(t *testing.T) {
	l := link(t, pairs(t)[0]) // a creditors agent to the authority f234abcd, subnet 000001
	var base map[string]any
	good, err := l.Probe(now, nil)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(good.Body))
	dec.UseNumber()
	if err := dec.Decode(&base); err != nil {
		t.Fatal(err)
	}
	with := func(kv ...any) []byte {
		m := map[string]any{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] == nil {
				delete(m, kv[i].(string))
			} else {
				m[kv[i].(string)] = kv[i+1]
			}
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const ft = "FinalizeTransfer"
	tests := []struct {
		name, contentType, typ string
		body                   []byte
		want                   string // "" if it is taken
	}{
		{"as made", ContentType, ft, with(), ""},
		{"with a charset", "application/json; charset=utf-8", ft, with(), ""},
		{"with an unknown field", ContentType, ft, with("x", 1), ""},
		{"an agent as coordinator", ContentType, ft, with("coordinator_type", "agent", "coordinator_id", 0x10000000000), ""},
		{"largest id", ContentType, ft, with("transfer_id", json.Number("9223372036854775807")), ""},
		{"two hours ahead", ContentType, ft, with("ts", "2026-11-23T14:00:00Z"), ""},
		{"another content type", "text/plain", ft, with(), "unsupported content type"},
		{"no content type", "", ft, with(), "unsupported content type"},
		{"unknown type", ContentType, "Transfer", with(), "invalid message type"},
		{"type for an agent", ContentType, "RejectedTransfer", with(), "is not sent to accounting authorities"},
		{"types differ", ContentType, "PrepareTransfer", with(), `expected "PrepareTransfer"`},
		{"not JSON", ContentType, ft, []byte("{"), "expected a JSON object"},
		{"empty", ContentType, ft, nil, "expected a JSON object"},
		{"null", ContentType, ft, []byte("null"), "found null"},
		{"an array", ContentType, ft, []byte("[]"), "expected a JSON object"},
		{"two objects", ContentType, ft, append(with(), "{}"...), "something after"},
		{"not UTF-8", ContentType, ft, []byte("{\"a\":\"\xff\"}"), "not UTF-8"},
		{"field missing", ContentType, ft, with("transfer_note", nil), "transfer_note: missing"},
		{"a float", ContentType, ft, with("committed_amount", json.Number("0.0")), "not a float"},
		{"beyond 64 bits", ContentType, ft, with("transfer_id", json.Number("9223372036854775808")), "64 bits"},
		{"a string for a number", ContentType, ft, with("committed_amount", "0"), "expected an integer"},
		{"a negative amount", ContentType, ft, with("committed_amount", -1), "expected 0 to"},
		{"a long note", ContentType, ft, with("transfer_note", strings.Repeat("é", 251)), "at most 500"},
		{"a bad note format", ContentType, ft, with("transfer_note_format", "a b"), "matches"},
		{"another's creditor id", ContentType, ft, with("creditor_id", 0x20000000000), "invalid creditor id: found 0x0000020000000000"},
		{"another's debtor id", ContentType, ft, with("debtor_id", 1), "invalid debtor id"},
		{"issuing from a creditors agent", ContentType, ft, with("coordinator_type", "issuing"), "invalid coordinator type"},
		{"coordinator is another", ContentType, ft, with("coordinator_id", 1), "invalid coordinator id"},
		{"agent outside", ContentType, ft, with("coordinator_type", "agent", "coordinator_id", 1), "invalid coordinator id"},
		{"no ts", ContentType, ft, with("ts", nil), "ts: missing"},
		{"ts without offset", ContentType, ft, with("ts", "2026-11-23T12:00:00"), "with its offset"},
		{"ts too far ahead", ContentType, ft, with("ts", "2026-11-23T14:00:01Z"), "ahead of the clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := l.Judge(tt.contentType, tt.typ, tt.body, now)
			if tt.want == "" {
				if err != nil {
					t.Errorf("%v: %s", err, tt.body)
				}
				return
			}
			var rej *RejectedError
			if !errors.As(err, &rej) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found error %v, expected one with %q", err, tt.want)
			}
		})
	}
}

// samples has one good message of every type; each field is then left out in
// turn, and must be missed.
var samples = map[string]string{
	"ConfigureAccount":  `{"negligible_amount":0.5,"config_data":"","config_flags":0,"seqnum":-1}`,
	"PrepareTransfer":   `{"coordinator_type":"direct","coordinator_id":1,"coordinator_request_id":2,"min_locked_amount":1,"max_locked_amount":1,"recipient":"a","final_interest_rate_ts":"2026-11-23T00:00:00Z","max_commit_delay":1}`,
	"FinalizeTransfer":  `{"coordinator_type":"direct","coordinator_id":1,"coordinator_request_id":2,"transfer_note":"","transfer_note_format":"","transfer_id":1,"committed_amount":0}`,
	"RejectedConfig":    `{"config_ts":"2026-11-23T00:00:00Z","config_seqnum":1,"config_flags":0,"config_data":"","negligible_amount":0,"rejection_code":"X"}`,
	"RejectedTransfer":  `{"coordinator_type":"direct","coordinator_id":1,"coordinator_request_id":2,"status_code":"X","total_locked_amount":0}`,
	"PreparedTransfer":  `{"coordinator_type":"direct","coordinator_id":1,"coordinator_request_id":2,"transfer_id":1,"locked_amount":1,"recipient":"a","prepared_at":"2026-11-23T00:00:00Z","demurrage_rate":-1.5,"deadline":"2026-11-23T00:00:00Z","final_interest_rate_ts":"2026-11-23T00:00:00Z"}`,
	"FinalizedTransfer": `{"coordinator_type":"direct","coordinator_id":1,"coordinator_request_id":2,"transfer_id":1,"committed_amount":0,"status_code":"X","total_locked_amount":0,"prepared_at":"2026-11-23T00:00:00Z"}`,
	"AccountUpdate":     `{"creation_date":"2026-11-23","last_change_ts":"2026-11-23T00:00:00Z","last_change_seqnum":1,"principal":-1,"interest":-0.5,"interest_rate":1e2,"last_interest_rate_change_ts":"2026-11-23T00:00:00Z","last_config_ts":"2026-11-23T00:00:00Z","last_config_seqnum":1,"negligible_amount":0,"config_flags":0,"config_data":"","account_id":"a","debtor_info_iri":"","debtor_info_content_type":"","debtor_info_sha256":"","last_transfer_number":0,"last_transfer_committed_at":"2026-11-23T00:00:00Z","demurrage_rate":0,"commit_period":1,"transfer_note_max_bytes":500,"ttl":1}`,
	"AccountPurge":      `{"creation_date":"2026-11-23"}`,
	"AccountTransfer":   `{"coordinator_type":"direct","transfer_note":"","transfer_note_format":"","creation_date":"2026-11-23","transfer_number":1,"sender":"a","recipient":"b","acquired_amount":-1,"committed_at":"2026-11-23T00:00:00Z","principal":0,"previous_transfer_number":0}`,
}

func TestEveryType(t *testing.T) {
	ps := pairs(t)
	if len(samples) != len(types) {
		t.Fatalf("found %d samples, expected one of each of %d types", len(samples), len(types))
	}
	for typ, mt := range types {
		t.Run(typ, func(t *testing.T) {
			l := link(t, ps[1])
			if mt.toAuthority {
				l = link(t, ps[0])
			}
			m, err := decodeAny([]byte(samples[typ]))
			if err != nil {
				t.Fatal(err)
			}
			creditor, _ := l.creditors.Signed()
			debtor, _ := l.debtors.Signed()
			m["type"], m["ts"] = typ, "2026-11-23T00:00:00+02:00"
			m["creditor_id"], m["debtor_id"] = creditor, debtor
			if _, ok := m["coordinator_id"]; ok {
				m["coordinator_id"] = creditor
			}
			judge := func(m map[string]any) error {
				data, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				return l.Judge(ContentType, typ, data, now)
			}
			if err := judge(m); err != nil {
				t.Fatal(err)
			}
			for _, f := range mt.fields {
				for _, v := range []any{nil, true, []int{}} {
					old := m[f.name]
					if v == nil {
						delete(m, f.name)
					} else {
						m[f.name] = v
					}
					if err := judge(m); err == nil || !strings.Contains(err.Error(), f.name) {
						t.Errorf("%s = %v: found error %v, expected one that names the field", f.name, v, err)
					}
					m[f.name] = old
				}
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	for typ, s := range samples {
		f.Add(typ, []byte(s))
	}
	ps := pairs(f)
	m, err := link(f, ps[0]).Probe(now, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Type, m.Body)
	links := []Link{link(f, ps[0]), link(f, ps[1]), link(f, ps[2]), link(f, ps[3])}
	f.Fuzz(func(t *testing.T, typ string, body []byte) {
		for _, l := range links {
			if err := l.Judge(ContentType, typ, body, now); err == nil && !json.Valid(body) {
				t.Errorf("taken, and not JSON: %q", body)
			}
		}
	})
}

func TestWithin(t *testing.T) {
	for _, s := range []string{"00", "ff", "000001", "1234abcd", "ffffffffffffffff"} {
		n := subnet(t, s)
		for _, r := range []int64{0, -1, 1, math.MinInt64, math.MaxInt64} {
			if id := within(n, r); !n.Contains(id) {
				t.Errorf("%x is not in %s", uint64(id), s)
			}
		}
	}
}

func ExampleLink_Judge() {
	ca, _ := certs.NewIdentity(certs.CreditorsAgent, "ae4209290a434d18be5465b3d11257f8")
	aa, _ := certs.NewIdentity(certs.AccountingAuthority, "1234abcd")
	given, _ := certs.ParseSubnet("000001")
	l, err := NewLink(ca, aa, given)
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Judge("application/json", "AccountPurge", nil, time.Now()))
	// Output: invalid message type: AccountPurge is not sent to accounting authorities
}

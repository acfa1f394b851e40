package policy

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest/toml10"
)

// FileName is how a policy is called unless somebody calls it otherwise.
const FileName = "swptpeer.toml"

const (
	// MaxSize is the size of the largest policy that is read, in bytes: room
	// for some thousands of pins.
	MaxSize = 1 << 20
	// MaxWarnDays is the greatest number of days to be warned ahead. Every root
	// certificate lives longer than 200 years, and no pipeline.
	MaxWarnDays = 73_000
	// maxReason bounds the reason of a waiver, in bytes: it is repeated with
	// every breach.
	maxReason = 500
)

// Policy is a valid policy. The zero Policy asks for nothing.
type Policy struct {
	Strict     bool
	WarnDays   int               // 0: no warning
	ExpectType certs.NodeType    // 0: any
	Registry   string            // path, relative to the folder of the policy file; "": none
	Pins       map[string]string // by node id; fingerprints as [bundle.ParseFingerprint] returns them
	Waivers    []Waiver
	Limits     bundle.Limits
}

// Waiver accepts the breaches of a rule.
type Waiver struct {
	Rule   *check.Rule
	Reason string
	Until  time.Time // the moment it ends; zero: never
}

// Parse reads a policy file. Waivers may be for the given rules. An error says
// where in the file what was found and what was expected.
func Parse(data []byte, rules []*check.Rule) (*Policy, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("policy: found %d bytes, expected at most %d", len(data), MaxSize)
	}
	values, _, err := toml10.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	r := &reader{rules: rules}
	p := r.policy(&table{r: r, values: values})
	if r.err != nil {
		return nil, fmt.Errorf("policy: %w", r.err)
	}
	return p, nil
}

// reader reads the values and remembers the first error.
type reader struct {
	rules []*check.Rule
	err   error
}

func (r *reader) fail(where, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...))
	}
}

func (r *reader) policy(t *table) *Policy {
	p := &Policy{
		Strict:   t.boolean("strict"),
		WarnDays: int(t.number("warn-days", 1, MaxWarnDays)),
		Registry: t.text("registry", false),
		Pins:     map[string]string{},
	}
	if s := t.text("expect-type", false); s != "" {
		var err error
		if p.ExpectType, err = certs.ParseNodeType(s); err != nil {
			r.fail("expect-type", "%w", err)
		}
	}
	for _, pin := range t.tables("pin") {
		r.pin(pin, p)
	}
	for _, waiver := range t.tables("waiver") {
		r.waiver(waiver, p)
	}
	if limits := t.table("limits"); limits != nil {
		p.Limits = r.limits(limits)
	}
	t.done()
	return p
}

func (r *reader) pin(t *table, p *Policy) {
	id, err := certs.ParseNodeID(t.text("node-id", true))
	if err != nil {
		r.fail(t.at("node-id"), "%w", err)
	}
	pin, err := bundle.ParseFingerprint(t.text("public-key-sha256", true))
	if err != nil {
		r.fail(t.at("public-key-sha256"), "%w", err)
	}
	t.done()
	if _, twice := p.Pins[id]; twice {
		r.fail(t.at("node-id"), "found %s a second time, expected every node once", id)
	}
	p.Pins[id] = pin
}

func (r *reader) waiver(t *table, p *Policy) {
	id, reason, until := t.text("rule", true), t.text("reason", true), t.date("until")
	t.done()
	w, err := NewWaiver(r.rules, id, reason, until)
	if err != nil {
		r.fail(t.where, "%w", err)
		return
	}
	if slices.ContainsFunc(p.Waivers, func(other Waiver) bool { return other.Rule == w.Rule }) {
		r.fail(t.at("rule"), "found %s a second time, expected one waiver for a rule", id)
	}
	p.Waivers = append(p.Waivers, w)
}

func (r *reader) limits(t *table) bundle.Limits {
	l := bundle.Limits{
		Bundle:   t.number("bundle-bytes", 1, bundle.MaxBundle),
		NodeInfo: t.number("nodeinfo-bytes", 1, bundle.MaxNodeInfo),
		Inflated: t.number("inflated-bytes", 1, bundle.MaxInflated),
		File:     t.number("file-bytes", 1, bundle.MaxFile),
		Entries:  int(t.number("entries", 1, bundle.MaxEntries)),
		Depth:    int(t.number("depth", 1, bundle.MaxDepth)),
		Name:     int(t.number("name-bytes", 1, bundle.MaxName)),
		Ratio:    t.number("ratio", 1, bundle.MaxRatio),
	}
	t.done()
	return l
}

// table is a table of the file. A value is taken out of it when it is read; what
// is left in the end is not known.
type table struct {
	r      *reader
	where  string
	values map[string]any
	keys   []string // that were asked for
}

func (t *table) at(key string) string {
	if t.where == "" {
		return key
	}
	return t.where + ": " + key
}

// take returns a value and whether there is one.
func (t *table) take(key string) (any, bool) {
	t.keys = append(t.keys, key)
	v, ok := t.values[key]
	delete(t.values, key)
	return v, ok
}

// done refuses what is left.
func (t *table) done() {
	if len(t.values) == 0 {
		return
	}
	unknown := slices.Min(slices.Collect(maps.Keys(t.values)))
	t.r.fail(cmp.Or(t.where, "the file"), "found the unknown key %s, expected only %s", quote(unknown), strings.Join(t.keys, ", "))
}

func (t *table) text(key string, required bool) string {
	v, ok := t.take(key)
	if !ok && !required {
		return ""
	}
	s, isText := v.(string)
	if !isText || s == "" {
		t.r.fail(t.at(key), "found %s, expected a string that is not empty", kind(v))
	}
	return s
}

func (t *table) boolean(key string) bool {
	v, ok := t.take(key)
	b, isBool := v.(bool)
	if ok && !isBool {
		t.r.fail(t.at(key), "found %s, expected true or false", kind(v))
	}
	return b
}

// number is 0 if there is none.
func (t *table) number(key string, least, most int64) int64 {
	v, ok := t.take(key)
	if !ok {
		return 0
	}
	n, isNumber := v.(int64)
	switch {
	case !isNumber:
		t.r.fail(t.at(key), "found %s, expected a whole number", kind(v))
	case n < least || n > most:
		t.r.fail(t.at(key), "found %d, expected %d to %d: a policy can be stricter than the specification, not more generous", n, least, most)
	}
	return n
}

// date is the end of a day, in UTC.
func (t *table) date(key string) time.Time {
	v, _ := t.take(key)
	d, ok := v.(time.Time)
	// The parser marks what kind of time it is by the name of the location.
	if !ok || d.Location().String() != "date-local" {
		t.r.fail(t.at(key), "found %s, expected a date such as 2027-06-30, without quotes", kind(v))
		return time.Time{}
	}
	// A day more must be a time that is not taken for none. (TOML has four digits.)
	if d.Year() < 2000 {
		t.r.fail(t.at(key), "found the year %d, expected 2000 to 9999", d.Year())
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day()+1, 0, 0, 0, 0, time.UTC)
}

func (t *table) table(key string) *table {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	values, isTable := v.(map[string]any)
	if !isTable {
		t.r.fail(t.at(key), "found %s, expected a table: [%s]", kind(v), key)
		return nil
	}
	return &table{r: t.r, where: t.at(key), values: values}
}

// tables returns a list of tables, whether written as [[key]] or inline.
func (t *table) tables(key string) (out []*table) {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	var list []any
	switch v := v.(type) {
	case []map[string]any:
		for _, item := range v {
			list = append(list, item)
		}
	case []any:
		list = v
	default:
		t.r.fail(t.at(key), "found %s, expected tables: [[%s]]", kind(v), key)
	}
	if list != nil && len(list) == 0 {
		t.r.fail(t.at(key), "found an empty list, expected tables, [[%s]], or nothing: an empty list decides nothing", key)
	}
	for i, item := range list {
		where := fmt.Sprintf("%s %d", t.at(key), i+1)
		values, isTable := item.(map[string]any)
		if !isTable {
			t.r.fail(where, "found %s, expected a table", kind(item))
			return nil
		}
		out = append(out, &table{r: t.r, where: where, values: values})
	}
	return out
}

// kind names a value for an error.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// maxQuote bounds how much of a value an error repeats, in bytes.
const maxQuote = 80

func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.QuoteToASCII(s[:maxQuote]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// WarnWithin is WarnDays as a span of time.
func (p *Policy) WarnWithin() time.Duration { return Days(p.WarnDays) }

// Days is a number of days as a span of time, or the longest there is.
func Days(n int) time.Duration {
	const day = 24 * time.Hour
	if int64(n) > math.MaxInt64/int64(day) {
		return math.MaxInt64
	}
	return time.Duration(n) * day
}

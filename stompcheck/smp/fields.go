package smp

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// kind is the form of a field: it returns what is wrong with a value, or "".
type kind func(v value) string

// field is one required field of a message type.
type field struct {
	name string
	kind kind
}

func integer(low, high int64) kind {
	return func(v value) string {
		if v.kind != isNumber {
			return fmt.Sprintf("found %s, expected an integer", show(v))
		}
		i, err := strconv.ParseInt(v.text, 10, 64)
		if err != nil {
			return fmt.Sprintf("found %s, expected an integer of 64 bits, not a float", show(v))
		}
		if i < low || i > high {
			return fmt.Sprintf("found %d, expected %d to %d", i, low, high)
		}
		return ""
	}
}

func number(low, high float64) kind {
	return func(v value) string {
		if v.kind != isNumber {
			return fmt.Sprintf("found %s, expected a number", show(v))
		}
		f, err := strconv.ParseFloat(v.text, 64)
		if err != nil || f < low || f > high {
			return fmt.Sprintf("found %s, expected a number from %g to %g", show(v), low, high)
		}
		return ""
	}
}

// text is UTF-8 of at most this many bytes.
func text(most int) kind {
	return func(v value) string {
		if v.kind != isString {
			return fmt.Sprintf("found %s, expected a string", show(v))
		}
		if len(v.text) > most {
			return fmt.Sprintf("found %d bytes, expected at most %d", len(v.text), most)
		}
		return ""
	}
}

// ascii is text of ASCII characters.
func ascii(least, most int) kind {
	return func(v value) string {
		if bad := text(most)(v); bad != "" {
			return bad
		}
		s := v.text
		if len(s) < least {
			return fmt.Sprintf("found %d characters, expected at least %d", len(s), least)
		}
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				return fmt.Sprintf("found %q, expected ASCII", clip(s))
			}
		}
		return ""
	}
}

// matching compiles the expression when it is needed: most commands never do.
func matching(re string) kind {
	r := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(re) })
	return func(v value) string {
		if v.kind != isString || !r().MatchString(v.text) {
			return fmt.Sprintf("found %s, expected a string that matches %s", show(v), re)
		}
		return ""
	}
}

func timestamp(v value) string {
	if v.kind != isString {
		return fmt.Sprintf("found %s, expected a time", show(v))
	}
	if _, err := parseTime(v.text); err != nil {
		return fmt.Sprintf("found %q, expected an ISO 8601 time with its offset", clip(v.text))
	}
	return ""
}

func date(v value) string {
	if v.kind == isString {
		if _, err := time.Parse(time.DateOnly, v.text); err == nil {
			return ""
		}
	}
	return fmt.Sprintf("found %s, expected a date, YYYY-MM-DD", show(v))
}

func parseTime(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) }

var (
	int32s   = integer(math.MinInt32, math.MaxInt32)
	int64s   = integer(math.MinInt64, math.MaxInt64)
	positive = integer(0, math.MaxInt64)
	short    = integer(0, math.MaxInt32)
	amount   = number(0, math.MaxFloat64)
	config   = text(2000)
	account  = ascii(0, 100)
	reason   = ascii(0, 30)
)

// common fields of every message type, besides its own.
var common = []field{{"debtor_id", int64s}, {"creditor_id", int64s}, {"ts", timestamp}}

var coordinator = []field{{"coordinator_type", ascii(1, 30)}, {"coordinator_id", int64s}, {"coordinator_request_id", int64s}}

var note = []field{{"transfer_note_format", matching(`^[0-9A-Za-z.-]{0,8}$`)}, {"transfer_note", text(500)}}

// messageType is what is known of one type of message.
type messageType struct {
	toAuthority bool
	fields      []field
	also        func(m object) string // what holds between fields
}

func fields(groups ...[]field) []field {
	out := common
	for _, g := range groups {
		out = append(out[:len(out):len(out)], g...)
	}
	return out
}

// types are the messages of SMP and their fields (SMP, "Messages").
var types = map[string]messageType{
	"ConfigureAccount": {toAuthority: true, fields: fields([]field{
		{"negligible_amount", amount}, {"config_data", config}, {"config_flags", int32s}, {"seqnum", int32s},
	})},
	"PrepareTransfer": {toAuthority: true, fields: fields(coordinator, []field{
		{"min_locked_amount", positive}, {"max_locked_amount", positive}, {"recipient", account},
		{"final_interest_rate_ts", timestamp}, {"max_commit_delay", short},
	}), also: func(m object) string {
		if low, high := m.integer("min_locked_amount"), m.integer("max_locked_amount"); low > high {
			return fmt.Sprintf("min_locked_amount: found %d, expected at most max_locked_amount, %d", low, high)
		}
		return ""
	}},
	"FinalizeTransfer": {toAuthority: true, fields: fields(coordinator, note, []field{
		{"transfer_id", int64s}, {"committed_amount", positive},
	})},
	"RejectedConfig": {fields: fields([]field{
		{"config_ts", timestamp}, {"config_seqnum", int32s}, {"config_flags", int32s}, {"config_data", config},
		{"negligible_amount", amount}, {"rejection_code", reason},
	})},
	"RejectedTransfer": {fields: fields(coordinator, []field{
		{"status_code", reason}, {"total_locked_amount", positive},
	}), also: func(m object) string {
		if m.get("status_code").text == "OK" {
			return `status_code: found "OK", expected a reason for the rejection`
		}
		return ""
	}},
	"PreparedTransfer": {fields: fields(coordinator, []field{
		{"transfer_id", int64s}, {"locked_amount", positive}, {"recipient", account}, {"prepared_at", timestamp},
		{"demurrage_rate", number(-100, 0)}, {"deadline", timestamp}, {"final_interest_rate_ts", timestamp},
	})},
	"FinalizedTransfer": {fields: fields(coordinator, []field{
		{"transfer_id", int64s}, {"committed_amount", positive}, {"status_code", reason},
		{"total_locked_amount", positive}, {"prepared_at", timestamp},
	}), also: func(m object) string {
		if m.get("status_code").text != "OK" && m.integer("committed_amount") != 0 {
			return `committed_amount: found an amount, expected 0 because status_code is not "OK"`
		}
		return ""
	}},
	"AccountUpdate": {fields: fields([]field{
		{"creation_date", date}, {"last_change_ts", timestamp}, {"last_change_seqnum", int32s}, {"principal", int64s},
		{"interest", number(-math.MaxFloat64, math.MaxFloat64)}, {"interest_rate", number(-100, math.MaxFloat64)},
		{"last_interest_rate_change_ts", timestamp}, {"last_config_ts", timestamp}, {"last_config_seqnum", int32s},
		{"negligible_amount", amount}, {"config_flags", int32s}, {"config_data", config}, {"account_id", account},
		{"debtor_info_iri", text(800)}, {"debtor_info_content_type", ascii(0, 100)},
		{"debtor_info_sha256", matching(`^([0-9A-F]{64}|[0-9a-f]{64})?$`)},
		{"last_transfer_number", positive}, {"last_transfer_committed_at", timestamp},
		{"demurrage_rate", number(-100, 0)}, {"commit_period", short},
		{"transfer_note_max_bytes", integer(0, 500)}, {"ttl", short},
	})},
	"AccountPurge": {fields: fields([]field{{"creation_date", date}})},
	"AccountTransfer": {fields: fields([]field{{"coordinator_type", ascii(1, 30)}}, note, []field{
		{"creation_date", date}, {"transfer_number", integer(1, math.MaxInt64)}, {"sender", account}, {"recipient", account},
		{"acquired_amount", int64s}, {"committed_at", timestamp}, {"principal", int64s}, {"previous_transfer_number", positive},
	}), also: func(m object) string {
		if m.integer("acquired_amount") == 0 {
			return "acquired_amount: found 0, expected another amount"
		}
		if prev, n := m.integer("previous_transfer_number"), m.integer("transfer_number"); prev >= n {
			return fmt.Sprintf("previous_transfer_number: found %d, expected less than transfer_number, %d", prev, n)
		}
		return ""
	}},
}

// show is a value as JSON writes it.
func show(v value) string {
	switch v.kind {
	case isMissing:
		return "null"
	case isString:
		// A string always has a form in JSON.
		data, _ := json.Marshal(v.text)
		return clip(string(data))
	}
	return clip(v.text)
}

// clip shortens a stranger's text for an error, not within a character.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		n := most
		for n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		return s[:n] + "…"
	}
	return s
}

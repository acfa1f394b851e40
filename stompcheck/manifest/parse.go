package manifest

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest/toml10"
)

// Names of the keys.
const (
	keyServers      = "servers"
	keyHost         = "host"
	keyLogin        = "login"
	keyPasscode     = "passcode"
	keyDestination  = "destination"
	keyContentTypes = "accepted-content-types"
)

var knownKeys = []string{keyServers, keyHost, keyDestination, keyLogin, keyPasscode, keyContentTypes}

// maxHeaderValue is the longest header value that the Python server takes, in
// bytes (spec stomp.md, "What real servers do").
const maxHeaderValue = 500

// longestNodeID is what ${NODE_ID} may grow to, in bytes: an agent's id.
const longestNodeID = 32

// Parse checks a stomp.toml against every rule; the manifest is nil unless the
// report is OK(false). The report has a result for each of [Rules] but the
// last, except that rules about one server or value are reported once for each
// that breaks them. Passcodes are never quoted.
func Parse(data []byte) (*Manifest, *check.Report) {
	p := &parser{report: &check.Report{Subject: FileName}}
	p.parse(data)
	if !p.report.OK(false) {
		return nil, p.report
	}
	return &p.m, p.report
}

// CheckDestination reports whether the destination is the one in use for a node
// of the type with this short name ("aa", "ca" or "da").
func (m *Manifest) CheckDestination(short string) *check.Report {
	r := &check.Report{Subject: FileName}
	want := Destination(short)
	if want == "" {
		r.Skip(ruleInUse, keyDestination, fmt.Sprintf("no destination is in use for nodes of type %s", quote(short)))
		return r
	}
	r.Check(m.Destination == want, ruleInUse, keyDestination, quote(m.Destination), quote(want))
	return r
}

type parser struct {
	report *check.Report
	values map[string]any
	m      Manifest
}

func (p *parser) parse(data []byte) {
	r := p.report
	if !r.Check(len(data) <= MaxSize, ruleSize, "", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d", MaxSize)) {
		p.skipAfter(ruleSize, "stomp.toml is too large to be read")
		return
	}
	values, meta, err := toml10.Decode(data)
	if err != nil {
		where, found := "", err.Error()
		if e, ok := errors.AsType[*toml10.Error](err); ok {
			where, found = fmt.Sprintf("line %d", e.Line), e.Problem
		}
		r.Fail(ruleSyntax, where, found, "TOML 1.0")
		p.skipAfter(ruleSyntax, "stomp.toml is not TOML 1.0")
		return
	}
	r.Pass(ruleSyntax, "", "")
	p.values = values

	texts := p.servers()
	p.m.Host = p.required(ruleHost, keyHost)
	p.m.Destination = p.required(ruleDestination, keyDestination)
	p.m.Login = p.optional(ruleLogin, keyLogin)
	p.m.Passcode = p.optional(rulePasscode, keyPasscode)
	p.contentTypes()
	p.controls(texts)
	p.warnings()
	p.unknown(meta)
}

// skipAfter records that the rules after done could not be checked.
func (p *parser) skipAfter(done *check.Rule, why string) {
	rules := Rules()
	for _, rule := range rules[slices.Index(rules, done)+1:] {
		if rule != ruleInUse { // not a rule of Parse
			p.report.Skip(rule, "", why)
		}
	}
}

// stringList returns the strings of a list, and what is wrong with it.
func stringList(value any) (list []string, problem string) {
	items, ok := value.([]any)
	if !ok {
		if tables, isTables := value.([]map[string]any); isTables {
			return nil, fmt.Sprintf("a list of %d tables", len(tables))
		}
		return nil, typeName(value)
	}
	for i, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Sprintf("%s at [%d]", typeName(item), i)
		}
		list = append(list, s)
	}
	return list, ""
}

// typeName says what a value is, in TOML's words.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// servers returns the texts of the servers, valid or not.
func (p *parser) servers() []string {
	texts, problem := stringList(p.values[keyServers])
	if problem == "" && len(texts) == 0 {
		problem = "an empty list"
	}
	if problem != "" {
		p.report.Fail(ruleServers, keyServers, problem, `a list of at least one "host:port"`)
		p.report.Skip(ruleServer, keyServers, "there is no list of servers")
		return nil
	}
	p.report.Pass(ruleServers, keyServers, fmt.Sprintf("%d listed", len(texts)))
	bad := false
	for i, text := range texts {
		server, err := ParseServer(text)
		if err != nil {
			bad = true
			p.report.Fail(ruleServer, element(keyServers, i), err.Error(), "")
			continue
		}
		p.m.Servers = append(p.m.Servers, server)
	}
	if !bad {
		p.report.Pass(ruleServer, keyServers, "")
	}
	return texts
}

func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func (p *parser) required(rule *check.Rule, key string) string {
	s, ok := p.values[key].(string)
	found := typeName(p.values[key])
	if ok && s == "" {
		found = "an empty string"
	}
	if s == "" {
		p.report.Fail(rule, key, found, "a string that is not empty")
		return ""
	}
	p.report.Pass(rule, key, quote(s))
	return s
}

func (p *parser) optional(rule *check.Rule, key string) *string {
	value, ok := p.values[key]
	if !ok {
		p.report.Pass(rule, key, "absent")
		return nil
	}
	s, ok := value.(string)
	if !ok {
		p.report.Fail(rule, key, typeName(value), "a string")
		return nil
	}
	p.report.Pass(rule, key, "present")
	return &s
}

func (p *parser) contentTypes() {
	value, ok := p.values[keyContentTypes]
	if !ok {
		p.report.Pass(ruleContentTypes, keyContentTypes, "absent")
		return
	}
	list, problem := stringList(value)
	if problem != "" {
		p.report.Fail(ruleContentTypes, keyContentTypes, problem, "a list of strings")
		return
	}
	p.report.Pass(ruleContentTypes, keyContentTypes, fmt.Sprintf("%d listed", len(list)))
	p.m.AcceptedContentTypes = list
}

// field is a value of the manifest, for rules about every one of them.
type field struct {
	where, value string
}

// headers lists the values that become STOMP headers, as they are there.
func (p *parser) headers() []field {
	fields := []field{{keyHost, p.m.Host}}
	if p.m.Login != nil {
		fields = append(fields, field{keyLogin, *p.m.Login})
	}
	if p.m.Passcode != nil {
		fields = append(fields, field{keyPasscode, *p.m.Passcode})
	}
	return append(fields, field{keyDestination, p.m.Destination})
}

// each applies ok to every field: one failure for each that breaks the rule, or
// one pass.
func (p *parser) each(rule *check.Rule, fields []field, expected string, problem func(string) string) {
	good := true
	for _, f := range fields {
		if found := problem(f.value); found != "" {
			good = false
			p.report.Fail(rule, f.where, found, expected)
		}
	}
	if good {
		p.report.Pass(rule, "", "")
	}
}

func (p *parser) controls(servers []string) {
	fields := p.headers()
	for i, s := range servers {
		fields = append(fields, field{element(keyServers, i), s})
	}
	for i, s := range p.m.AcceptedContentTypes {
		fields = append(fields, field{element(keyContentTypes, i), s})
	}
	p.each(ruleControls, fields, "none", func(s string) string {
		for i, r := range s {
			if unicode.IsControl(r) {
				return fmt.Sprintf("the control character %U at byte %d", r, i)
			}
		}
		return ""
	})
}

func (p *parser) warnings() {
	var hosts []field
	for i, text := range p.m.Servers {
		hosts = append(hosts, field{element(keyServers, i), text.Host})
	}
	p.each(ruleIPv6, hosts, "a DNS name or an IPv4 address", func(host string) string {
		if strings.Contains(host, ":") {
			return "the IPv6 address " + quote(host)
		}
		return ""
	})
	p.each(ruleUnderscore, hosts, "letters, digits, hyphens and dots", func(host string) string {
		if strings.Contains(host, "_") {
			return "the name " + quote(host)
		}
		return ""
	})
	headers := p.headers()
	connect := headers[:len(headers)-1] // all but destination
	p.each(ruleColon, connect, `neither ":" nor "\"`, func(s string) string {
		if i := strings.IndexAny(s, `:\`); i >= 0 {
			return fmt.Sprintf("%q at byte %d", s[i:i+1], i)
		}
		return ""
	})
	p.each(ruleLength, headers, fmt.Sprintf("at most %d", maxHeaderValue), func(s string) string {
		// An upper bound: in a passcode the variable is not replaced.
		if n := len(strings.ReplaceAll(s, NodeIDVariable, strings.Repeat("0", longestNodeID))); n > maxHeaderValue {
			return fmt.Sprintf("%d bytes", n)
		}
		return ""
	})
	var types []field
	for i, s := range p.m.AcceptedContentTypes {
		types = append(types, field{element(keyContentTypes, i), s})
	}
	p.each(ruleMediaTypes, types, "type/subtype", func(s string) string {
		if name, _, err := mime.ParseMediaType(s); err != nil || !strings.Contains(name, "/") {
			return quote(s)
		}
		return ""
	})
	variable := p.m.Passcode != nil && strings.Contains(*p.m.Passcode, NodeIDVariable)
	p.report.Check(!variable, rulePasscodeVariable, keyPasscode, "", "no "+NodeIDVariable)
}

func (p *parser) unknown(meta toml.MetaData) {
	seen := map[string]bool{}
	for _, name := range knownKeys {
		seen[name] = true
	}
	for _, key := range meta.Keys() {
		if name := key[0]; !seen[name] {
			seen[name] = true
			p.m.Unknown = append(p.m.Unknown, name)
		}
	}
	const most = 10 // enough to find a misspelt one
	var names []string
	for _, name := range p.m.Unknown[:min(most, len(p.m.Unknown))] {
		names = append(names, quote(name))
	}
	if more := len(p.m.Unknown) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	p.report.Check(len(names) == 0, ruleUnknown, "", strings.Join(names, ", "), "only "+strings.Join(knownKeys, ", "))
}

package main

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/policy"
	"github.com/swaptacular/swptpeer/certs/check"
)

// What the verify family judges by: the flags that all of it has, and the policy
// file.

// atFlag is for commands whose verdict depends on the time.
func atFlag() cli.Flag {
	return &cli.StringFlag{Name: "at", Usage: "judge as of `TIME` (RFC 3339, or a date; default: now)"}
}

// warnFlag is for commands that judge certificates.
func warnFlag() cli.Flag {
	return &cli.StringFlag{Name: "warn-days", Usage: "warn of certificates that end within `N` days"}
}

// criteria are what a verdict follows from besides the reports.
type criteria struct {
	at      time.Time
	strict  bool
	within  time.Duration // to be warned of what ends; 0: no warning
	policy  *policy.Policy
	waivers []policy.Waiver // of flags

	policyItem item // the policy file as something that is judged itself
	note       func(string)
}

// criteria reads them from the flags; the policy file is read here.
func (c *call) criteria() (*criteria, error) {
	at, err := c.at()
	if err != nil {
		return nil, err
	}
	by := &criteria{at: at, strict: c.cli.Bool("strict"), policy: &policy.Policy{}, note: c.note}
	for _, s := range c.cli.StringSlice("waive") {
		w, err := parseWaiver(s)
		if err != nil {
			return nil, withHint(usagef("flag --waive: %v", err), "expected RULE=REASON; --list-rules of \"bundle verify\" shows the rules, and which can be waived")
		}
		by.waivers = append(by.waivers, w)
	}
	if s := c.cli.String("warn-days"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > policy.MaxWarnDays {
			return nil, usagef("flag --warn-days: found %q, expected a number of days from 1 to %d", s, policy.MaxWarnDays)
		}
		by.within = policy.Days(n)
	}
	path := c.cli.String("policy")
	if path == "" {
		return by, nil
	}
	data, err := c.readFile(path, policy.MaxSize)
	if err != nil {
		return nil, err
	}
	if by.policy, err = policy.Parse(data, allRules()); err != nil {
		return nil, withHint(&unreadable{fmt.Errorf("%s: %w", path, err)}, "nothing was judged: correct the policy first")
	}
	by.policyItem = item{name: path, sha256: new(sha256.Sum256(data))}
	by.strict = by.strict || by.policy.Strict
	if by.within == 0 {
		by.within = by.policy.WarnWithin()
	}
	return by, nil
}

// parseWaiver reads RULE=REASON.
func parseWaiver(s string) (policy.Waiver, error) {
	id, reason, _ := strings.Cut(s, "=")
	return policy.NewWaiver(allRules(), id, reason, time.Time{})
}

// apply applies the waivers to the items. If the policy has any, it is judged as
// well, and becomes the first item.
func (by *criteria) apply(items []item) []item {
	w := by.waiving()
	for _, it := range items {
		w.apply(it.report)
	}
	return w.applied(items)
}

// waiving applies the waivers to reports as they come. Those of the policy are
// first: a breach that it accepts needs no flag.
type waiving struct {
	by    *criteria
	own   *policy.Waiving
	flags []*policy.Waiving
}

func (by *criteria) waiving() *waiving {
	w := &waiving{by: by, own: policy.NewWaiving(by.policy.Waivers, by.at)}
	for _, flag := range by.waivers {
		w.flags = append(w.flags, policy.NewWaiving([]policy.Waiver{flag}, by.at))
	}
	return w
}

// apply applies them to one report, if there is one. Several goroutines may do so
// at once.
func (w *waiving) apply(r *check.Report) {
	if r == nil {
		return
	}
	w.own.Apply(r)
	for _, flag := range w.flags {
		flag.Apply(r)
	}
}

// applied returns the items, whose reports they were applied to, and in front of
// them the policy as one, if it has waivers.
func (w *waiving) applied(items []item) []item {
	for i, flag := range w.flags {
		if len(flag.Report().Failed(check.Notice)) > 0 {
			w.by.note("--waive " + w.by.waivers[i].Rule.ID + " was not needed: there is no breach of this rule")
		}
	}
	own := w.by.policyItem
	if own.report = w.own.Report(); len(own.report.Results) == 0 {
		return items
	}
	return append([]item{own}, items...)
}

// addTo adds what the policy says about whose bundles they may be. The registry
// lies beside the policy file.
func (by *criteria) addTo(c *call, opts *bundle.VerifyOptions) error {
	p := by.policy
	opts.EndsWithin, opts.Pins, opts.Limits = by.within, p.Pins, p.Limits
	// A flag adds to what a repository has decided, and never loosens it.
	if p.ExpectType != 0 && opts.ExpectType != 0 && p.ExpectType != opts.ExpectType {
		return usagef("--expect-type: found %s, expected %s, as the policy says", opts.ExpectType, p.ExpectType)
	}
	if opts.ExpectType == 0 {
		opts.ExpectType = p.ExpectType
	}
	if p.Registry == "" {
		return nil
	}
	if opts.Registry != nil {
		return usagef("--registry: the policy names a registry already, and one of the two would not be looked at")
	}
	path := p.Registry
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(by.policyItem.name), path)
	}
	registry, err := c.readRegistry(path)
	opts.Registry = registry
	return err
}

// readRegistry reads a registry of authorities.
func (c *call) readRegistry(path string) (*bundle.Registry, error) {
	data, err := c.readFile(path, bundle.MaxRegistry)
	if err != nil {
		return nil, err
	}
	registry, err := bundle.ParseRegistry(data)
	if err != nil {
		return nil, &unreadable{fmt.Errorf("%s: %w", path, err)}
	}
	return registry, nil
}

package bundle

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// inner judges nodeinfo.zip, which has this digest, and the files in it.
func (v *verifier) inner(o *opened, sum [32]byte) {
	archive, report := o.archive, o.report
	v.report.Append(memberNodeInfo, report)
	if archive == nil {
		v.skip("nodeinfo.zip is not an archive that can be read", memberNodeInfo,
			slices.DeleteFunc(slices.Clone(innerRules), func(rule *check.Rule) bool { return hasRule(report, rule) })...)
		return
	}
	v.b.NodeInfo = &NodeInfo{Archive: archive, SHA256: sum}
	entries := archive.List()
	v.dotNames(entries)
	v.keys(&o.keys)
	v.git(entries)
	v.manifest(entries)
	v.updatedAt(entries)
}

// opened is nodeinfo.zip with what package strictzip says about it, and the
// private keys in it.
type opened struct {
	archive *strictzip.Archive
	report  *check.Report
	keys    keySearch
}

func openNodeInfo(content []byte, lim Limits) *opened {
	o := &opened{}
	o.archive, o.report = strictzip.OpenBytes(content, lim.inner(), o.keys.file)
	return o
}

func hasRule(r *check.Report, rule *check.Rule) bool {
	return slices.ContainsFunc(r.Results, func(res check.Result) bool { return res.Rule == rule })
}

// dotNames warns of what no tool publishes.
func (v *verifier) dotNames(entries []strictzip.Entry) {
	seen := map[string]bool{}
	for _, e := range entries {
		top, _, _ := strings.Cut(e.Name, "/")
		if strings.HasPrefix(top, ".") && !seen[top] {
			seen[top] = true
			v.report.Fail(ruleDotNames, memberNodeInfo+": "+quote(top), "a hidden name", "no name that begins with a dot")
		}
	}
	if len(seen) == 0 {
		v.report.Pass(ruleDotNames, memberNodeInfo, "")
	}
}

// bareRepository is what makes git take a folder for a repository, whatever its
// name (git's is_git_directory).
var bareRepository = []string{"head", "objects", "refs"}

// git looks for git repositories: a folder or file .git, and bare repositories.
// Names are compared without case, as file systems do that need it.
func (v *verifier) git(entries []strictzip.Entry) {
	parts := map[string]map[string]bool{} // folder -> those of bareRepository in it
	found := map[string]bool{}
	for _, e := range entries {
		elements := strings.Split(strings.TrimSuffix(strings.ToLower(e.Name), "/"), "/")
		for i, element := range elements {
			folder := path.Join(elements[:i]...)
			switch {
			case element == ".git" || element == "git~1": // the second is what Windows calls the first
				found[path.Join(folder, element)] = true
			case slices.Contains(bareRepository, element):
				if parts[folder] == nil {
					parts[folder] = map[string]bool{}
				}
				parts[folder][element] = true
			}
		}
	}
	for folder, p := range parts {
		if len(p) == len(bareRepository) {
			found[cmp.Or(folder, ".")] = true
		}
	}
	var names []string
	for n := range found {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		v.report.Fail(ruleGit, memberNodeInfo+": "+quote(n), "a git repository", "none")
	}
	if len(names) == 0 {
		v.report.Pass(ruleGit, memberNodeInfo, "")
	}
}

// innerFile returns a file at the root of nodeinfo.zip of at most max bytes; a
// failure is recorded under the rule.
func (v *verifier) innerFile(entries []strictzip.Entry, rule *check.Rule, n string, max int64) ([]byte, bool) {
	where := memberNodeInfo + ": " + n
	i := slices.IndexFunc(entries, func(e strictzip.Entry) bool { return e.Name == n })
	if i < 0 {
		v.report.Fail(rule, where, "no such file", n+" at the root of nodeinfo.zip")
		return nil, false
	}
	if entries[i].Size > max {
		v.report.Fail(rule, where, fmt.Sprintf("%d bytes", entries[i].Size), fmt.Sprintf("at most %d", max))
		return nil, false
	}
	content, err := v.b.NodeInfo.Archive.ReadFile(n, max)
	if err != nil { // only what Create makes lies in a file
		v.report.Fail(rule, where, err.Error(), "the bytes that were there before")
		return nil, false
	}
	return content, true
}

func (v *verifier) manifest(entries []strictzip.Entry) {
	const where = memberNodeInfo + ": " + fileManifest
	content, ok := v.innerFile(entries, ruleManifest, fileManifest, manifest.MaxSize)
	if !ok {
		v.skip("there is no stomp.toml that can be read", where, manifest.Rules()...)
		return
	}
	v.report.Pass(ruleManifest, where, "")
	m, report := manifest.Parse(content)
	v.report.Append(where, report)
	if m == nil {
		return
	}
	v.b.NodeInfo.Manifest = m
	if id := v.b.Identity; !id.IsZero() {
		v.report.Append(where, m.CheckDestination(id.Type().String()))
	}
}

func (v *verifier) updatedAt(entries []strictzip.Entry) {
	const where = memberNodeInfo + ": " + fileUpdatedAt
	content, ok := v.innerFile(entries, ruleUpdatedAt, fileUpdatedAt, MaxUpdatedAt)
	if !ok {
		v.skip("there is no date", where, ruleFuture)
		return
	}
	u, err := ParseUpdatedAt(string(content))
	if err != nil {
		found := quote(string(bytes.TrimSuffix(content, []byte("\n"))))
		v.report.Fail(ruleUpdatedAt, where, found, "one line with a date as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
		v.skip("there is no date", where, ruleFuture)
		return
	}
	v.report.Pass(ruleUpdatedAt, where, u.String())
	v.report.Check(u.Time().Sub(v.opts.Time) <= maxAhead, ruleFuture, where, u.String(),
		"at most a day after "+v.opts.Time.UTC().Format(timeForm))
	v.b.NodeInfo.UpdatedAt = u
}

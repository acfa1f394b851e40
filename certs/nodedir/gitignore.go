package nodedir

import (
	"bytes"
	"slices"
	"strings"
)

// ignored is what must never be committed to git.
var ignored = []struct{ comment, pattern string }{
	{"The root key.", "private/"},
	{"Made by the deployment.", "peers/*/ACTIVE"},
	{"Locks and temporary files of swptpeer.", ".swptpeer*"},
}

// completeGitignore returns the .gitignore with every line that is missing
// added at its end, or nil if none is.
func completeGitignore(existing []byte) []byte {
	var have []string
	for line := range bytes.Lines(existing) {
		have = append(have, strings.TrimRight(string(line), " \t\r\n"))
	}
	var add strings.Builder
	for _, i := range ignored {
		if !slices.Contains(have, i.pattern) {
			add.WriteString("# " + i.comment + "\n" + i.pattern + "\n")
		}
	}
	if add.Len() == 0 {
		return nil
	}
	out := slices.Clone(existing)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return append(out, add.String()...)
}

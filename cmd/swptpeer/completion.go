package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// Completion. The scripts of the four shells are ours, and small: they hand the
// words typed so far to the hidden command __complete, which knows the commands
// and prints one candidate a line. A line that begins with ":" is an
// instruction: ":file" or ":dir" has the shell complete names of files.

const completeWord = "__complete"

//go:embed completion
var completionScripts embed.FS

var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand() *command {
	return &command{
		name: "completion", args: "SHELL", minArgs: 1, maxArgs: 1,
		short:       "print the completion script for bash, zsh, fish or powershell",
		description: "Prints a script that the shell has to load.",
		examples: []string{
			"source <(swptpeer completion bash)       # in ~/.bashrc",
			"source <(swptpeer completion zsh)        # in ~/.zshrc, after compinit",
			"swptpeer completion fish | source        # in ~/.config/fish/config.fish",
			"swptpeer completion powershell | Out-String | Invoke-Expression",
		},
		flags: flags(noColorFlag()),
		run: func(c *call) error {
			if !slices.Contains(shells, c.args[0]) {
				return usagef("shell: found %q, expected %s", c.args[0], strings.Join(shells, ", "))
			}
			script, err := completionScripts.ReadFile("completion/" + c.args[0])
			if err != nil {
				return err
			}
			_, err = c.out.Write(script)
			return err
		},
	}
}

// candidate is one way to go on.
type candidate struct{ text, about string }

// complete prints the candidates for the last of the words.
func (a *app) complete(words []string) {
	if len(words) == 0 {
		return
	}
	// Old versions of PowerShell lose an empty argument.
	if last := len(words) - 1; words[last] == ":empty" {
		words[last] = ""
	}
	for _, c := range a.candidates(words[:len(words)-1], words[len(words)-1]) {
		fmt.Fprintf(a.out, "%s\t%s\n", safe(c.text), safe(c.about))
	}
}

// candidates completes the word current after the words before it.
func (a *app) candidates(before []string, current string) []candidate {
	if slices.Contains(before, "--") {
		return []candidate{{text: ":file"}}
	}
	every := flagTable(a.root.all()...)
	line := &commandLine{command: a.root}
	var dir, pending string
	for _, word := range before {
		switch {
		case pending != "":
			if pending == "dir" {
				dir = word
			}
			pending = ""
		case strings.HasPrefix(word, "-") && len(word) > 1:
			name, value, valued := strings.Cut(strings.TrimLeft(word, "-"), "=")
			kind := every[name]
			switch {
			case kind.takesValue && !valued:
				pending = kind.name
			case kind.name == "dir":
				dir = value
			}
		default:
			line.word(word)
		}
	}
	if pending != "" {
		return matching(a.values(pending, line.command), current, "")
	}
	if strings.HasPrefix(current, "-") {
		if name, value, ok := strings.Cut(current, "="); ok {
			kind := every[strings.TrimLeft(name, "-")]
			return matching(a.values(kind.name, line.command), value, name+"=")
		}
		return matching(flagCandidates(line.command), current, "")
	}
	return matching(a.arguments(line, dir), current, "")
}

func matching(list []candidate, current, prefix string) []candidate {
	var out []candidate
	for _, c := range list {
		switch {
		case strings.HasPrefix(c.text, ":"):
			out = append(out, c)
		case strings.HasPrefix(c.text, current):
			out = append(out, candidate{prefix + c.text, c.about})
		}
	}
	return out
}

func flagCandidates(c *command) []candidate {
	var out []candidate
	for _, f := range c.flags {
		_, usage := describe(f)
		out = append(out, candidate{"--" + f.Names()[0], usage})
	}
	return append(out, candidate{"--help", "show help"})
}

// values completes the value of a flag.
func (a *app) values(flag string, c *command) []candidate {
	list := func(words ...string) []candidate {
		var out []candidate
		for _, w := range words {
			out = append(out, candidate{text: w})
		}
		return out
	}
	switch flag {
	case "type", "expect-type":
		return []candidate{{"aa", "accounting authority"}, {"ca", "creditors agent"}, {"da", "debtors agent"}}
	case "format":
		for _, f := range c.flags {
			if s, ok := f.(*cli.StringFlag); ok && s.Name == "format" {
				return list(formatsOf(s)...)
			}
		}
	case "within":
		return list("30d", "6w", "72h")
	case "probe":
		return append(list("none", "smp"), candidate{text: ":file"})
	}
	// Flags may stand before the command words.
	for _, cmd := range append([]*command{c}, a.root.all()...) {
		for _, f := range cmd.flags {
			switch {
			case !slices.Contains(f.Names(), flag):
			case namesFolder(f):
				return list(":dir")
			case namesFile(f):
				return list(":file")
			}
		}
	}
	return nil
}

// arguments completes a command word or an argument.
func (a *app) arguments(line *commandLine, dir string) []candidate {
	c := line.command
	var out []candidate
	for _, sub := range c.sub {
		if !sub.hidden && len(line.args) == 0 {
			out = append(out, candidate{sub.name, sub.short})
		}
	}
	switch {
	case c.parent == nil:
		return append(out, candidate{"help", "show help"})
	case c.run == nil:
		return out
	case c.name == "completion" && len(line.args) == 0:
		for _, s := range shells {
			out = append(out, candidate{text: s})
		}
		return out
	case (c.args == "PEER" || c.name == "reconfigure-peer") && len(line.args) == 0, c.args == "PEER...":
		return append(out, a.peerIDs(dir)...)
	case c.maxArgs != 0:
		return []candidate{{text: ":file"}}
	}
	return nil
}

// peerIDs are the peers of the node directory that the words name.
func (a *app) peerIDs(dir string) []candidate {
	if dir == "" {
		dir = a.sys.env("SWPTPEER_DIR")
	}
	if dir == "" {
		dir = "."
	}
	d, err := nodedir.Open(dir, nodedir.Options{Now: a.sys.now})
	if err != nil {
		return nil
	}
	peers, err := d.Peers()
	if err != nil {
		return nil
	}
	var out []candidate
	for _, p := range peers {
		if !p.Identity.IsZero() {
			out = append(out, candidate{p.Identity.ID(), p.Identity.Type().Words() + ", " + stateText(p)})
		}
	}
	return out
}

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// help is the page of a command, for a terminal of 80 columns.
func (c *command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n", wrap(c.usage(), pageWidth, len("Usage: ")))
	description := c.description
	if description == "" {
		description = capitalised(c.short) + "."
	}
	b.WriteString(wrap(description, pageWidth, 0) + "\n")
	if len(c.sub) > 0 {
		b.WriteString("\nCommands:\n")
		width := 0
		for _, sub := range c.sub {
			if !sub.hidden {
				width = max(width, len(sub.name))
			}
		}
		for _, sub := range c.sub {
			if !sub.hidden {
				writeEntry(&b, sub.name, sub.short, width)
			}
		}
	}
	c.writeFlags(&b)
	if len(c.examples) > 0 {
		b.WriteString("\nExample:\n")
		for _, line := range c.examples {
			if strings.HasPrefix(line, "#") || strings.HasPrefix(line, " ") {
				fmt.Fprintf(&b, "  %s\n", line)
			} else {
				fmt.Fprintf(&b, "  $ %s\n", line)
			}
		}
	}
	b.WriteString("\nExit status:\n")
	for _, s := range c.statuses() {
		writeEntry(&b, s[0], s[1], 1)
	}
	if len(c.sub) > 0 {
		fmt.Fprintf(&b, "\n\"%s COMMAND --help\" says more about one command.\n", c.fullName())
	}
	return b.String()
}

// statuses are those the command may end with.
func (c *command) statuses() [][2]string {
	out := [][2]string{{"0", "done"}}
	if c.fails != "" {
		out = append(out, [2]string{"1", c.fails})
	}
	out = append(out,
		[2]string{"2", "wrong usage; also a missing answer when there is no terminal to ask at"},
		[2]string{"3", "something could not be read or written: missing file, wrong password, full disk"})
	if c.network || c.parent == nil {
		out = append(out, [2]string{"4", "the network: could not connect, or a connect or handshake timed out"})
	}
	return append(out, [2]string{"5", "interrupted, or an overall time limit"})
}

func (c *command) writeFlags(b *strings.Builder) {
	var categories []string
	byCategory := map[string][]cli.Flag{}
	for _, f := range c.flags {
		category := "Flags"
		if cf, ok := f.(cli.CategorizableFlag); ok && cf.GetCategory() != "" {
			category = cf.GetCategory()
		}
		if _, ok := byCategory[category]; !ok {
			categories = append(categories, category)
		}
		byCategory[category] = append(byCategory[category], f)
	}
	for _, category := range categories {
		fmt.Fprintf(b, "\n%s:\n", category)
		for _, f := range byCategory[category] {
			name, usage := describe(f)
			writeEntry(b, name, usage, 24)
		}
	}
}

// describe returns a flag as it is typed, and what it does.
func describe(f cli.Flag) (name, usage string) {
	for _, n := range f.Names() {
		if name != "" {
			name += ", "
		}
		if len(n) == 1 {
			name += "-" + n
		} else {
			name += "--" + n
		}
	}
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return name, ""
	}
	usage = strings.ReplaceAll(doc.GetUsage(), "`", "")
	if doc.TakesValue() {
		name += " " + cmp.Or(placeholder(f), "VALUE")
		if v := doc.GetValue(); v != "" && v != "[]" {
			usage += " (default: " + v + ")"
		}
	}
	if s, ok := f.(cli.DocGenerationSliceFlag); ok && s.IsSliceFlag() {
		usage += " (repeatable)"
	}
	return name, usage
}

// placeholder is the word that stands for a flag's value, which its description
// has between backquotes.
func placeholder(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok || !doc.TakesValue() {
		return ""
	}
	parts := strings.SplitN(doc.GetUsage(), "`", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// Flags by what their placeholders say.

// namesFile reports whether a flag's value is the name of a file.
func namesFile(f cli.Flag) bool {
	return slices.Contains([]string{"FILE", "LIST", "OLD.zip"}, placeholder(f))
}

// namesFolder reports whether a flag's value is the name of a folder.
func namesFolder(f cli.Flag) bool { return slices.Contains([]string{"D", "DIR"}, placeholder(f)) }

// writeEntry writes a name and its explanation in two columns.
func writeEntry(b *strings.Builder, name, text string, width int) {
	indent := width + 4
	if len(name) > width {
		fmt.Fprintf(b, "  %s\n%s%s\n", name, strings.Repeat(" ", indent), wrap(text, pageWidth, indent))
		return
	}
	fmt.Fprintf(b, "  %-*s  %s\n", width, name, wrap(text, pageWidth, indent))
}

func capitalised(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// plural is "1 file", "2 files".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

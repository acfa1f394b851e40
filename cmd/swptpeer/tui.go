package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fatih/color"
	"golang.org/x/term"
)

// All rules about what may reach a terminal are in this file: which stream,
// which colour, how wide, and how text of strangers is made harmless.

const (
	// pageWidth is what help and tables are laid out for. The terminal's real
	// width is not asked, so that the output of a run can be compared with
	// another's.
	pageWidth = 80
	// maxShown bounds one value of somebody else's making, in characters. A
	// name in a certificate may be a megabyte long.
	maxShown = 600
)

// style is how a piece of text is meant; the colours follow from it.
type style int

const (
	plain style = iota
	bad
	warned
	good
	strong
	faint
)

var styleAttributes = map[style][]color.Attribute{
	bad:    {color.FgRed, color.Bold},
	warned: {color.FgYellow},
	good:   {color.FgGreen},
	strong: {color.Bold},
	faint:  {color.Faint},
}

// printer writes to one stream. It remembers the first error of the stream, so
// that a full disk behind a redirection is not taken for success.
type printer struct {
	w      io.Writer
	colour bool
	err    error
}

// newPrinter decides about colour for this one stream: not when told not to,
// not with NO_COLOR (https://no-color.org: set and not empty), not on a dumb
// terminal, and only on a terminal. The colour package's own decision looks at
// standard output alone, whatever is written to.
func newPrinter(w io.Writer, sys system, noColor bool) *printer {
	colour := !noColor && sys.env("NO_COLOR") == "" && sys.env("TERM") != "dumb" && isTerminal(w)
	return &printer{w: w, colour: colour}
}

// paint returns text in a style. The text must be safe already.
func (p *printer) paint(s style, text string) string {
	attributes, ok := styleAttributes[s]
	if !ok || text == "" || !p.colour {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}

// printf formats and writes. Every string and error among the arguments is
// made safe, unless it was painted or laid out here and says so by being raw.
func (p *printer) printf(format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case raw:
			args[i] = string(arg)
		case string:
			args[i] = safe(arg)
		case error:
			args[i] = safe(arg.Error())
		case fmt.Stringer:
			args[i] = safe(arg.String())
		}
	}
	p.write([]byte(fmt.Sprintf(format, args...)))
}

// raw is text that printf writes as it is.
type raw string

func (p *printer) write(data []byte) {
	if p.err != nil {
		return
	}
	_, p.err = p.w.Write(data)
}

// Write implements io.Writer for output that is safe already: JSON, PEM.
func (p *printer) Write(data []byte) (int, error) {
	p.write(data)
	if p.err != nil {
		return 0, p.err
	}
	return len(data), nil
}

// safe returns text in a form that cannot do anything to a terminal or forge a
// line of output: control characters (C0, DEL and C1), line and paragraph
// separators, bidirectional overrides and every other character that is not
// printable are written as escapes, as are bytes that are not UTF-8, and what a
// GitHub runner takes for a command: "::" at the beginning, "##[" anywhere. The
// result is bounded.
func safe(s string) string {
	if isSafe(s) && len(s) <= maxShown {
		return s
	}
	var b strings.Builder
	shown := 0
	for i := 0; i < len(s); shown++ {
		if shown == maxShown {
			fmt.Fprintf(&b, "… (%d bytes more)", len(s)-i)
			break
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case i == 0 && strings.HasPrefix(s, "::"):
			b.WriteString(`\x3a`)
		case r == '[' && strings.HasSuffix(s[:i], "##"):
			b.WriteString(`\x5b`)
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case printable(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func isSafe(s string) bool {
	if strings.HasPrefix(s, "::") || strings.Contains(s, "##[") {
		return false
	}
	for _, r := range s {
		if r == utf8.RuneError || !printable(r) {
			return false
		}
	}
	return true
}

// printable excludes, besides controls, every format character (Unicode Cf:
// bidirectional overrides and isolates, zero-width characters, tags) and every
// space but U+0020.
func printable(r rune) bool { return unicode.IsPrint(r) }

const programName = "swptpeer"

// errorLine prints a failure.
func (p *printer) errorLine(text string) {
	p.printf("%s: %s %s\n", raw(programName), raw(p.paint(bad, "error:")), text)
}

// hintLine prints what to do about a failure; a hint may have several lines.
func (p *printer) hintLine(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.printf("%s: %s %s\n", raw(programName), raw(p.paint(strong, "hint:")), line)
	}
}

// warningLine prints what does not stop the command but should be known.
func (p *printer) warningLine(text string) {
	p.printf("%s: %s %s\n", raw(programName), raw(p.paint(warned, "warning:")), text)
}

// wrap breaks text into lines of at most width columns, the second and later
// ones indented. Lines that begin with a space stay as they are.
func wrap(text string, width, indent int) string {
	var b strings.Builder
	pad := strings.Repeat(" ", indent)
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString("\n")
			if line != "" {
				b.WriteString(pad)
			}
		}
		if strings.HasPrefix(line, " ") {
			b.WriteString(line)
			continue
		}
		column := 0
		for j, word := range strings.Fields(line) {
			length := utf8.RuneCountInString(word)
			switch {
			case j == 0:
			case column+1+length > width-indent:
				b.WriteString("\n" + pad)
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += length
		}
	}
	return b.String()
}

// progress shows a counter on a terminal and nothing anywhere else.
type progress struct {
	p     *printer
	shown bool
}

func newProgress(p *printer, quiet bool) *progress {
	if f, ok := p.w.(interface{ Fd() uintptr }); quiet || !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{p: p}
}

// show replaces the line that is shown.
func (g *progress) show(format string, args ...any) {
	if g.p == nil {
		return
	}
	g.p.write([]byte("\r\x1b[K"))
	g.p.printf(format, args...)
	g.shown = true
}

// done takes the line away.
func (g *progress) done() {
	if g.shown {
		g.p.write([]byte("\r\x1b[K"))
		g.shown = false
	}
}

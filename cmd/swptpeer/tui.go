package main

import (
	"fmt"
	"io"
	"strconv"
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
	// hidden is what errors and hints do not repeat; concealed, that one of them
	// would have.
	hidden    []string
	concealed bool
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
		return 0, &outputError{p.err}
	}
	return len(data), nil
}

// safe returns text in a form that cannot do anything to a terminal or forge a
// line of output. Written as escapes are: every character that is not [printable];
// bytes that are not UTF-8; combining marks that stand by themselves, strike out
// or enclose what is before them, or are piled up (see [marks]); and what a GitHub
// runner takes for a command: "::" at the beginning, also behind spaces, and "##["
// anywhere. The result is bounded.
//
// Right-to-left letters are left as they are: people have such names. A terminal
// that orders text by direction may show the digits and signs next to them, ours
// included, in another place on the same line; isolating controls would keep
// that from happening there, and be rubbish in all others. Every control that
// changes the direction of other text (U+202A to U+202E, U+2066 to U+2069, U+200E,
// U+200F, U+061C) is escaped.
func safe(s string) string {
	if isSafe(s) && len(s) <= maxShown {
		return s
	}
	var (
		b     strings.Builder
		m     marks
		shown int

		command = isCommand(s)
	)
	for i := 0; i < len(s); shown++ {
		if shown == maxShown {
			fmt.Fprintf(&b, "… (%d bytes more)", len(s)-i)
			break
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		visible := m.next(r)
		switch {
		case r == ':' && command && strings.Trim(s[:i], " ") == "":
			b.WriteString(`\x3a`)
		case r == '[' && strings.HasSuffix(s[:i], "##"):
			b.WriteString(`\x5b`)
			m = marks{}
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			m = marks{} // which would be drawn on our digits
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case visible:
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

// isCommand reports what a runner takes for a command, after the spaces that it
// leaves out.
func isCommand(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, " "), "::") }

func isSafe(s string) bool {
	if isCommand(s) || strings.Contains(s, "##[") {
		return false
	}
	var m marks
	for _, r := range s {
		if r == utf8.RuneError || !m.next(r) {
			return false
		}
	}
	return true
}

// printable excludes controls (C0, DEL and C1), every format character (Unicode
// Cf: bidirectional overrides and isolates, zero-width characters, tags), line and
// paragraph separators, every space but U+0020, and what is a letter, mark or
// sign by its category and leaves no ink: characters that are ignored by default
// (fillers, variation selectors, the grapheme joiner) and blanks.
func printable(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r <= '~'
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blanks)
}

// blanks are signs without ink that are not ignored by default: the empty Braille
// cell, a null note head, two blanks of Egyptian.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x13441, Hi: 0x13442, Stride: 1}, {Lo: 0x1d159, Hi: 0x1d159, Stride: 1}},
}

// maxMarks is how many combining marks may follow one character. Languages use up
// to four; piles of them run over the lines above and below.
const maxMarks = 4

// marks decides about the characters of a text in their order: combining marks
// are visible on a character, but neither by themselves nor on a space, where
// they would be drawn on our own text.
type marks struct {
	based bool // a visible character, or marks on it, came before
	count int
}

func (m *marks) next(r rune) bool {
	if r < utf8.RuneSelf || !unicode.Is(unicode.M, r) {
		m.count = 0
		visible := printable(r)
		m.based = visible && r != ' '
		return visible
	}
	m.count++
	m.based = m.based && m.count <= maxMarks && printable(r) && !unicode.In(r, unicode.Me, strikes)
	return m.based
}

// strikes are the marks that are drawn across a character (canonical combining
// class 1) and are no part of any script.
var strikes = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0334, Hi: 0x0338, Stride: 1}, {Lo: 0x20d2, Hi: 0x20d3, Stride: 1}, {Lo: 0x20d8, Hi: 0x20da, Stride: 1},
	{Lo: 0x20e5, Hi: 0x20e6, Stride: 1}, {Lo: 0x20ea, Hi: 0x20eb, Stride: 1},
}}

const programName = "swptpeer"

// errorLine prints a failure.
func (p *printer) errorLine(text string) {
	p.printf("%s: %s %s\n", raw(programName), raw(p.paint(bad, "error:")), p.conceal(text))
}

// conceal replaces what is hidden, also in quotes, where it stands by itself and
// is no part of a longer word.
func (p *printer) conceal(text string) string {
	for _, word := range p.hidden {
		quoted := strconv.Quote(word)
		for _, form := range []string{quoted, quoted[1 : len(quoted)-1], word} {
			for from := 0; form != ""; {
				i := strings.Index(text[from:], form)
				if i < 0 {
					break
				}
				from += i
				before, _ := utf8.DecodeLastRuneInString(text[:from])
				after, _ := utf8.DecodeRuneInString(text[from+len(form):])
				if unicode.IsLetter(before) || unicode.IsDigit(before) || unicode.IsLetter(after) || unicode.IsDigit(after) {
					from += len(form)
					continue
				}
				const instead = "(not shown)"
				text = text[:from] + instead + text[from+len(form):]
				from += len(instead)
				p.concealed = true
			}
		}
	}
	return text
}

// hintLine prints what to do about a failure; a hint may have several lines.
func (p *printer) hintLine(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.printf("%s: %s %s\n", raw(programName), raw(p.paint(strong, "hint:")), p.conceal(line))
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

package strictzip

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/swaptacular/swptpeer/certs/check"
	x500 "github.com/swaptacular/swptpeer/certs/name"
)

// CheckName applies the rules for a single name (those of Error severity) and returns all
// the breaches in one error. Folders end in "/". The limits of an archive, and rules that
// concern two names, are not applied.
func CheckName(name string) error {
	var errs []error
	nameFaults(name, func(f fault) {
		if f.rule.Severity == check.Error {
			errs = append(errs, fmt.Errorf("%s, expected %s (%s)", f.found, f.expected, f.rule.ID))
		}
	})
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("name %s: %w", quote(name), errors.Join(errs...))
}

// nameRules are the rules that nameFaults applies.
var nameRules = []*rule{
	ruleEncoding, ruleAbsolute, ruleTraversal, ruleBackslash, ruleControl, ruleVariation, ruleReserved, rulePortable, ruleElement,
}

// nameFaults calls report for every rule that the name breaks, at most once a rule.
func nameFaults(name string, report func(fault)) {
	if !utf8.ValidString(name) {
		report(fault{ruleEncoding, "bytes that are not UTF-8", "UTF-8"})
	}
	switch {
	case strings.HasPrefix(name, "/"):
		report(fault{ruleAbsolute, "a leading slash", "a relative name"})
	case strings.HasPrefix(name, `\\`):
		report(fault{ruleAbsolute, "a server name", "a relative name"})
	case len(name) >= 2 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z'):
		report(fault{ruleAbsolute, "a drive letter", "a relative name"})
	}
	if strings.Contains(name, `\`) {
		report(fault{ruleBackslash, "a backslash", "forward slashes"})
	}
	var hidden, traversal, reserved, long bool
	if i := strings.IndexFunc(name, invisible); i >= 0 {
		hidden = true
		r, _ := utf8.DecodeRuneInString(name[i:])
		report(fault{ruleControl, fmt.Sprintf("character %U at byte %d", r, i), "visible characters and spaces"})
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		report(fault{ruleVariation, fmt.Sprintf("character %U at byte %d", r, i), "characters that every program shows"})
	}
	if i := strings.IndexAny(name, `<>"|?*`); i >= 0 {
		report(fault{rulePortable, fmt.Sprintf("%q", name[i]), `none of < > " | ? *, which Windows does not accept`})
	}
	for element := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if n := len(element); n > MaxElement && !long {
			long = true
			report(fault{ruleElement, fmt.Sprintf("an element of %d bytes", n), fmt.Sprintf("at most %d, which file systems take", MaxElement)})
		}
		if blank(element) && !hidden {
			hidden = true
			report(fault{ruleControl, "an element of which nothing is to be seen: " + quote(element), "a letter, a digit or a sign in every element"})
		}
		if what := notAnElement(element); what != "" && !traversal {
			traversal = true
			report(fault{ruleTraversal, what, "elements that name a file or folder"})
		}
		if what := reservedElement(element); what != "" && !reserved {
			reserved = true
			report(fault{ruleReserved, what, "a name that means the same on every system"})
		}
	}
}

// invisible reports whether a character has no business in a name: controls, format characters
// (among them those that change the direction of text), line and paragraph separators, fillers and
// others that are ignored by default, and characters without ink. Variation selectors, which have a
// use in real names, have a rule of their own.
func invisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) || strings.ContainsRune(blanks, r)
}

// blanks are the characters that are neither spaces nor ignored by default and still leave no
// ink: the empty Braille cell, a null note head, two blanks of Egyptian.
const blanks = "\u2800\U0001d159\U00013441\U00013442"

// blank reports whether nothing of an element is to be seen, or only marks that combine with
// nothing.
func blank(element string) bool {
	return element != "" && !strings.ContainsFunc(element, func(r rune) bool { return !unicode.In(r, unicode.Zs, unicode.M) })
}

// notAnElement says why an element would lead out of its folder, or nowhere.
func notAnElement(element string) string {
	switch element {
	case "":
		return "an empty element"
	case ".", "..":
		return fmt.Sprintf("an element %q", element)
	}
	// Some file systems and programs normalize names: U+2025 becomes "..", U+FF0F "/".
	if strings.ContainsAny(element, slashes) {
		return "a character that is a slash when normalized (NFKC): " + quote(element)
	}
	// Longer elements cannot become so short.
	if len(element) <= len("..")*utf8.UTFMax && !isASCII(element) {
		if form := norm.NFKC.String(element); form == "." || form == ".." {
			return fmt.Sprintf("an element that is %q when normalized (NFKC): %s", form, quote(element))
		}
	}
	return ""
}

// slashes are all the characters whose compatibility decomposition contains a slash or
// backslash (Unicode 15; a test compares the list with the tables).
const slashes = "\u2100\u2101\u2105\u2106\ufe68\uff0f\uff3c"

// devices of Windows, whatever follows the first dot of a name. CONIN$ and
// CONOUT$ are the console, the superscript digits count as digits.
var devices = map[string]bool{
	"CON": true, "PRN": true, "AUX": true, "NUL": true, "CONIN$": true, "CONOUT$": true, "CLOCK$": true,
	"COM0": true, "COM1": true, "COM2": true, "COM3": true, "COM4": true, "COM5": true, "COM6": true,
	"COM7": true, "COM8": true, "COM9": true, "COM¹": true, "COM²": true, "COM³": true,
	"LPT0": true, "LPT1": true, "LPT2": true, "LPT3": true, "LPT4": true, "LPT5": true, "LPT6": true,
	"LPT7": true, "LPT8": true, "LPT9": true, "LPT¹": true, "LPT²": true, "LPT³": true,
}

// reservedElement says why Windows would not take an element for the name of a
// file of its own.
func reservedElement(element string) string {
	if element == "." || element == ".." {
		return "" // the rule for traversal
	}
	if strings.Contains(element, ":") {
		return "a colon" // another stream of a file on NTFS
	}
	if strings.HasSuffix(element, ".") || strings.HasSuffix(element, " ") {
		return "a dot or space at the end of an element"
	}
	base, _, _ := strings.Cut(element, ".")
	base = strings.TrimRight(base, " ")
	if len(base) <= len("CONOUT$") && devices[strings.ToUpper(base)] {
		return "the device name " + quote(element)
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// A caseFolder maps names to one form each for those that differ only by case or
// Unicode form: caseless matching after compatibility decomposition (Unicode
// 3.13 D146), without characters that are ignored by default. It is wider than what
// any one file system does.
//
// It works by character and remembers: a hostile archive may hold megabytes of characters
// that decompose to eighteen others.
type caseFolder struct {
	known map[rune]folded
	buf   []byte
}

type folded struct {
	text  string
	marks bool // has combining characters, whose order may have to change
}

// maxKnown characters are remembered. Names of people have far fewer.
const maxKnown = 4096

func newCaseFolder() *caseFolder {
	return &caseFolder{known: make(map[rune]folded)}
}

func (f *caseFolder) fold(element string) string {
	if isASCII(element) {
		return strings.ToLower(element)
	}
	b, marks := f.buf[:0], false
	for _, r := range norm.NFD.String(element) {
		to, ok := f.known[r]
		if !ok {
			to = f.foldRune(r)
			if len(f.known) < maxKnown {
				f.known[r] = to
			}
		}
		b = append(b, to.text...)
		marks = marks || to.marks
	}
	f.buf = b
	if marks {
		b = norm.NFD.Bytes(b)
	}
	if len(b) > maxFolded {
		sum := sha256.Sum256(b)
		return "\x00" + string(sum[:])
	}
	return string(b)
}

// maxFolded bytes of a form are kept as they are; of longer ones the digest has to do.
const maxFolded = 255

func (f *caseFolder) foldRune(r rune) folded {
	if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) {
		return folded{}
	}
	s := norm.NFKD.String(x500.Fold(norm.NFD.String(string(r))))
	s = norm.NFKD.String(x500.Fold(s))
	out := folded{text: s}
	for i := 0; i < len(s); {
		p := norm.NFD.PropertiesString(s[i:])
		out.marks = out.marks || p.CCC() != 0
		i += max(1, p.Size())
	}
	return out
}

// A tree is the folders and files that a list of names makes, to find names
// that exclude each other.
type tree struct {
	folder *caseFolder
	nodes  map[treeKey]*treeNode
	count  int
}

type treeKey struct {
	parent int
	name   string // folded
}

type treeNode struct {
	id       int
	element  string // as it was first seen
	first    string // the whole name that it was first seen in
	isFile   bool
	isFolder bool // has an entry of its own, or something is in it
	explicit bool // has an entry of its own
}

func newTree(names int) *tree {
	return &tree{folder: newCaseFolder(), nodes: make(map[treeKey]*treeNode, names)}
}

// treeRules are the rules that add applies.
var treeRules = []*rule{ruleDuplicate, ruleCollision, ruleFileFolder}

// add puts a name into the tree, and returns why it cannot be there beside the names before it.
func (t *tree) add(name string) *fault {
	path, isFolder := strings.CutSuffix(name, "/")
	var bad *fault
	parent := 0
	for {
		element, rest, more := strings.Cut(path, "/")
		key := treeKey{parent, t.folder.fold(element)}
		node := t.nodes[key]
		if node == nil {
			t.count++
			node = &treeNode{id: t.count, element: element, first: name}
			t.nodes[key] = node
		} else if node.element != element && bad == nil {
			bad = &fault{ruleCollision, "a name that differs only by case or Unicode form from " + quote(node.first), "names that differ otherwise"}
		}
		last := !more
		switch {
		case last && !isFolder: // a file
			if node.isFile && bad == nil {
				bad = &fault{ruleDuplicate, "a name that appeared before", "each name once"}
			}
			if node.isFolder && bad == nil {
				bad = &fault{ruleFileFolder, "a file that is a folder in " + quote(node.first), "one or the other"}
			}
			node.isFile, node.explicit = true, true
		default: // a folder, by its own entry or by what is in it
			if node.isFile && bad == nil {
				bad = &fault{ruleFileFolder, "a folder that is a file in " + quote(node.first), "one or the other"}
			}
			if last {
				if node.isFolder && node.explicit && bad == nil {
					bad = &fault{ruleDuplicate, "a name that appeared before", "each name once"}
				}
				node.explicit = true
			}
			node.isFolder = true
		}
		if last {
			return bad
		}
		parent, path = node.id, rest
	}
}

// checkNames applies every rule for names.
func (o *opener) checkNames(headers []*header) {
	rec := o.rec
	rec.checked(nameRules...)
	rec.checked(treeRules...)
	rec.checked(ruleUTF8Flag, ruleConverted, ruleName, ruleDepth)
	t := newTree(len(headers))
	for _, h := range headers {
		if limitFault(h.name, o.lim, func(f fault) { f.fail(rec, h.where()) }) {
			rec.unchecked(nameRules...)
			rec.unchecked(treeRules...)
			rec.unchecked(ruleUTF8Flag, ruleConverted)
			continue // and do not spend time on it
		}
		nameFaults(h.name, func(f fault) { f.fail(rec, h.where()) })
		if h.flags&flagUTF8 == 0 && !isASCII(h.name) {
			if host := h.host(); host == hostUnix || host == hostDarwin {
				rec.fail(ruleUTF8Flag, h.where(), fmt.Sprintf("flags %#04x", h.flags), "the UTF-8 flag (0x0800)")
			} else {
				rec.fail(ruleEncoding, h.where(), fmt.Sprintf("a name in a code page (host system %d, no UTF-8 flag)", h.host()), "UTF-8")
			}
		}
		if h.converted() && h.flags&flagUTF8 != 0 && !isASCII(h.name) {
			rec.fail(ruleConverted, h.where(), fmt.Sprintf("version made by %#04x (host system %d)", h.madeBy, h.host()), "another host system, such as 3 (Unix)")
		}
		if bad := t.add(h.name); bad != nil {
			bad.fail(rec, h.where())
		}
	}
}

// limitFault applies the limits on a name, and reports whether it breaks one.
func limitFault(name string, lim Limits, report func(fault)) bool {
	bad := false
	if len(name) > lim.Name {
		report(fault{ruleName, fmt.Sprintf("a name of %d bytes", len(name)), fmt.Sprintf("at most %d", lim.Name)})
		bad = true
	}
	if depth := strings.Count(strings.TrimSuffix(name, "/"), "/") + 1; depth > lim.Depth {
		report(fault{ruleDepth, fmt.Sprintf("a name of %d elements", depth), fmt.Sprintf("at most %d", lim.Depth)})
		bad = true
	}
	return bad
}

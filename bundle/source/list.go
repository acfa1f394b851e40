package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const (
	// MaxItems bounds the items of one call: a hundred times as many as there
	// will ever be nodes in a network, and few enough to list in a report.
	MaxItems = 100_000
	// MaxLine bounds a line of a list, in bytes: as long as a path may be on
	// Linux, and longer than addresses that web servers take.
	MaxLine = 4096
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Item is one thing to be judged. Its name is as it was given, or for a file in
// a folder the folder's name and the rest of the path.
type Item struct {
	Name string
	// Err says why there is nothing to open; it is an *[Error].
	Err error

	kind    itemKind
	address *url.URL
}

type itemKind uint8

const (
	aFile itemKind = iota
	aFoundFile
	aStream
	anAddress
)

// List returns the items that names stand for, in their order: files, folders
// (every *.zip at any depth below, in the order of their names), [Stdin], and
// https addresses. What cannot be found is an item with an error. A name that
// means nothing, such as a plain http address, is an error of List, of kind
// [Usage]: the caller has mistyped something.
func List(names []string) ([]Item, error) {
	var l lister
	for _, name := range names {
		if err := l.add(name); err != nil {
			return nil, err
		}
	}
	return l.items, nil
}

// One returns the item that a name stands for, as [List] does, where one
// info-bundle is wanted: a folder is an item with an error.
func One(name string) (Item, error) {
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return Item{Name: name, Err: failf(Unreadable, name, "found a folder, expected an info-bundle")}, nil
	}
	items, err := List([]string{name})
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}

// ReadList returns the items that a list names, one on a line. A line is a file,
// a folder or an address, relative to the current folder, exactly as it stands,
// without its end (LF or CR LF): there are no comments, and blanks belong to the
// name, because a list is often made of names that strangers chose. Empty lines
// are passed over. A line that means nothing is an item with an error of kind
// [Refused], and the other lines are read. name is how errors call the list.
func ReadList(name string, r io.Reader) ([]Item, error) {
	var l lister
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, MaxLine)
	n := 0
	for scanner.Scan() {
		n++
		line := scanner.Text() // without CR LF too
		if line == "" {
			continue
		}
		where := fmt.Sprintf("%s: line %d", name, n)
		var err error
		if line == Stdin {
			err = failf(Usage, line, "found the name of standard input, expected a file, a folder or an https address")
		} else {
			err = l.add(line)
		}
		if e, ok := errors.AsType[*Error](err); ok && !errors.Is(err, errTooMany) {
			err = l.item(Item{Name: e.Name, Err: &Error{Refused, where, e}})
		}
		if err != nil {
			return nil, err
		}
	}
	err := scanner.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, failf(Unreadable, name, "line %d: found more than %d bytes, expected at most that", n+1, MaxLine)
	case err != nil:
		return nil, &Error{Unreadable, name, err}
	case len(l.items) == 0:
		// A list of nothing must not pass for one in which everything is in
		// order.
		return nil, failf(Unreadable, name, "found no names, expected one on each line")
	}
	return l.items, nil
}

// lister collects items.
type lister struct{ items []Item }

var errTooMany = fmt.Errorf("found more than %d info-bundles, expected at most that: judge them in parts", MaxItems)

func (l *lister) item(it Item) error {
	if len(l.items) == MaxItems {
		return &Error{Usage, it.Name, errTooMany}
	}
	l.items = append(l.items, it)
	return nil
}

func (l *lister) add(name string) error {
	switch {
	case name == "":
		return failf(Usage, `""`, "found an empty name, expected a file, a folder, - or an https address")
	case name == Stdin:
		return l.item(Item{Name: name, kind: aStream})
	case strings.Contains(name, "://"):
		u, err := parseAddress(name)
		if err != nil {
			return err
		}
		return l.item(Item{Name: name, kind: anAddress, address: u})
	}
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return l.item(Item{Name: name, Err: &Error{Unreadable, name, cause(err)}})
	case st.IsDir():
		return l.folder(name)
	}
	return l.item(Item{Name: name, kind: aFile})
}

// parseAddress reads an address that may be used.
func parseAddress(name string) (*url.URL, error) {
	u, err := url.Parse(name)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, failf(Usage, name, "found an address that cannot be read (%w), expected https://HOST/PATH", err)
	}
	switch {
	case u.User != nil:
		// Arguments are seen by everybody on the machine and end up in logs.
		u.User = url.User("…")
		return nil, failf(Usage, u.Scheme+"://…@"+u.Host+u.Path, "found a user name or password in the address, expected none: info-bundles are public")
	case u.Scheme == "http":
		return nil, failf(Usage, name, "found a plain http address, expected https://: anybody on the way could exchange the bundle")
	case u.Scheme != "https" || u.Opaque != "" || u.Hostname() == "":
		return nil, failf(Usage, name, "found an address with %q, expected https://HOST/PATH", u.Scheme+":")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// folder adds every *.zip below a folder. Links to files are followed, links to
// folders are not: they may lead in a circle, or out of what was meant.
func (l *lister) folder(name string) error {
	before := len(l.items)
	err := fs.WalkDir(os.DirFS(name), ".", func(rel string, entry fs.DirEntry, err error) error {
		path := filepath.Join(name, filepath.FromSlash(rel))
		switch {
		case err != nil:
			return l.item(Item{Name: path, Err: &Error{Unreadable, path, cause(err)}})
		case entry.IsDir() || !strings.EqualFold(filepath.Ext(rel), ".zip"):
			return nil
		}
		return l.item(Item{Name: path, kind: aFoundFile})
	})
	if err == nil && len(l.items) == before {
		// A folder in which nothing was found must not pass for one in which
		// everything is in order.
		err = l.item(Item{Name: name, Err: failf(Unreadable, name, "found no *.zip below the folder, expected info-bundles")})
	}
	return err
}

// cause is the error of the operating system without the path, which the item's
// name says already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

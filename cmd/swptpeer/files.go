package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// Files that commands read and write on behalf of the operator, outside of the
// node directory.

// output begins the output file that flag --out names, so that a name that
// cannot be written to is noticed before anything is signed. What the node
// directory d (nil: there is none) keeps for itself, and a private key, is never
// replaced. The file is nil without the flag, and with --dry-run.
func (c *call) output(d *nodedir.Dir, path string, mode fs.FileMode) (*durable.NewFile, error) {
	if path == "" {
		return nil, nil
	}
	if d != nil {
		if err := d.CheckOutput(path); err != nil {
			return nil, err
		}
	}
	overwrite := c.cli.Bool("overwrite")
	if fi, err := os.Lstat(path); err == nil {
		if !overwrite {
			return nil, existsError(path, c.has("overwrite"))
		}
		if err := keepsKey(path, fi); err != nil {
			return nil, err
		}
	}
	if c.dryRun {
		return nil, nil
	}
	return durable.CreateFile(path, mode, overwrite)
}

// keepsKey refuses to overwrite a file that holds a private key.
func keepsKey(path string, fi fs.FileInfo) error {
	if !fi.Mode().IsRegular() || fi.Size() > certs.MaxKeyFile {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	defer clear(data)
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return withHint(refusef("%s: it holds a private key, which is not overwritten", path), "choose another name, or move the key away")
	}
	return nil
}

func existsError(path string, canOverwrite bool) error {
	hint := "nothing was changed: choose another name, or move the file away"
	if canOverwrite {
		hint = "nothing was changed: choose another name, or replace it with --overwrite"
	}
	return withHint(fmt.Errorf("%s: the file exists and is not overwritten (%w)", path, fs.ErrExist), hint)
}

// createNew begins a file that must not be there.
func createNew(path string, mode fs.FileMode) (*durable.NewFile, error) {
	return durable.CreateFile(path, mode, false)
}

// samePath reports whether two names mean one file.
func samePath(a, b string) (bool, error) {
	a, err := filepath.Abs(a)
	if err != nil {
		return false, err
	}
	b, err = filepath.Abs(b)
	return a == b, err
}

// finish writes data into an output file and puts it in its place.
func finish(f *durable.NewFile, data []byte) error {
	if f == nil {
		return nil
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// readFile reads a small input file; "-" is standard input.
func (c *call) readFile(path string, limit int64) ([]byte, error) {
	return interruptibly(c.ctx, func() ([]byte, error) { return c.readFileNow(path, limit) })
}

func (c *call) readFileNow(path string, limit int64) ([]byte, error) {
	if path == "-" {
		return readLimited(c.std.in, "standard input", limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, &unreadable{fmt.Errorf("%s: found a folder, expected a file", path)}
	}
	return readLimited(f, path, limit)
}

// readPEM reads a file that should hold a certificate or a request. One that is
// too large is refused like any other that holds none.
func (c *call) readPEM(path string) ([]byte, error) {
	data, err := c.readFile(path, certs.MaxCertificateFile)
	if e, ok := errors.AsType[*tooLarge](err); ok {
		return nil, refusef("%v, expected a certificate or a request", e)
	}
	return data, err
}

func (c *call) readCertificate(path string) (*certs.Certificate, error) {
	data, err := c.readPEM(path)
	if err != nil {
		return nil, err
	}
	cert, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}

func (c *call) readRequest(path string) (*certs.Request, error) {
	data, err := c.readPEM(path)
	if err != nil {
		return nil, err
	}
	req, err := certs.ParseRequest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return req, nil
}

// interruptibly does something that may wait for somebody else, such as
// reading from a pipe, and ends the wait when the run is interrupted. Such a
// wait cannot be called off; it ends with the process.
func interruptibly[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ch := make(chan outcome, 1)
	go func() {
		value, err := do()
		ch <- outcome{value, err}
	}()
	select {
	case o := <-ch:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

package nodedir

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// serverRequest makes a request for a server of the node, with a new EC key,
// which takes no time to make.
func serverRequest(t testing.TB, d *Dir) *certs.Request {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	req, err := certs.NewServerRequest(key, d.Root().RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func issueTestServer(t testing.TB, d *Dir, days int) *certs.Certificate {
	t.Helper()
	res, err := d.IssueServer(t.Context(), serverRequest(t, d), days, keyOf(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return res.Certificate
}

func TestIssueServer(t *testing.T) {
	d := openNode(t, "aa")
	before := snapshot(t, d.Path())
	req := serverRequest(t, d)
	var shown *Plan
	ch := keyOf(t, d)
	ch.Confirm = func(p *Plan) error { shown = p; return nil }
	res, err := d.IssueServer(t.Context(), req, 365, ch)
	if err != nil {
		t.Fatal(err)
	}
	c := res.Certificate
	if err := certs.CheckServer(c, d.Root().Certificate, testNow).Err(); err != nil {
		t.Error(err)
	}
	if got := c.NotAfter.Sub(c.NotBefore); got != 365*24*time.Hour {
		t.Errorf("lives for %v", got)
	}
	if !bytes.Equal(c.RawSubjectPublicKeyInfo, req.RawSubjectPublicKeyInfo) {
		t.Error("not the key of the request")
	}
	const serial = "8E5F9DB19112FEFA4BC420F299571934"
	want := []string{"certs/" + serial + ".pem", "db/index", "db/serial"}
	if got := changedFiles(before, snapshot(t, d.Path())); !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	if got := readText(t, d, "certs/"+serial+".pem"); got != string(c.File) || !strings.HasPrefix(got, "-----BEGIN CERTIFICATE-----\n") {
		t.Errorf("certs/ has %q", got)
	}
	if got := readText(t, d, fileSerial); got != "8E5F9DB19112FEFA4BC420F299571935\n" {
		t.Errorf("db/serial says %q", got)
	}
	row := "V\t271124120000Z\t\t" + serial + "\tunknown\t" + sampleSubject + "\n"
	if got := readText(t, d, fileIndex); !strings.HasSuffix(got, "\n"+row) {
		t.Errorf("db/index ends in %q, want %q", got[len(got)-len(row):], row)
	}
	if !slices.Contains(shown.Facts, Fact{"serial number", serial}) || !slices.Contains(shown.Facts, Fact{"ends", "2027-11-24T12:00:00Z"}) {
		t.Errorf("facts %v", shown.Facts)
	}
	var paths []string
	for _, c := range shown.Changes {
		paths = append(paths, c.Action+" "+c.Path)
	}
	if want := []string{"replace db/serial", "create certs/" + serial + ".pem", "append db/index"}; !slices.Equal(paths, want) {
		t.Errorf("plan %q, want %q", paths, want)
	}
}

func TestServerDays(t *testing.T) {
	d := openNode(t, "aa")
	for _, days := range []int{1, MaxServerDays} {
		if c := issueTestServer(t, d, days); c.NotAfter.Sub(c.NotBefore) != time.Duration(days)*24*time.Hour {
			t.Errorf("%d days: %v to %v", days, c.NotBefore, c.NotAfter)
		}
	}
	before := snapshot(t, d.Path())
	for _, days := range []int{-1, 0, MaxServerDays + 1} {
		_, err := d.IssueServer(t.Context(), serverRequest(t, d), days, noKey(t))
		wantError(t, err, fmt.Sprintf("days: found %d, expected 1 to 3650", days))
	}
	unchanged(t, d.Path(), before)
}

func TestIssueServerRefuses(t *testing.T) {
	d := openNode(t, "aa")
	before := snapshot(t, d.Path())
	other := serverRequest(t, openNode(t, "ca"))
	_, err := d.IssueServer(t.Context(), other, 365, noKey(t))
	wantRejected(t, err, "csr.subject", referenceCA, referenceAA)
	var f *check.Failure
	if !errors.As(err, &f) {
		t.Errorf("%T is not a *check.Failure", err)
	}
	own, err := certs.ParseRequest(read(t, d.Path(), fileRequest))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.IssueServer(t.Context(), own, 365, noKey(t))
	wantRejected(t, err, "csr.server-key")
	forged := serverRequest(t, d)
	forged.Signature = slices.Clone(forged.Signature)
	forged.Signature[len(forged.Signature)-1] ^= 1
	_, err = d.IssueServer(t.Context(), forged, 365, noKey(t))
	wantRejected(t, err, "csr.signature")
	unchanged(t, d.Path(), before)
}

// Nothing at all is changed by what does not come to its end, and there is no
// lock file either.
func TestIssueServerChangesNothing(t *testing.T) {
	refused := errors.New("no, thanks")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		ch   func(d *Dir) Change
		want error
	}{
		{"dry run", t.Context(), func(d *Dir) Change { ch := noKey(t); ch.DryRun = true; return ch }, nil},
		{"refused", t.Context(), func(d *Dir) Change {
			ch := noKey(t)
			ch.Confirm = func(*Plan) error { return refused }
			return ch
		}, refused},
		{"wrong password", t.Context(), func(d *Dir) Change {
			return Change{Key: func() (crypto.Signer, error) { return d.OpenKey("", passwordOf("wrong")) }}
		}, certs.ErrWrongPassword},
		{"no key", t.Context(), func(d *Dir) Change { return Change{} }, nil},
		{"key of another node", t.Context(), func(*Dir) Change { return withKey(t, "ca") }, nil},
		{"cancelled", cancelled, func(d *Dir) Change { return keyOf(t, d) }, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := openNode(t, "aa")
			before := snapshot(t, d.Path())
			_, err := d.IssueServer(test.ctx, serverRequest(t, d), 365, test.ch(d))
			if test.name != "dry run" && err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("found %v, want %v", err, test.want)
			}
			unchanged(t, d.Path(), before)
			if _, err := os.Lstat(d.file(fileLock)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the lock file: %v", err)
			}
		})
	}
}

// A dry run needs nothing but the right to read.
func TestDryRunOfReadOnlyDirectory(t *testing.T) {
	d := openNode(t, "aa")
	for _, dir := range []string{"", "db", "certs"} {
		chmod(t, filepath.Join(d.Path(), dir), 0o555)
		defer chmod(t, filepath.Join(d.Path(), dir), 0o755)
	}
	ch := noKey(t)
	ch.DryRun = true
	res, err := d.IssueServer(t.Context(), serverRequest(t, d), 365, ch)
	if err != nil || res.Certificate != nil || len(res.Plan.Changes) != 3 {
		t.Errorf("found %+v, %v", res, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	const many = 20
	path := copyNode(t, "aa")
	key := withKey(t, "aa")
	if _, err := key.Key(); err != nil {
		t.Fatal(err)
	}
	serials := make([]string, many)
	var wg sync.WaitGroup
	for i := range many {
		d := reopen(t, path)
		req := serverRequest(t, d)
		wg.Go(func() {
			res, err := d.IssueServer(t.Context(), req, 365, key)
			if err != nil {
				t.Error(err)
				return
			}
			serials[i] = fmt.Sprintf("%X", res.Certificate.SerialNumber)
		})
	}
	wg.Wait()
	slices.Sort(serials)
	if n := len(slices.Compact(slices.Clone(serials))); n != many {
		t.Errorf("%d different serial numbers, want %d: %v", n, many, serials)
	}
	d := reopen(t, path)
	rows, problems, err := d.readIndex()
	if err != nil || len(problems) > 0 || len(rows) != 5+many {
		t.Errorf("%d rows, %v, %v", len(rows), problems, err)
	}
	servers, err := d.Servers()
	if err != nil || len(servers) != 1+many {
		t.Errorf("%d servers, %v", len(servers), err)
	}
}

func TestServers(t *testing.T) {
	d := openNode(t, "aa")
	servers, err := d.Servers()
	if err != nil || len(servers) != 1 || servers[0].Serial.String() != "8E5F9DB19112FEFA4BC420F299571932" || servers[0].Revoked {
		t.Fatalf("found %+v, %v", servers, err)
	}
	c := issueTestServer(t, d, 30)
	servers, err = d.Servers()
	if err != nil || len(servers) != 2 || !bytes.Equal(servers[1].Certificate.Raw, c.Raw) {
		t.Fatalf("found %+v, %v", servers, err)
	}
	remove(t, d.file("certs/8E5F9DB19112FEFA4BC420F299571932.pem"))
	servers, err = d.Servers()
	wantError(t, err, "8E5F9DB19112FEFA4BC420F299571932.pem")
	if len(servers) != 1 {
		t.Errorf("%d servers besides the one that is missing", len(servers))
	}
}

func TestRenewServer(t *testing.T) {
	d := openNode(t, "aa")
	servers, err := d.Servers()
	if err != nil {
		t.Fatal(err)
	}
	old := servers[0]
	// Long after the old one ended.
	d.opts.Now = func() time.Time { return testNow.AddDate(3, 0, 0) }
	res, err := d.RenewServer(t.Context(), old.Serial, 365, keyOf(t, d))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(res.Certificate.RawSubjectPublicKeyInfo, old.Certificate.RawSubjectPublicKeyInfo) {
		t.Error("not the same key")
	}
	if !res.Certificate.NotAfter.Equal(testNow.AddDate(3, 0, 365)) {
		t.Errorf("ends %v", res.Certificate.NotAfter)
	}
	if len(res.Plan.Notes) != 1 || !strings.Contains(res.Plan.Notes[0], "ended already") {
		t.Errorf("notes %q", res.Plan.Notes)
	}
}

func TestRenewServerRefuses(t *testing.T) {
	const server = "8E5F9DB19112FEFA4BC420F299571932"
	for _, test := range []struct {
		name, serial string
		change       func(t *testing.T, d *Dir)
		want         []string
		rejected     bool
	}{
		{"unknown", "AB", nil, []string{"AB", "no such certificate"}, false},
		{"a peer's", "8E5F9DB19112FEFA4BC420F299571930", nil, []string{"own servers"}, true},
		{"the root", "8E5F9DB19112FEFA4BC420F29957192F", nil, []string{"own servers"}, true},
		{"revoked", server, func(t *testing.T, d *Dir) {
			text := strings.Replace(readText(t, d, fileIndex), "V\t271123014552Z\t\t", "R\t271123014552Z\t261124000000Z\t", 1)
			write(t, d.file(fileIndex), text)
		}, []string{"was revoked", "db/index:4"}, true},
		{"no row", server, func(t *testing.T, d *Dir) {
			text := strings.Replace(readText(t, d, fileIndex), server, "AB", 1)
			write(t, d.file(fileIndex), text)
		}, []string{"no row for " + server}, true},
		{"of another node", server, func(t *testing.T, d *Dir) {
			write(t, d.file(issuedPath(server)), string(read(t, referenceNodes, "ca/certs/7BBF3CEA05F019DB7F88E668B86E6B66.pem")))
		}, []string{server, "7BBF3CEA05F019DB7F88E668B86E6B66"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := openNode(t, "aa")
			if test.change != nil {
				test.change(t, d)
			}
			before := snapshot(t, d.Path())
			serial, err := certs.ParseSerial(test.serial)
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.RenewServer(t.Context(), serial, 365, noKey(t))
			wantError(t, err, test.want...)
			if errors.Is(err, ErrRejected) != test.rejected {
				t.Errorf("ErrRejected: %v for %q", !test.rejected, err)
			}
			unchanged(t, d.Path(), before)
		})
	}
}

func issuedPath(serial string) string { return "certs/" + serial + ".pem" }

func TestAbsurdClock(t *testing.T) {
	for _, year := range []int{1970, 9990} {
		d := openNode(t, "aa")
		before := snapshot(t, d.Path())
		d.opts.Now = func() time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
		if _, err := d.IssueServer(t.Context(), serverRequest(t, d), 365, keyOf(t, d)); err == nil {
			t.Errorf("%d: no error", year)
		}
		unchanged(t, d.Path(), before)
	}
}

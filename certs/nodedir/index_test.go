package nodedir

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

const sampleSubject = "/O=Swaptacular Nodes Registry/OU=Accounting Authorities/serialNumber=1234abcd"

// What OpenSSL wrote is read and written again without a difference, and is
// what we would have written for the same certificates.
func TestIndexOfReferenceNodes(t *testing.T) {
	for _, node := range []string{"aa", "ca", "da"} {
		path := filepath.Join(referenceNodes, node)
		data := read(t, path, fileIndex)
		rows, problems := parseIndex(data)
		if len(problems) > 0 || len(rows) < 3 {
			t.Fatalf("%s: %d rows, problems %v", node, len(rows), problems)
		}
		var again, made strings.Builder
		for _, r := range rows {
			again.WriteString(r.String() + "\n")
			c, err := certs.ParseCertificate(read(t, path, issuedFile(r.Serial)))
			if err != nil {
				t.Fatal(err)
			}
			row, err := rowOf(c)
			if err != nil {
				t.Fatal(err)
			}
			made.WriteString(row.String() + "\n")
		}
		if again.String() != string(data) {
			t.Errorf("%s: written again:\n%swas:\n%s", node, again.String(), data)
		}
		if made.String() != string(data) {
			t.Errorf("%s: made from the certificates:\n%swant:\n%s", node, made.String(), data)
		}
	}
}

func TestIndexTime(t *testing.T) {
	for _, test := range []struct {
		text string
		time time.Time
	}{
		{"271123014552Z", time.Date(2027, 11, 23, 1, 45, 52, 0, time.UTC)},
		{"491231235959Z", time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"20500101000000Z", time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"30260326014526Z", time.Date(3026, 3, 26, 1, 45, 26, 0, time.UTC)},
		{"500101000000Z", time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"991231235959Z", time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"19491231235959Z", time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		got, err := parseIndexTime(test.text)
		if err != nil || !got.Equal(test.time) {
			t.Errorf("parse %s: %v, %v", test.text, got, err)
		}
		if text := indexTime(test.time.In(time.FixedZone("", 3600))); text != test.text {
			t.Errorf("format %s: %s", test.text, text)
		}
	}
	if got, err := parseIndexTime("20271123014552Z"); err != nil || got.Year() != 2027 {
		t.Errorf("long form before 2050: %v, %v", got, err)
	}
	for _, bad := range []string{"", "Z", "271323014552Z", "271123014552", "2711230145Z", "271123014552+", "2711230145 2Z", "271123014552ZZ", "20271123014552", "020271123014552Z"} {
		if got, err := parseIndexTime(bad); err == nil {
			t.Errorf("%q: found %v, want an error", bad, got)
		}
	}
}

func TestIndexRows(t *testing.T) {
	good := "V\t271123014552Z\t\t8E5F\tunknown\t" + sampleSubject
	for _, test := range []struct{ name, line, want string }{
		{"valid", good, ""},
		{"expired", strings.Replace(good, "V", "E", 1), ""},
		{"revoked", "R\t271123014552Z\t261124000000Z,keyCompromise\t8E5F\tunknown\t" + sampleSubject, ""},
		{"a tab in the subject", good + "\\\tx", ""},
		{"a backslash in the subject", good + `\x0A`, ""},
		{"a backslash at the end", good + `\`, ""},
		{"longest", good + strings.Repeat("x", maxIndexRow-len(good)), ""},
		{"one longer", good + strings.Repeat("x", maxIndexRow-len(good)+1), "16385 bytes"},
		{"empty", "", "found 1 fields, expected 6"},
		{"blanks for tabs", strings.ReplaceAll(good, "\t", "  "), "found 1 fields"},
		{"a field more", good + "\t", "found 7 fields"},
		{"a field less", "V\t271123014552Z\t\t8E5F\tunknown", "found 5 fields"},
		{"status", strings.Replace(good, "V", "X", 1), `"X"`},
		{"no status", good[1:], `status: found ""`},
		{"time", strings.Replace(good, "27", "2x", 1), "expiry"},
		{"revocation of a valid one", strings.Replace(good, "Z\t\t", "Z\t261124000000Z\t", 1), "revocation"},
		{"revoked without a date", strings.Replace(good, "V", "R", 1), "revocation"},
		{"serial", strings.Replace(good, "8E5F", "8E5", 1), "serial number"},
		{"serial zero", strings.Replace(good, "8E5F", "00", 1), "serial number"},
		{"subject", strings.Replace(good, "/O", "O", 1), "subject"},
		{"CR", strings.Replace(good, "Z\t\t", "Z\r\t\t", 1), "expiry"},
	} {
		row, err := parseIndexRow(test.line)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			} else if row.String() != test.line {
				t.Errorf("%s: written again %q, was %q", test.name, row, test.line)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestIndexProblemsHaveLineNumbers(t *testing.T) {
	good := "V\t271123014552Z\t\t8E5F\tunknown\t" + sampleSubject
	rows, problems := parseIndex([]byte("# a comment\n" + good + "\n\noops\n" + good))
	if len(rows) != 2 || rows[0].Line != 2 || rows[1].Line != 5 {
		t.Errorf("rows %+v", rows)
	}
	if len(problems) != 2 || problems[0].Line != 3 || problems[1].Line != 4 {
		t.Errorf("problems %+v", problems)
	}
}

// A last line without its newline must not swallow the row after it.
func TestRecordIssuedAfterIncompleteLine(t *testing.T) {
	path := copyNode(t, "aa")
	old := strings.TrimSuffix(string(read(t, path, fileIndex)), "\n")
	write(t, filepath.Join(path, fileIndex), old)
	d := reopen(t, path)
	c := issueTestServer(t, d, 30)
	rows, problems, err := d.readIndex()
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	serial, err := certs.SerialOf(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if got := rows[len(rows)-1]; len(rows) != 6 || got.Serial != serial {
		t.Errorf("%d rows, last %+v", len(rows), got)
	}
	if text := string(read(t, path, fileIndex)); !strings.HasPrefix(text, old+"\n") || !strings.HasSuffix(text, "\n") {
		t.Errorf("rows of others were changed:\n%s", text)
	}
}

func TestRecordIssuedRefusesAnotherSerial(t *testing.T) {
	d := openNode(t, "aa")
	v := &view{Dir: d, now: testNow}
	serial, err := v.nextSerial()
	if err != nil {
		t.Fatal(err)
	}
	err = v.recordIssued(durable.NewTx(d.path, fileJournal), serial, d.root)
	wantError(t, err, "the certificate has 8E5F9DB19112FEFA4BC420F29957192F", "expected 8E5F9DB19112FEFA4BC420F299571934")
}

// A file of nothing but line ends is not kept in memory line by line.
func TestIndexProblemsAreBounded(t *testing.T) {
	for _, n := range []int{maxFindings, maxFindings + 1, maxFindings + 1000} {
		_, problems := parseIndex([]byte(strings.Repeat("\n", n)))
		if want := min(n, maxFindings+1); len(problems) != want {
			t.Fatalf("%d lines: found %d problems, want %d", n, len(problems), want)
		}
		if last := problems[len(problems)-1]; n > maxFindings && (last.Line != maxFindings+1 || !strings.HasPrefix(last.Text, fmt.Sprintf("%d more lines", n-maxFindings))) {
			t.Errorf("%d lines: found %+v", n, last)
		}
	}
}

func FuzzIndex(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(referenceNodes, "*", fileIndex))
	if err != nil || len(files) != 3 {
		f.Fatalf("found %d seeds (%v), expected those of 3 nodes", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if rows, problems := parseIndex(data); len(rows) == 0 || len(problems) > 0 {
			f.Fatalf("%s: found %d rows and the problems %v, expected rows and none", name, len(rows), problems)
		}
		f.Add(data)
	}
	const subject = "\tunknown\t/O=Swaptacular Nodes Registry/OU=Accounting Authorities/serialNumber=1234abcd\n"
	if _, _, ok := quickRow([]byte("V\t271123014552Z\t\t8E5F" + strings.TrimSuffix(subject, "\n"))); !ok {
		f.Fatal("the seeds are not rows that are read at a glance")
	}
	for _, serial := range []string{"8E5F", "7F" + strings.Repeat("0", 38), "80" + strings.Repeat("0", 38), "0080" + strings.Repeat("0", 38), strings.Repeat("AB", 21), "00", "0000"} {
		f.Add([]byte("V\t271123014552Z\t\t" + serial + subject))
	}
	for _, expires := range []string{"271131014552Z", "271128235959Z", "270028235959Z", "20270230000000Z", "00000101000000Z"} {
		f.Add([]byte("E\t" + expires + "\t\t8E5F" + subject))
	}
	f.Add([]byte("R\t271123014552Z\t261124000000Z\t8E5F\tunknown\t/O=a\\\tb\n#\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, problems := parseIndex(data)
		lines := strings.Count(string(data), "\n") + 1
		if len(rows)+len(problems) > lines {
			t.Fatalf("%d rows and %d problems in %d lines", len(rows), len(problems), lines)
		}
		for _, r := range rows {
			again, err := parseIndexRow(r.String())
			r.Line = 0
			if err != nil || again != r {
				t.Fatalf("%+v written as %q and read as %+v, %v", r, r.String(), again, err)
			}
		}
		// What is seen at a glance is what the whole row says.
		for row := range bytes.SplitSeq(data, []byte("\n")) {
			serial, subject, ok := quickRow(row)
			if !ok {
				continue
			}
			key, keyErr := rowKey(serial)
			full, err := parseIndexRow(string(row))
			if (keyErr == nil) != (err == nil) {
				t.Fatalf("%q: at a glance %v, the whole row %v", row, keyErr, err)
			}
			if want, _ := serialKeyOf(full.Serial.String()); err == nil && (key != want || full.Subject != string(subject)) {
				t.Fatalf("%q: found %s and %q, expected %s and %q", row, serial, subject, full.Serial, full.Subject)
			}
		}
	})
}

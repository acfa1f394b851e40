package chain

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const pkitsDir = "../../testdata/vectors/pkits"

type pkitsCase struct {
	ID            string
	Anchors       []string
	Intermediates []string
	Leaf          string
	Time          time.Time
	Expect        string
	NCForms       []string `json:"nc_forms"`
	Tags          []string
}

func readPKITS(t testing.TB) []pkitsCase {
	t.Helper()
	f, err := os.Open(filepath.Join(pkitsDir, "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []pkitsCase
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var c pkitsCase
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func readCore(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(pkitsDir, "core.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// parsePEM returns an error of x509 only: crypto/x509 refuses some of PKITS.
func parsePEM(t testing.TB, path string) (*x509.Certificate, error) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("%s: no PEM block", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

func (c pkitsCase) run(t testing.TB) error {
	t.Helper()
	opts := Options{Time: c.Time}
	for _, f := range c.Anchors {
		x, err := parsePEM(t, filepath.Join(pkitsDir, f))
		if err != nil {
			t.Fatal(err)
		}
		opts.Roots = append(opts.Roots, x)
	}
	for _, f := range c.Intermediates {
		x, err := parsePEM(t, filepath.Join(pkitsDir, f))
		if err != nil {
			return err
		}
		opts.Intermediates = append(opts.Intermediates, x)
	}
	leaf, err := parsePEM(t, filepath.Join(pkitsDir, c.Leaf))
	if err != nil {
		return err
	}
	_, err = Verify(leaf, opts)
	return err
}

func TestPKITS(t *testing.T) {
	core := readCore(t)
	agree := 0
	for _, c := range readPKITS(t) {
		err := c.run(t)
		got := "accept"
		if err != nil {
			got = "reject"
		}
		if slices.Contains(core, c.ID) {
			if got == c.Expect {
				agree++
			} else {
				t.Errorf("%s: %v", c.ID, err)
			}
			if err != nil {
				t.Log(c.ID, err)
			}
		} else if got != c.Expect {
			var e *Error
			errors.As(err, &e)
			t.Log("DIS", c.ID, c.Expect, c.Tags, err)
		}
	}
	t.Log(agree, len(core))
}

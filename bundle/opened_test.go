package bundle

import (
	"bytes"
	"crypto/sha256"
	"os"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// What was judged before is taken for nodeinfo.zip only if it has the digest
// that is signed. Otherwise nothing is accepted.
func TestOpenedIsOfTheSameDigest(t *testing.T) {
	data, err := os.ReadFile("../testdata/reference/bundles/da.zip")
	if err != nil {
		t.Fatal(err)
	}
	var other bytes.Buffer
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if _, err := strictzip.Write(t.Context(), &other, []strictzip.File{memoryFile("x", []byte("-----BEGIN PRIVATE KEY-----"))}, at, Limits{}.inner()); err != nil {
		t.Fatal(err)
	}
	v := newVerifier(int64(len(data)), VerifyOptions{Time: at})
	v.opened = openNodeInfo(other.Bytes(), Limits{})
	if b, report := v.run(bytes.NewReader(data)); b != nil || report.Has(ruleSignature.ID, check.Passed) || !report.Has(ruleSignature.ID, check.Skipped) {
		t.Fatalf("another nodeinfo.zip was accepted: %v", report.Err())
	}

	b, report := Verify(bytes.NewReader(data), int64(len(data)), VerifyOptions{Time: at})
	if b == nil || b.SHA256 != sha256.Sum256(data) {
		t.Fatal(report.Err())
	}
	// With the same digest, it is not opened again, and the report is the same.
	again := newVerifier(int64(len(data)), VerifyOptions{Time: at})
	again.opened = &opened{archive: b.NodeInfo.Archive, report: &check.Report{}}
	if b, _ := again.run(bytes.NewReader(data)); b == nil || b.NodeInfo.Archive != again.opened.archive {
		t.Error("what has been judged was judged again")
	}
}

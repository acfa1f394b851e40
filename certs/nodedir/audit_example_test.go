package nodedir_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// What an audit finds in a directory that the existing tool made.
func ExampleDir_Audit() {
	parent, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	path := filepath.Join(parent, "authority")
	if err := os.CopyFS(path, os.DirFS("../../testdata/reference/nodes/aa")); err != nil {
		log.Fatal(err)
	}
	// git keeps neither of these modes.
	os.Chmod(filepath.Join(path, "private"), 0o700)
	os.Chmod(filepath.Join(path, "private", "root-ca.key"), 0o600)

	d, err := nodedir.Open(path, nodedir.Options{Now: func() time.Time { return time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		log.Fatal(err)
	}
	report, err := d.Audit(context.Background(), nodedir.AuditOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("accepted:", report.OK(false))
	for _, res := range report.Results {
		if res.Outcome == check.Failed {
			fmt.Println(res.Rule.Severity, res)
		}
	}
	// Output:
	// accepted: true
	// notice [dir.key-rounds] private/root-ca.key: found 2048 rounds for each guess, expected at least 600000, which take a tenth of a second
	// warning [dir.gitignore] .gitignore: found no private/, peers/*/ACTIVE, .swptpeer*, expected a line for each
	// notice [dir.conf] root-ca.conf: found nothing, expected a configuration for OpenSSL
}

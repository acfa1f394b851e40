package durable_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs/durable"
)

// Two files that must change together, below a lock.
func Example() {
	root, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)

	lock, err := durable.Acquire(context.Background(), filepath.Join(root, ".lock"), time.Second, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer lock.Release()
	if _, err := durable.Recover(root, ".journal"); err != nil {
		log.Fatal(err)
	}

	tx := durable.NewTx(root, ".journal")
	tx.Create("certificate.pem", []byte("…\n"), 0o644)
	tx.Replace("serial", []byte("0B\n"), 0o644)
	for _, c := range tx.Changes() {
		fmt.Println(c.Action, c.Path)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
	data, _ := os.ReadFile(filepath.Join(root, "serial"))
	fmt.Printf("serial is %q\n", data)
	// Output:
	// create certificate.pem
	// replace serial
	// serial is "0B\n"
}

// An output file that is never seen half-written.
func ExampleCreateFile() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "server.key")

	f, err := durable.CreateFile(out, 0o600, false)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Discard()
	io.WriteString(f, "a key\n") // an error is remembered until Commit
	if err := f.Commit(); err != nil {
		log.Fatal(err)
	}

	_, err = durable.CreateFile(out, 0o600, false)
	fmt.Println(os.IsExist(err))
	// Output: true
}

package strictzip_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

var exampleLimits = strictzip.Limits{
	Archive: 1 << 20, Total: 4 << 20, File: 1 << 20, Entries: 100, Depth: 8, Name: 255, Ratio: 200, RatioFree: 1 << 20,
}

func ExampleWrite() {
	text := func(name, content string) strictzip.File {
		return strictzip.File{Name: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}}
	}
	var out bytes.Buffer // better a temporary file
	files := []strictzip.File{text("updated-at.txt", "2026-11-23\n"), text("docs/terms.txt", "be kind\n")}
	written, err := strictzip.Write(context.Background(), &out, files, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), exampleLimits)
	if err != nil {
		fmt.Println(err)
		return
	}
	archive, err := written.Verify(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range archive.Entries() {
		fmt.Println(e.Mode, e.Size, e.Modified.Format(time.RFC3339), e.Name)
	}
	// Output:
	// -rw-r--r-- 8 2026-11-23T00:00:00Z docs/terms.txt
	// -rw-r--r-- 11 2026-11-23T00:00:00Z updated-at.txt
}

func ExampleOpen() {
	data := []byte("PK\x05\x06" + strings.Repeat("\x00", 18) + "something else")
	_, report := strictzip.Open(bytes.NewReader(data), int64(len(data)), exampleLimits)
	fmt.Println(report.Err())
	// Output:
	// [zip.trailing-data] end record at offset 0: found 14 bytes after it, expected the end of the file
}

func ExampleArchive_Walk() {
	data := plain().bytes()
	archive, report := strictzip.Open(bytes.NewReader(data), int64(len(data)), exampleLimits)
	if err := report.Err(); err != nil {
		fmt.Println(err)
		return
	}
	err := archive.Walk(func(e strictzip.Entry, content io.Reader) error {
		if content == nil {
			fmt.Println("folder", e.Name)
			return nil
		}
		n, err := io.Copy(io.Discard, content) // the error says that the content is not what Open saw
		fmt.Println(n, "bytes", e.Name)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// folder docs/
	// 26 bytes docs/a.txt
	// 11 bytes stomp.toml
}

func ExampleCheckName() {
	fmt.Println(strictzip.CheckName("docs/terms.txt"))
	fmt.Println(strictzip.CheckName("../private/root-ca.key"))
	// Output:
	// <nil>
	// name "../private/root-ca.key": an element "..", expected elements that name a file or folder (zip.name-traversal)
}

package main

import (
	"bytes"
	"log"
	"testing"
)

// What net/http says about a web server that speaks unasked does not reach
// standard error: the text is the server's.
func TestStandardLoggerIsSilent(t *testing.T) {
	var b bytes.Buffer
	before := log.Writer()
	log.SetOutput(&b)
	defer log.SetOutput(before)
	sys := hostSystem()
	sys.keepMemory = func() {}
	if code := runAsProcess(sys, []string{programName, "--version"}); code != 0 {
		t.Fatalf("found exit status %d, expected 0", code)
	}
	log.Print("Unsolicited response received on idle HTTP channel")
	if b.Len() > 0 {
		t.Errorf("found %q in the log, expected nothing", b.String())
	}
}

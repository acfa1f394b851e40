package main

import (
	"os"
	"os/signal"
	"syscall"
)

// heedSignals undoes what whoever started the tests may have done: CI starts them
// in the background, or with nohup, where SIGINT, SIGHUP and SIGQUIT are ignored. The
// commands that the tests start would inherit that. A signal that is caught here
// is the default again in a child.
func heedSignals() {
	caught := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(caught, s)
		}
	}
}

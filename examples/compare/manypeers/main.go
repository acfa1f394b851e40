// Command manypeers makes node directories with any number of peers, to measure
// swptpeer by, and measures the floor of checking them.
//
//	manypeers make -type ca -peers 10000 WORK
//	manypeers floor WORK/apps/node
//
// What make leaves in WORK, which must not exist:
//
//	apps/node      the node directory; doctor finds nothing wrong with it
//	root.key       its root key, without a password: for --key
//	password       the password of apps/node/private/root-ca.key
//	peer           the id of a peer in the middle of the list
//	sign.zip       the info-bundle of a node that is no peer yet
//	register.crt   a certificate for this node by a peer that was signed for and
//	               is not registered yet: the last of those asked for
//	reset          a shell script that undoes "peer sign sign.zip" and "peer
//	               register register.crt", and nothing else
//
// A creditors agent (-type ca) gets accounting authorities for peers, which all
// have the same key: their ids do not follow from it, so that 10,000 of them cost
// signatures and no keys. An accounting authority (-type aa) gets creditors
// agents, whose ids follow from their keys: theirs are ECDSA keys, which are made
// in no time.
//
// The first peer is made with the library that swptpeer is made of. The folders
// of the others are copies of the first's, with certificates, id and subnet of
// their own, and at the end the whole is audited.
//
// floor prints the seconds that the signatures in a node directory take to
// verify, with crypto/rsa and nothing else, on all processors: for each peer its
// root's own, our peer certificate's and theirs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manypeers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	const usage = "expected \"make [-type ca|aa] [-peers N] WORK\" or \"floor [-times N] NODE\""
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "make":
		kind := flags.String("type", "ca", "ca: a creditors agent; aa: an accounting authority")
		peers := flags.Int("peers", 10_000, "number of peers")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 1 {
			return errors.New(usage)
		}
		return makeNode(ctx, *kind, *peers, flags.Arg(0))
	case "floor":
		times := flags.Int("times", 1, "measure so often, and print the median")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 1 {
			return errors.New(usage)
		}
		return floor(flags.Arg(0), *times)
	}
	return fmt.Errorf("found %q, %s", args[0], usage)
}

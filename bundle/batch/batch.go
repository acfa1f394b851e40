// Package batch judges many info-bundles at once. It is for pipelines that check
// a folder of them in one call.
//
// [Each] opens and judges several at a time and hands out each result, and [Judge]
// returns them in the order of the items. Every item has a result, whatever becomes
// of the others. Memory is bounded by what one bundle may take ([bundle.Verify])
// times the number that are judged at a time, and by the reports that are kept; of
// the bundles nothing is.
//
// Nothing is decided here: the verdict of an item is its report's.
package batch

import (
	"context"
	"crypto/sha256"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/source"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

const (
	// MaxOpen is how many items are being opened or judged at a time. Web
	// servers take so many connections from one client.
	MaxOpen = 8
	// MaxJudged is how many of them are judged at a time, on a machine with so
	// many processors. It bounds the memory to 4 times [bundle.MaxNodeInfo].
	MaxJudged = 4
)

// Options of [Judge] and [Each].
type Options struct {
	Opener *source.Opener       // required
	Verify bundle.VerifyOptions // Name is set for every item
	// Compact reports have only the number of the checks that passed, and take a
	// twentieth of the memory.
	Compact bool
	// Done is called after every item with how many are done; not by two
	// goroutines at once.
	Done func(done int)
}

// Result is what became of one item. There is a report, or Err says why there is
// none.
type Result struct {
	Name   string
	Report *check.Report
	Err    error
	// SHA256 of the file; nil if it could not be read or is larger than any
	// bundle.
	SHA256 *[sha256.Size]byte
	// Node is whose bundle it is, and Fingerprint and UpdatedAt what it says,
	// if it was accepted.
	Node        certs.Identity
	Fingerprint string
	UpdatedAt   bundle.UpdatedAt
}

// Judge judges the items; results[i] is of items[i]. When ctx ends, no further
// ones are begun, Err of each of those is that of ctx, and so is the error.
func Judge(ctx context.Context, items []source.Item, opts Options) ([]Result, error) {
	results := make([]Result, len(items))
	err := Each(ctx, items, opts, func(i int, res Result) { results[i] = res })
	return results, err
}

// Each is [Judge] for who keeps less of a result than all of it: each is called once
// for every item, with its index, in any order and by several goroutines at once.
func Each(ctx context.Context, items []source.Item, opts Options, each func(i int, res Result)) error {
	judging := make(chan struct{}, min(runtime.GOMAXPROCS(0), MaxJudged))
	var begun atomic.Int64
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	for range min(MaxOpen, len(items)) {
		// Each takes the next item by itself: handing them out would cost the
		// command two switches of threads for each, because its main goroutine
		// is tied to one.
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(begun.Add(1)) - 1
				if i >= len(items) {
					return
				}
				each(i, judge(ctx, items[i], opts, judging))
				if opts.Done != nil {
					mu.Lock()
					done++
					opts.Done(done)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i := int(begun.Load()); i < len(items); i++ {
		each(i, Result{Name: items[i].Name, Err: ctx.Err()})
	}
	return ctx.Err()
}

func judge(ctx context.Context, it source.Item, opts Options, judging chan struct{}) Result {
	res := Result{Name: it.Name}
	f, err := opts.Opener.Open(ctx, it)
	if err != nil {
		res.Err = err
		return res
	}
	defer f.Close()
	judging <- struct{}{}
	defer func() { <-judging }()
	verify := opts.Verify
	verify.Name = it.Name
	b, report := bundle.Verify(f, f.Size, verify)
	if err := f.Err(); err != nil {
		res.Err = err
		return res
	}
	if res.Report = report; opts.Compact {
		report.Compact()
	}
	if b != nil {
		res.SHA256 = new(b.SHA256) // and let go of the bundle
		res.Node, res.Fingerprint, res.UpdatedAt = b.Identity, b.Fingerprint(), b.NodeInfo.UpdatedAt
		return res
	}
	if f.Size > bundle.MaxBundle {
		return res
	}
	digest, err := f.Digest()
	if err != nil {
		return Result{Name: it.Name, Err: &source.Error{Kind: source.Unreadable, Name: it.Name, Err: err}}
	}
	res.SHA256 = &digest
	return res
}

package batch_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/batch"
	"github.com/swaptacular/swptpeer/bundle/bundletest"
	"github.com/swaptacular/swptpeer/bundle/source"
	"github.com/swaptacular/swptpeer/certs/check"
)

const reference = "../../testdata/reference/bundles"

var testTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func judge(t testing.TB, names ...string) []batch.Result {
	t.Helper()
	items, err := source.List(names)
	if err != nil {
		t.Fatal(err)
	}
	results, err := batch.Judge(t.Context(), items, batch.Options{
		Opener: source.NewOpener(source.Options{}), Verify: bundle.VerifyOptions{Time: testTime}})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// generate writes n bundles into a new folder.
func generate(t testing.TB, n int) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	paths, err := bundletest.Write(dir, n, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return dir, paths
}

func TestReference(t *testing.T) {
	results := judge(t, reference)
	if len(results) != 5 {
		t.Fatalf("found %d results", len(results))
	}
	for i, name := range []string{"aa", "ca", "ca2", "da", "da2"} {
		res := results[i]
		if filepath.Base(res.Name) != name+".zip" || res.Err != nil || !res.Report.OK(true) || res.Report.Subject != res.Name {
			t.Errorf("%s: found %+v", name, res)
			continue
		}
		data, err := os.ReadFile(res.Name)
		if err != nil {
			t.Fatal(err)
		}
		if *res.SHA256 != sha256.Sum256(data) || res.Node.Type().String() != strings.TrimRight(name, "2") || len(res.Fingerprint) != 64 || res.UpdatedAt.String() != "2026-11-23" {
			t.Errorf("%s: found %+v", name, res)
		}
	}
}

// Whatever becomes of some, the others are judged, and the results are in order.
func TestOrder(t *testing.T) {
	dir, paths := generate(t, 30)
	broken := map[int]bool{3: true, 11: true, 29: true}
	for i := range broken {
		data, err := os.ReadFile(paths[i])
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(paths[i], data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	big := filepath.Join(dir, "big.zip")
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, bundle.MaxBundle+1); err != nil {
		t.Fatal(err)
	}
	names := append(slices.Clone(paths), filepath.Join(dir, "nowhere.zip"), big)
	results := judge(t, names...)
	for i, res := range results {
		if res.Name != names[i] {
			t.Fatalf("result %d: found %s, expected %s", i, res.Name, names[i])
		}
		switch {
		case res.Name == big:
			if res.Err != nil || res.SHA256 != nil || res.Report.OK(false) {
				t.Errorf("the large file: found %+v", res)
			}
		case i >= len(paths):
			if e, ok := errors.AsType[*source.Error](res.Err); !ok || e.Kind != source.Unreadable || res.Report != nil {
				t.Errorf("the missing file: found %+v", res)
			}
		case res.Err != nil || res.SHA256 == nil || res.Report.OK(true) == broken[i] || res.Node.IsZero() != broken[i]:
			t.Errorf("%s: found %v, %v", res.Name, res.Err, res.Report.Err())
		}
	}
}

// Compact reports have the same verdict, and nothing of what passed but how many
// there were.
func TestCompact(t *testing.T) {
	items, err := source.List([]string{reference})
	if err != nil {
		t.Fatal(err)
	}
	results, err := batch.Judge(t.Context(), items, batch.Options{Opener: source.NewOpener(source.Options{}), Verify: bundle.VerifyOptions{Time: testTime}, Compact: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, whole := range judge(t, reference) {
		rest := slices.DeleteFunc(slices.Clone(whole.Report.Results), func(res check.Result) bool { return res.Outcome == check.Passed })
		got, passed := results[i].Report, len(whole.Report.Results)-len(rest)
		if !slices.Equal(got.Results, rest) || got.Omitted != passed || passed < 100 || !got.OK(true) {
			t.Errorf("%s: found %v and %d left out, expected %v and %d", whole.Name, got.Results, got.Omitted, rest, passed)
		}
	}
}

func TestInterrupted(t *testing.T) {
	_, paths := generate(t, 20)
	items, err := source.List(paths)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	last := 0
	results, err := batch.Judge(ctx, items, batch.Options{Opener: source.NewOpener(source.Options{}), Verify: bundle.VerifyOptions{Time: testTime},
		Done: func(done int) {
			if done != last+1 {
				t.Errorf("found %d after %d", done, last)
			}
			last = done
			if done == 2 {
				stop()
			}
		}})
	if !errors.Is(err, context.Canceled) || last == len(items) {
		t.Errorf("found %v after %d items", err, last)
	}
	cancelled := 0
	for i, res := range results {
		if res.Name != items[i].Name || (res.Err == nil) == (res.Report == nil) {
			t.Errorf("item %d, %q: found name %q, error %v, report %v; expected its name, and either of the others", i, items[i].Name, res.Name, res.Err, res.Report)
		}
		if errors.Is(res.Err, context.Canceled) {
			cancelled++
		}
	}
	if len(results) != len(items) || cancelled < len(items)-last {
		t.Errorf("%d results, %d of them cancelled, after %d items", len(results), cancelled, last)
	}
}

// Each hands out the result of every item once, with its index, those that were not
// begun any more as well.
func TestEach(t *testing.T) {
	_, paths := generate(t, 20)
	items, err := source.List(append(paths, "nowhere.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for _, stopAfter := range []int{0, 2} {
		ctx, stop := context.WithCancel(t.Context())
		opts := batch.Options{Opener: source.NewOpener(source.Options{}), Verify: bundle.VerifyOptions{Time: testTime}, Done: func(done int) {
			if done == stopAfter {
				stop()
			}
		}}
		var mu sync.Mutex
		times, cancelled := map[int]int{}, 0
		err := batch.Each(ctx, items, opts, func(i int, res batch.Result) {
			mu.Lock()
			defer mu.Unlock()
			times[i]++
			if res.Name != items[i].Name || (res.Err == nil) == (res.Report == nil) {
				t.Errorf("item %d, %q: found %+v", i, items[i].Name, res)
			}
			if errors.Is(res.Err, context.Canceled) {
				cancelled++
			}
		})
		for i := range items {
			if times[i] != 1 {
				t.Errorf("item %d: found %d results, expected 1", i, times[i])
			}
		}
		if stopped := stopAfter > 0; len(times) != len(items) || errors.Is(err, context.Canceled) != stopped || (cancelled > 0) != stopped {
			t.Errorf("stopped after %d (0: not): found %d results, %d of them cancelled, and the error %v", stopAfter, len(times), cancelled, err)
		}
		stop()
	}
}

// BenchmarkThousand judges 1,000 bundles in a folder.
func BenchmarkThousand(b *testing.B) {
	dir, paths := generate(b, 1000)
	for b.Loop() {
		results := judge(b, dir)
		if len(results) != len(paths) {
			b.Fatalf("found %d results", len(results))
		}
		for _, res := range results {
			if res.Err != nil || !res.Report.OK(true) {
				b.Fatal(res.Name, res.Err, res.Report.Err())
			}
		}
	}
}

func ExampleJudge() {
	items, err := source.List([]string{reference})
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := batch.Judge(context.Background(), items, batch.Options{
		Opener: source.NewOpener(source.Options{}),
		Verify: bundle.VerifyOptions{Time: testTime},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, res := range results {
		fmt.Println(filepath.Base(res.Name), res.Node, res.Err == nil && res.Report.OK(false))
	}
	// Output:
	// aa.zip accounting authority 1234abcd true
	// ca.zip creditors agent ae4209290a434d18be5465b3d11257f8 true
	// ca2.zip creditors agent fd04da463b2f01f12e829aa346293730 true
	// da.zip debtors agent 9713c1a6b9b52ce34697c159b56ecfb0 true
	// da2.zip debtors agent 52fbfa7e0fceb8dd45e04a9052dc07d0 true
}

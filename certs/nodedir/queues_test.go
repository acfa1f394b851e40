package nodedir

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestSetQueues(t *testing.T) {
	for _, tt := range []struct {
		queues  int
		want    string // of the rejection
		nothing bool
	}{
		{queues: -1, want: "from 1 to 99"},
		{queues: 0, want: "from 1 to 99"},
		{queues: 1, want: "never lowered"},
		{queues: 2, want: "never lowered"},
		{queues: 3, nothing: true},
		{queues: 4},
		{queues: 99},
		{queues: 100, want: "from 1 to 99"},
	} {
		t.Run(fmt.Sprint(tt.queues), func(t *testing.T) {
			d := openNode(t, "aa")
			before := tree(t, d)
			ch := Change{Key: func() (crypto.Signer, error) { t.Error("the key was asked for"); return nil, errors.New("no key") }}
			plan, err := d.SetQueues(t.Context(), referenceCA[:6], tt.queues, ch)
			if tt.want != "" {
				wantRejected(t, err, tt.want, fmt.Sprint(tt.queues))
				unchanged(t, d.Path(), before)
				return
			}
			if err != nil || plan.Nothing != tt.nothing {
				t.Fatalf("found %+v, %v", plan, err)
			}
			if tt.nothing {
				unchanged(t, d.Path(), before)
				return
			}
			rel := "peers/" + referenceCA + "/queues.txt"
			if got := changedFiles(before, tree(t, d)); !slices.Equal(got, []string{rel}) {
				t.Errorf("found changes %v", got)
			}
			if got := readText(t, d, rel); got != fmt.Sprintf("%d\n", tt.queues) {
				t.Errorf("found %q", got)
			}
		})
	}
}

func TestSetQueuesRefusals(t *testing.T) {
	d := openNode(t, "aa")
	mustSign(t, d, refBundle(t, "da2"))
	writeText(t, d, "peers/"+referenceDA+"/queues.txt", "many\n")
	before := tree(t, d)
	for _, tt := range []struct {
		id   string
		want string
		is   error
	}{
		{referenceDA2, "not registered", ErrRejected},
		{referenceCA2, "deactivated on 2026-11-23", ErrRejected},
		{referenceDA, "queues.txt cannot be read", nil},
		{"cafe0000", "cafe0000", ErrUnknown},
		{"../" + referenceCA, "expected a node id", ErrUnknown},
	} {
		_, err := d.SetQueues(t.Context(), tt.id, 7, Change{})
		wantError(t, err, tt.want)
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: found %v, expected %v", tt.id, err, tt.is)
		}
		if tt.is == nil && errors.Is(err, ErrRejected) {
			t.Errorf("%s: found a rejection: %v", tt.id, err)
		}
	}
	if plan, err := d.SetQueues(t.Context(), referenceCA2, 1, Change{}); err != nil || !plan.Nothing {
		t.Errorf("the same number for a deactivated peer: found %+v, %v", plan, err)
	}
	unchanged(t, d.Path(), before)
}

func TestDeactivate(t *testing.T) {
	d := openNode(t, "aa")
	before := tree(t, d)
	for name, ch := range map[string]Change{
		"refused": {Confirm: func(p *Plan) error {
			if p.Nothing || len(p.Notes) == 0 || len(p.Changes) != 1 {
				t.Errorf("found %+v", p)
			}
			return ErrRefused
		}},
		"dry": {DryRun: true},
	} {
		if _, err := d.Deactivate(t.Context(), referenceCA, ch); !ch.DryRun && !errors.Is(err, ErrRefused) || ch.DryRun && err != nil {
			t.Errorf("%s: found %v", name, err)
		}
		unchanged(t, d.Path(), before)
	}
	if _, err := d.Deactivate(t.Context(), "cafe0000", Change{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("found %v", err)
	}

	rel := "peers/" + referenceCA + "/DEACTIVATED"
	if _, err := d.Deactivate(t.Context(), referenceCA, Change{}); err != nil {
		t.Fatal(err)
	}
	if got := changedFiles(before, tree(t, d)); !slices.Equal(got, []string{rel}) || readText(t, d, rel) != "2026-11-24\n" {
		t.Errorf("found changes %v", got)
	}
	// Once more, and for one that another tool deactivated before: the date stays.
	before = tree(t, d)
	for _, id := range []string{referenceCA, referenceCA2} {
		if plan, err := d.Deactivate(t.Context(), id, Change{}); err != nil || !plan.Nothing {
			t.Errorf("found %+v, %v", plan, err)
		}
	}
	unchanged(t, d.Path(), before)
	// A marker without a date is a marker.
	writeText(t, d, "peers/"+referenceDA+"/DEACTIVATED", "")
	if plan, err := d.Deactivate(t.Context(), referenceDA, Change{}); err != nil || !plan.Nothing {
		t.Errorf("found %+v, %v", plan, err)
	}
}

// The date of a deactivation cannot be corrected: a clock that is certainly wrong
// is refused, and one at either end of the root certificate's validity is not.
func TestDeactivateByAWrongClock(t *testing.T) {
	root := openNode(t, "aa").Root()
	for _, tt := range []struct {
		at   time.Time
		fits bool
	}{
		{root.NotBefore.Add(-time.Second), false}, {root.NotBefore, true},
		{root.NotAfter, true}, {root.NotAfter.Add(time.Second), false},
	} {
		d, err := Open(copyNode(t, "aa"), Options{Now: func() time.Time { return tt.at }})
		if err != nil {
			t.Fatal(err)
		}
		before := tree(t, d)
		_, err = d.Deactivate(t.Context(), referenceCA, Change{})
		if tt.fits {
			if err != nil {
				t.Errorf("%v: %v", tt.at, err)
			}
			continue
		}
		wantRejected(t, err, "the clock says", "set the clock")
		unchanged(t, d.Path(), before)
	}
}

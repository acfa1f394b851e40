package nodedir

import (
	"testing"
)

func TestAuditReference(t *testing.T) {
	for _, node := range []string{"aa", "ca", "da"} {
		for _, quick := range []bool{false, true} {
			d := openNode(t, node)
			before := snapshot(t, d.Path())
			r, err := d.Audit(t.Context(), AuditOptions{Quick: quick})
			if err != nil {
				t.Fatal(err)
			}
			unchanged(t, d.Path(), before)
			for _, res := range r.Results {
				t.Log(res.Rule.Severity, res.Outcome, res.String())
			}
			if !r.OK(false) {
				t.Error(r.Err())
			}
		}
	}
}

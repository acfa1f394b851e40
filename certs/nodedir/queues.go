package nodedir

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"
)

// SetQueues raises the number of sending queues, 1 to [MaxQueues]. The number
// only ever rises: messages in a queue that nobody sends any more would be
// lost. The same number is nothing to do, except for a manifest that says
// another. A smaller number, a peer that is not registered, and a deactivated
// one (its queues are only being emptied) are ErrRejected.
func (d *Dir) SetQueues(ctx context.Context, peerID string, queues int, ch Change) (*Plan, error) {
	if queues < 1 || queues > MaxQueues {
		return nil, rejectf("number of queues: found %d, expected a number from 1 to %d", queues, MaxQueues)
	}
	return d.change(ctx, ch, func(v *view) (*draft, error) {
		p, err := v.registered(peerID)
		if err != nil {
			return nil, err
		}
		rel := path.Join(dirPeers, p.Folder, peerQueues)
		switch {
		case p.Queues == 0:
			return nil, fmt.Errorf("%s cannot be read, so that it cannot be known whether %d is more: %s", v.file(rel), queues, strings.Join(p.Problems, "; "))
		case queues < p.Queues:
			return nil, rejectf("number of queues of peer %s: found %d, expected a number from %d, which it has, to %d: it is never lowered, because messages in the other queues would be lost", p.Folder, queues, p.Queues, MaxQueues)
		case p.Deactivated != "" && queues > p.Queues:
			return nil, rejectf("peer %s was deactivated on %s, and its queues are only being emptied: it gets no more of them", p.Folder, p.Deactivated)
		}
		var files fileChanges
		if queues > p.Queues {
			files = fileChanges{{rel, oneLine(fmt.Sprint(queues))}}
		}
		dr := &draft{decision: fmt.Sprintf("queues %s from %d to %d", p.Folder, p.Queues, queues)}
		dr.Title = fmt.Sprintf("raise the number of queues of peer %s from %d to %d", p.Folder, p.Queues, queues)
		if queues == p.Queues {
			dr.Title = fmt.Sprintf("peer %s has %d queues", p.Folder, queues)
		}
		return dr, v.finish(dr, p, files, manifestState{queues: queues, deactivated: p.Deactivated != ""})
	})
}

// Deactivate marks a peer as deactivated, for good: the servers refuse it, and
// what is still in its queues is thrown away. A peer that is deactivated
// already is nothing to do, and keeps its date. A peer that is not registered,
// and a clock outside of the root certificate's validity, are ErrRejected.
func (d *Dir) Deactivate(ctx context.Context, peerID string, ch Change) (*Plan, error) {
	return d.change(ctx, ch, func(v *view) (*draft, error) {
		p, err := v.registered(peerID)
		if err != nil {
			return nil, err
		}
		dr := &draft{decision: "deactivate " + p.Folder}
		dr.Title = "deactivate peer " + p.Folder + ", for good"
		var files fileChanges
		if p.Deactivated == "" {
			// The date cannot be corrected later.
			if err := v.clockFits(); err != nil {
				return nil, err
			}
			date := v.now.UTC().Format(time.DateOnly)
			files = fileChanges{{path.Join(dirPeers, p.Folder, peerDeactivated), oneLine(date)}}
			dr.fact("date", date)
			dr.note("a peer never comes back from this: there is no command that undoes it")
			dr.note("servers notice it within 10 minutes on new connections and about an hour on open ones")
		} else {
			dr.Title = "peer " + p.Folder + " was deactivated on " + p.Deactivated
		}
		return dr, v.finish(dr, p, files, manifestState{queues: p.Queues, deactivated: true})
	})
}

// clockFits refuses a clock that is certainly wrong: outside of the time in which
// the node exists.
func (v *view) clockFits() error {
	if from, to := v.root.NotBefore, v.root.NotAfter; v.now.Before(from) || v.now.After(to) {
		return rejectf("the clock says %s, expected a time from %s to %s, in which %s is valid: nothing was done: set the clock", formatTime(v.now), formatTime(from), formatTime(to), v.file(fileRootCert))
	}
	return nil
}

// registered reads a peer that must be registered.
func (v *view) registered(peerID string) (*Peer, error) {
	folder, err := v.resolvePeer(peerID)
	if err != nil {
		return nil, err
	}
	p, err := v.peerToChange(folder)
	if err != nil {
		return nil, err
	}
	if p.SubCA == nil {
		why := ""
		if len(p.Problems) > 0 {
			why = " (" + strings.Join(p.Problems, "; ") + ")"
		}
		return nil, rejectf("peer %s is not registered: %s is not there or cannot be read%s: register the certificate that it sent first", folder, v.file(path.Join(dirPeers, folder, peerSubCA)), why)
	}
	return p, nil
}

// finish completes a draft that writes files, and the manifests that follow
// from them. No files at all are nothing to do.
func (v *view) finish(dr *draft, p *Peer, files fileChanges, s manifestState) error {
	s.id, s.updatedAt = p.Folder, p.UpdatedAt
	manifests, notes, err := v.planManifests(s)
	if err != nil {
		return err
	}
	if len(files) == 0 && len(manifests) > 0 {
		dr.Title += ", but its Kubernetes manifests say otherwise: write them"
	}
	files = append(files, manifests...)
	dr.Notes = append(dr.Notes, notes...)
	dr.Nothing = len(files) == 0
	dr.build = files.build
	return nil
}

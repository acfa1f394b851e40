package nodedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file of a peer that is there and cannot be read stops a change with the
// system's error. It is never taken for one that is missing: a peer would be
// called unregistered, or get a manifest without its date. Found by failing
// every system call in turn (cmd/swptpeer, TestFaults).
func TestUnreadablePeerFileStopsChanges(t *testing.T) {
	const id = "9713c1a6b9b52ce34697c159b56ecfb0"
	for _, name := range []string{peerRootCert, peerPeerCert, peerSubCA, peerNodeType, peerQueues, peerSubnet, fileUpdatedAt, fileManifest} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			d := openNode(t, "aa")
			writeText(t, d, "peers/kustomization.yaml", "resources: []\n")
			before := snapshot(t, d.Path())
			file := d.file("peers/" + id + "/" + name)
			show := makeUnreadable(t, file)
			_, set := d.SetQueues(t.Context(), id, 50, Change{})
			_, deactivate := d.Deactivate(t.Context(), id, Change{})
			for what, err := range map[string]error{"set": set, "deactivate": deactivate} {
				wantError(t, err, file)
				if !errors.Is(err, syscall.EIO) && !errors.Is(err, fs.ErrPermission) {
					t.Errorf("%s: found %v, want the error of the system", what, err)
				}
				if errors.Is(err, ErrRejected) {
					t.Errorf("%s: %v is called a refusal", what, err)
				}
			}
			show()
			unchanged(t, d.Path(), before)
		})
	}
}

// makeUnreadable makes a regular file one that cannot be read, until show. The
// superuser reads everything; but at the beginning of a process's memory, which
// the kernel shows as a regular file, there is nothing to be read.
func makeUnreadable(t *testing.T, file string) (show func()) {
	t.Helper()
	if os.Getuid() != 0 {
		chmod(t, file, 0)
		return func() { chmod(t, file, modeFile) }
	}
	if err := syscall.Mount("/proc/self/mem", file, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("nothing can be mounted: ", err)
	}
	show = func() { syscall.Unmount(file, syscall.MNT_DETACH) }
	t.Cleanup(show)
	return show
}

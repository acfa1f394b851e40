package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/durable"
)

// Folders of the tests: reference nodes, copies of them, and what is in them.

// The password of the reference nodes' keys, and the one that key passwd sets.
const (
	oldPassword = "secret-pw"
	newPassword = "another-secret-pw"
)

// referenceNode copies a reference node into a folder of the test.
func referenceNode(t *testing.T, name string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(to, os.DirFS("../../testdata/reference/nodes/"+name)); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"private": 0o700, "private/root-ca.key": 0o600} {
		if err := os.Chmod(filepath.Join(to, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func reference(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join("../../testdata/reference", path))
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// words are arguments with the folder filled in.
func words(args, work string) []string {
	return strings.Split(strings.ReplaceAll(args, "{}", work), " ")
}

// files is what is in a folder: mode and content by name.
type files map[string]string

func readFiles(t *testing.T, root string) files {
	t.Helper()
	out := files{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		rel, err := filepath.Rel(root, name)
		out[filepath.ToSlash(rel)] = text
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// isHidden reports whether a name is, or lies in, a temporary one of ours.
func isHidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.HasPrefix(s, durable.TempPrefix) })
}

func (s files) visible() files {
	out := files{}
	for name, is := range s {
		if !isHidden(name) {
			out[name] = is
		}
	}
	return out
}

// below keeps what lies in a folder.
func (s files) below(prefix string) files {
	out := files{}
	for name, is := range s {
		if strings.HasPrefix(name, prefix) {
			out[name] = is
		}
	}
	return out
}

func (s files) equal(t files) bool { return s.difference(t) == "" }

// difference lists what differs, found and expected.
func (s files) difference(want files) string {
	var b strings.Builder
	for name, is := range s {
		switch was, ok := want[name]; {
		case !ok:
			fmt.Fprintf(&b, "  %s: found, not expected\n", name)
		case is != was:
			fmt.Fprintf(&b, "  %s: found %.120q, expected %.120q\n", name, is, was)
		}
	}
	for name := range want {
		if _, ok := s[name]; !ok {
			fmt.Fprintf(&b, "  %s: expected, not found\n", name)
		}
	}
	return b.String()
}

// copyTree copies a folder with its modes.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rel)
		if d.IsDir() {
			if err := os.MkdirAll(dest, 0o755); err != nil {
				return err
			}
		} else {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if err := os.WriteFile(dest, data, 0o600); err != nil {
				return err
			}
		}
		return os.Chmod(dest, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string, mode fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, mode); err != nil {
		t.Fatal(err)
	}
}

// copyNode copies a reference node, with the modes that it must have.
func copyNode(t *testing.T, name, to string) {
	t.Helper()
	copyTree(t, referenceNode(t, name), to)
	for _, old := range []string{"index.old", "index.attr.old", "serial.old"} {
		// OpenSSL's own copies are not part of the layout.
		if err := os.Remove(path.Join(to, "db", old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// newerBundle makes an info-bundle of a reference node that has changed what it
// publishes, in {}/in/newer.zip.
func newerBundle(t *testing.T, name, work string) {
	t.Helper()
	node := referenceNode(t, name)
	for file, text := range map[string]string{"about.txt": "we have moved\n", "more/deep/file.txt": "x\n"} {
		file = filepath.Join(node, "nodeinfo", file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	status, text := inProcess(referenceTime, []string{"SWPTPEER_PASSWORD=" + oldPassword}, "bundle", "create", filepath.Join(work, "in/newer.zip"), "--dir", node)
	if status != statusDone {
		t.Fatal(text)
	}
}

// withManifests turns Kubernetes manifests on.
func withManifests(t *testing.T, work string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(work, "node/peers/kustomization.yaml"), []byte("resources: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

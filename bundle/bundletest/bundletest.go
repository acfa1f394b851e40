// Package bundletest makes info-bundles of throwaway nodes for tests: cheap ones,
// with ECDSA keys that are forgotten at once.
package bundletest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Write writes the bundles of n creditors agents into a folder, as 00000.zip and
// so on, and returns their paths. They are of the given time and accepted without
// a warning.
func Write(dir string, n int, at time.Time) ([]string, error) {
	info, err := os.MkdirTemp("", "bundletest-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(info)
	stomp := manifest.Encode([]manifest.Server{{Host: "127.0.0.1", Port: 21235}}, "/", manifest.Destination("ca"))
	if err := os.WriteFile(filepath.Join(info, manifest.FileName), stomp, 0o644); err != nil {
		return nil, err
	}
	paths := make([]string, n)
	for i := range paths {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%05d.zip", i))
		if err := write(paths[i], info, at); err != nil {
			return nil, fmt.Errorf("%s: %w", paths[i], err)
		}
	}
	return paths, nil
}

func write(path, info string, at time.Time) error {
	src, err := NewSource(at)
	if err != nil {
		return err
	}
	src.Dir = info
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := bundle.Create(context.Background(), out, src); err != nil {
		return err
	}
	return out.Close()
}

// NewSource is the material of a creditors agent that there has not been before,
// but for Dir. Its root certificate begins an hour before the given time.
func NewSource(at time.Time) (bundle.Source, error) {
	none := bundle.Source{}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, err
	}
	spki, err := certs.PublicKeyInfo(key.Public())
	if err != nil {
		return none, err
	}
	id, err := certs.AgentIdentity(certs.CreditorsAgent, spki)
	if err != nil {
		return none, err
	}
	serial, err := certs.NewSerial()
	if err != nil {
		return none, err
	}
	root, err := certs.IssueRoot(key, id, serial, at.Add(-time.Hour))
	if err != nil {
		return none, err
	}
	request, err := certs.NewRequest(key, root.RawSubject)
	if err != nil {
		return none, err
	}
	updated, err := bundle.ParseUpdatedAt(at.UTC().Format(time.DateOnly))
	if err != nil {
		return none, err
	}
	return bundle.Source{Root: root, Request: request, Key: key, UpdatedAt: updated, Modified: updated.Time()}, nil
}

package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// signature is one that doctor verifies.
type signature struct {
	by     *rsa.PublicKey
	digest [sha256.Size]byte
	value  []byte
}

// floor prints the median of the seconds that the signatures in a node directory
// take to verify.
func floor(path string, times int) error {
	all, err := signatures(path)
	if err != nil {
		return err
	}
	var took []time.Duration
	for range max(times, 1) {
		begun := time.Now()
		if err := verify(all); err != nil {
			return err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	fmt.Printf("%d signatures on %d processors: %.3f s\n", len(all), runtime.GOMAXPROCS(0), took[len(took)/2].Seconds())
	return nil
}

// verify verifies the signatures on all processors.
func verify(all []signature) error {
	var (
		next atomic.Int64
		bad  atomic.Bool
		wg   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				s := &all[i]
				if rsa.VerifyPKCS1v15(s.by, crypto.SHA256, s.digest[:], s.value) != nil {
					bad.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if bad.Load() {
		return errors.New("found a signature that is wrong")
	}
	return nil
}

// signatures reads the signatures by RSA keys in a node directory: that of its
// root, and of each peer those of its root, of our certificate and of theirs.
func signatures(path string) ([]signature, error) {
	own, err := read(filepath.Join(path, "root-ca.crt"))
	if err != nil {
		return nil, err
	}
	out := []signature{}
	add := func(c, issuer *x509.Certificate) {
		if key, ok := issuer.PublicKey.(*rsa.PublicKey); ok {
			out = append(out, signature{key, sha256.Sum256(c.RawTBSCertificate), c.Signature})
		}
	}
	add(own, own)
	folders, err := filepath.Glob(filepath.Join(path, "peers", "*", "root-ca.crt"))
	if err != nil {
		return nil, err
	}
	for _, file := range folders {
		root, err := read(file)
		if err != nil {
			return nil, err
		}
		add(root, root)
		for name, issuer := range map[string]*x509.Certificate{"peercert.crt": own, "sub-ca.crt": root} {
			c, err := read(filepath.Join(filepath.Dir(file), name))
			if errors.Is(err, os.ErrNotExist) {
				continue // not registered
			}
			if err != nil {
				return nil, err
			}
			add(c, issuer)
		}
	}
	return out, nil
}

func read(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c.Certificate, nil
}

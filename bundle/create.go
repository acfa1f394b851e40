package bundle

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Source is the material of a new bundle. All fields but Content are required.
type Source struct {
	Root      *certs.Certificate
	Request   *certs.Request
	Dir       string        // the nodeinfo directory
	Key       crypto.Signer // the root key
	UpdatedAt UpdatedAt     // written as updated-at.txt, whatever is in the directory
	Modified  time.Time     // of every entry: SOURCE_DATE_EPOCH or UpdatedAt.Time(); 1980 to 2106
	// Content is what [ContentDigest] said about the directory; if it says
	// something else by now, that is an error. Not required.
	Content [sha256.Size]byte
}

// Create writes a bundle to w and returns what was left out: the names at the
// top level of the directory that begin with a dot. The bytes depend on nothing
// but the source, and on the version of this package; see the package comment.
//
// The directory may hold regular files and folders only, within the limits of
// reading, with names that every system can have, no private key in PEM, and a
// stomp.toml that is valid. Every file is read once. Root certificate, request and
// manifest are judged before anything is signed, the archive before its digest
// is, and the whole bundle, as by [Verify], before the first byte goes to w: every
// Error rule must pass, and the content must be what was read. (What has been
// judged and has the same digest is not inflated a second time.) Bundles are built in
// temporary files (see [os.TempDir]), which need twice the size of the bundle.
// When ctx ends, so does Create, with its cause.
//
// Dates are judged as of UpdatedAt, Modified or the beginning of the root
// certificate, whichever is the latest, so that the result does not depend on
// the clock; whether the root certificate is valid today is for the caller to see.
func Create(ctx context.Context, w io.Writer, src Source) (omitted []string, err error) {
	omitted, err = create(ctx, w, src)
	if err != nil {
		return nil, fmt.Errorf("create info-bundle: %w", err)
	}
	return omitted, nil
}

func create(ctx context.Context, w io.Writer, src Source) ([]string, error) {
	at, err := src.check()
	if err != nil {
		return nil, err
	}
	dir, err := openSource(src.Dir)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	content, err := dir.readFile(fileManifest, manifest.MaxSize)
	if err != nil {
		return nil, err
	}
	if _, report := manifest.Parse(content); !report.OK(false) {
		return nil, report.Err()
	}

	inner, err := newTemporary()
	if err != nil {
		return nil, err
	}
	defer inner.remove()
	written, err := inner.write(ctx, dir.archiveFiles(src.UpdatedAt), src.Modified, Limits{}.inner())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", memberNodeInfo, err)
	}
	info, err := inner.open(written)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", memberNodeInfo, err)
	}
	if is := (&NodeInfo{Archive: info.archive}).ContentDigest(); src.Content != is && src.Content != [sha256.Size]byte{} {
		return nil, fmt.Errorf("%s was changed while the info-bundle was made: try again when nobody writes to it", src.Dir)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	signature, err := certs.SignDigest(src.Key, written.SHA256())
	if err != nil {
		return nil, err
	}

	outer, err := newTemporary()
	if err != nil {
		return nil, err
	}
	defer outer.remove()
	whole, err := outer.write(ctx, []strictzip.File{
		memoryFile(memberRoot, src.Root.File),
		memoryFile(memberRequest, src.Request.File),
		{Name: memberNodeInfo, Size: inner.size, Open: inner.reader},
		memoryFile(memberSignature, signature),
	}, src.Modified, Limits{}.outer())
	if err != nil {
		return nil, err
	}
	v := newVerifier(outer.size, VerifyOptions{Name: "the bundle that was made", Time: at})
	v.opened = info
	b, report := v.run(outer.file)
	if b == nil {
		return nil, report.Err()
	}
	if b.SHA256 != whole.SHA256() || b.NodeInfo.SHA256 != written.SHA256() || !bytes.Equal(b.Root.File, src.Root.File) || !bytes.Equal(b.Request.File, src.Request.File) {
		return nil, errors.New("the bundle that was made has other content than it was given")
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return dir.omitted, outer.copyTo(w, b.SHA256)
}

// check judges everything but the directory, and returns the moment as of which
// the bundle is judged.
func (src *Source) check() (at time.Time, err error) {
	switch {
	case src.Root == nil || src.Root.Certificate == nil:
		return at, errors.New("found no root certificate")
	case src.Request == nil || src.Request.CertificateRequest == nil:
		return at, errors.New("found no signing request")
	case src.Key == nil:
		return at, errors.New("found no key")
	case src.UpdatedAt.IsZero():
		return at, errors.New("found no date for updated-at.txt")
	case src.Modified.IsZero():
		return at, errors.New("found no time for the entries")
	}
	spki, err := certs.PublicKeyInfo(src.Key.Public())
	if err != nil {
		return at, err
	}
	if !bytes.Equal(spki, src.Root.RawSubjectPublicKeyInfo) {
		return at, fmt.Errorf("found a key with the fingerprint %s, expected that of the root certificate, %s",
			certs.KeyFingerprint(spki), certs.KeyFingerprint(src.Root.RawSubjectPublicKeyInfo))
	}
	at = src.Root.NotBefore
	for _, t := range []time.Time{src.Modified, src.UpdatedAt.Time()} {
		if t.After(at) {
			at = t
		}
	}
	report := certs.CheckRoot(src.Root, at)
	report.Subject = memberRoot
	if err := report.Err(); err != nil {
		return at, err
	}
	report = certs.CheckRequest(src.Request, src.Root.Certificate)
	report.Subject = memberRequest
	return at, report.Err()
}

func memoryFile(n string, content []byte) strictzip.File {
	return strictzip.File{Name: n, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// temporary is an archive on the way to w.
type temporary struct {
	file *os.File
	size int64
}

func newTemporary() (*temporary, error) {
	f, err := os.CreateTemp("", "swptpeer-*.zip")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return &temporary{file: f}, nil
}

func (t *temporary) remove() {
	t.file.Close()
	os.Remove(t.file.Name())
}

// write writes an archive.
func (t *temporary) write(ctx context.Context, files []strictzip.File, modified time.Time, lim strictzip.Limits) (*strictzip.Written, error) {
	written, err := strictzip.Write(ctx, t.file, files, modified, lim)
	if err != nil {
		return nil, err
	}
	t.size = written.Size()
	return written, nil
}

// open judges nodeinfo.zip, and compares it with what was to be written.
func (t *temporary) open(written *strictzip.Written) (*opened, error) {
	o := &opened{}
	var err error
	o.archive, o.report, err = written.VerifyScan(t.file, t.size, o.keys.file)
	return o, err
}

// reader returns a new reader from the beginning.
func (t *temporary) reader() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(t.file, 0, t.size)), nil
}

// copyTo writes what has this digest to w, and nothing else to the end.
func (t *temporary) copyTo(w io.Writer, sum [sha256.Size]byte) error {
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(w, h), io.NewSectionReader(t.file, 0, t.size), make([]byte, readSize))
	if err != nil {
		return err
	}
	if n != t.size || [sha256.Size]byte(h.Sum(nil)) != sum {
		return errors.New("a temporary file was changed by somebody else")
	}
	return nil
}

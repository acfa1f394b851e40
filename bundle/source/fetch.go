package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// MaxRedirects bounds the redirects of one address. Release pages of code
	// forges need two.
	MaxRedirects = 5
	// DefaultTimeout is for everything about one address: the largest bundle
	// at 6 Mbit/s.
	DefaultTimeout = 2 * time.Minute
	// DefaultConnectTimeout is for TCP, and again for TLS.
	DefaultConnectTimeout = 10 * time.Second
	// maxHeader bounds the headers of an answer, in bytes.
	maxHeader = 64 << 10
	// progressStep is how many bytes lie between two calls of Progress.
	progressStep = 64 << 10
)

func newClient(opts Options) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  opts.Proxy,
			DialContext:            (&net.Dialer{Timeout: opts.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout:    opts.ConnectTimeout,
			TLSClientConfig:        &tls.Config{RootCAs: opts.Roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeader,
			// The bytes of the file, and nothing that grows on the way.
			DisableCompression: true,
			// One connection for one answer: what a server sends after it would be
			// taken for the answer to the next request, or be written to the
			// standard logger of package log.
			DisableKeepAlives: true,
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: checkRedirect,
	}
}

// errRedirect is a redirect that is not followed.
type errRedirect struct{ text string }

func (e *errRedirect) Error() string { return e.text }

func checkRedirect(req *http.Request, via []*http.Request) error {
	to := place(req.URL)
	switch {
	case len(via) > MaxRedirects:
		return &errRedirect{fmt.Sprintf("found more than %d redirects, expected at most that: the last is to %s", MaxRedirects, to)}
	case req.URL.Scheme != "https":
		return &errRedirect{fmt.Sprintf("found a redirect to %s, expected only https: anybody on the way could exchange the bundle", to)}
	case req.URL.User != nil:
		return &errRedirect{fmt.Sprintf("found a redirect to %s with a user name, expected none", to)}
	}
	// Where we came from is nobody's business.
	req.Header.Del("Referer")
	return nil
}

// place is an address without what may be a secret in it: storage services sign
// the query.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// errTime is the cause of a context that ends because the time for an address is
// over.
var errTime = errors.New("the time for the address is over")

// fetch reads an address.
func (o *Opener) fetch(ctx context.Context, it Item) (*File, error) {
	timed, stop := context.WithTimeoutCause(ctx, o.opts.Timeout, errTime)
	defer stop()
	req, err := http.NewRequestWithContext(timed, http.MethodGet, it.address.String(), nil)
	if err != nil {
		return nil, &Error{Usage, it.Name, err}
	}
	req.Header.Set("User-Agent", "swptpeer")
	req.Header.Set("Accept", "application/zip, application/octet-stream, */*")
	resp, err := o.client().Do(req)
	if err != nil {
		return nil, o.classify(ctx, timed, it.Name, err)
	}
	defer resp.Body.Close()
	from := ""
	if place(resp.Request.URL) != place(it.address) {
		from = " from " + place(resp.Request.URL)
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, failf(Unreadable, it.Name, "found the answer %d %s%s, expected 200 OK", resp.StatusCode, http.StatusText(resp.StatusCode), from)
	case resp.ContentLength > o.opts.MaxSize:
		return nil, failf(Refused, it.Name, "found %d bytes%s, expected an info-bundle of at most %d", resp.ContentLength, from, o.opts.MaxSize)
	}
	body := &countedBody{r: resp.Body, name: it.Name, show: o.opts.Progress}
	f, err := o.spool(it.Name, body)
	if body.err != nil {
		if f != nil {
			f.Close()
		}
		return nil, o.classify(ctx, timed, it.Name, fmt.Errorf("the answer broke off after %d bytes: %w", body.n, body.err))
	}
	return f, err
}

// countedBody reports how far it has come, and remembers an error of the
// network, which is not one of the disk.
type countedBody struct {
	r    io.Reader
	name string
	show func(string, int64)
	n    int64
	next int64
	err  error
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.show != nil && b.n >= b.next {
		b.next = b.n + progressStep
		b.show(b.name, b.n)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// classify says what a failed request means.
func (o *Opener) classify(ctx, timed context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(context.Cause(timed), errTime) {
		return failf(Timeout, name, "found no complete answer after %v, expected one: the server is slow or has stopped", o.opts.Timeout)
	}
	// The library's own wrapping repeats the address, with everything in it.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*errRedirect](err); ok {
		return &Error{Refused, name, e}
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return failf(Refused, name, "found a web server whose certificate is not valid for this address (%w), expected one that is", e.Err)
	}
	return &Error{Network, name, err}
}

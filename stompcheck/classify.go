package stompcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/swaptacular/swptpeer/stompcheck/frame"
)

// maxQuote bounds what is quoted of a stranger's text.
const maxQuote = 200

// quote shows text that came from a stranger: escaped, and bounded, but not cut
// within a character.
func quote(s string) string {
	cut := ""
	if len(s) > maxQuote {
		n := maxQuote
		for n > maxQuote-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s, cut = s[:n], "…"
	}
	return fmt.Sprintf("%q%s", s, cut)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// classifyResolve names the cause of a name that could not be resolved.
func classifyResolve(err error) *Diagnosis {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return diagnose(CauseNoSuchName)
	}
	return diagnose(CauseDNS)
}

// classifyDial names the cause of a connection that was not made.
func classifyDial(err error) *Diagnosis {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return diagnose(CauseConnectionRefused)
	case isTimeout(err):
		return diagnose(CauseConnectTimeout)
	}
	return diagnose(CauseUnreachable)
}

// TLS alerts (RFC 8446, section 6).
const (
	alertBadCertificate      tls.AlertError = 42
	alertUnknownCertificate  tls.AlertError = 46
	alertUnknownCA           tls.AlertError = 48
	alertAccessDenied        tls.AlertError = 49
	alertProtocolVersion     tls.AlertError = 70
	alertCertificateRequired tls.AlertError = 116
)

// aboutCertificate reports whether an alert says what a side thinks of a
// certificate, or that it got none: 42 to 46, 48, 49 and 116.
func aboutCertificate(a tls.AlertError) bool {
	return a >= alertBadCertificate && a <= alertUnknownCertificate || a == alertUnknownCA || a == alertAccessDenied || a == alertCertificateRequired
}

// alertByText finds an alert by its text: crypto/tls does not export the type of
// those that it receives.
var alertByText = sync.OnceValue(func() map[string]tls.AlertError {
	m := map[string]tls.AlertError{}
	for a := range 256 {
		m[tls.AlertError(a).Error()] = tls.AlertError(a)
	}
	return m
})

// received returns the alert that the other side sent, if that is what err is.
func received(err error) (tls.AlertError, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	a, ok := alertByText()[op.Err.Error()]
	return a, ok
}

func alertDetail(a tls.AlertError) string {
	return fmt.Sprintf("the server sent the alert %d, %s", uint8(a), strings.TrimPrefix(a.Error(), "tls: "))
}

// classifyHandshake names the cause of a TLS handshake that failed on our side
// of it.
func classifyHandshake(err error) *Diagnosis {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return classifyNotTLS(record.RecordHeader[:])
	}
	if alert, ok := received(err); ok {
		switch {
		case alert == alertProtocolVersion:
			return diagnosef(CauseTLSVersion, alertDetail(alert))
		case aboutCertificate(alert):
			return diagnosef(CauseOurCertRefused, alertDetail(alert))
		}
		return diagnosef(CauseTLSAlert, alertDetail(alert))
	}
	switch {
	case strings.Contains(err.Error(), "server selected unsupported protocol version"):
		return diagnose(CauseTLSVersion)
	case isTimeout(err):
		return diagnose(CauseTLSTimeout)
	case ended(err), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return diagnose(CauseTLSClosed)
	}
	return diagnose(CauseTLSAlert)
}

// classifyNotTLS looks at the first bytes of an answer that is not TLS.
func classifyNotTLS(first []byte) *Diagnosis {
	seen := "the server answered " + quote(string(first))
	switch {
	case bytes.HasPrefix(first, []byte("HTTP/")):
		return diagnosef(CauseHTTP, seen)
	case bytes.HasPrefix(first, []byte("ERROR")), bytes.HasPrefix(first, []byte("CONNE")), bytes.HasPrefix(first, []byte("RECEI")):
		return diagnosef(CausePlainSTOMP, seen)
	}
	return diagnosef(CauseNotTLS, seen)
}

// classifyEnd names the cause of a connection that ended before the server said
// anything in STOMP, or that ended while it should not. own is what we found
// wrong with our own chain, or nil: a server that refuses a client's
// certificate need not say so.
func classifyEnd(err error, own *Diagnosis, answered bool) *Diagnosis {
	var syntax *frame.SyntaxError
	var limit *frame.LimitError
	alert, isAlert := received(err)
	switch {
	case isAlert && aboutCertificate(alert):
		if own != nil {
			return own
		}
		return diagnosef(CauseOurCertRefused, alertDetail(alert))
	case isAlert:
		return diagnosef(CauseTLSAlert, alertDetail(alert))
	case isTimeout(err):
		return diagnosef(CauseSTOMPTimeout, "it does not read what is sent to it")
	case errors.As(err, &syntax), errors.As(err, &limit):
		if strings.Contains(err.Error(), `"HTTP/`) {
			return diagnose(CauseHTTP)
		}
		return diagnose(CauseNoSTOMP)
	case !answered && own != nil:
		return own
	case !answered:
		return diagnosef(CauseOurCertRefused, "the server hung up without a word after the TLS handshake, which is how one that sends no alerts refuses a certificate")
	}
	return diagnose(CauseSTOMPClosed)
}

// The texts of the servers in the field (STOMP specification, "What real servers
// do"), and those of RabbitMQ, by a part of them in lower case.
var serverTexts = []struct {
	part  string
	cause *Cause
}{
	{"unknown peer serial number", CauseNotWelcome},
	{"the peer has been deactivated", CauseNotWelcome},
	{"too many connections", CauseTooMany},
	{"internal server error", CauseInternal},
	{"invalid certificate subject", CauseOwnChain},
	{"in the future", CauseClock},
	{"ahead of the clock", CauseClock},
	{"destination", CauseDestination},
	{"not_found", CauseDestination},
	{"no exchange", CauseDestination},
	{"no queue", CauseDestination},
	{"bad connect", CauseLogin},
	{"access refused", CauseLogin},
	{"access_refused", CauseLogin},
	{"authentication", CauseLogin},
	{"virtual host", CauseLogin},
	{"stomp 1.2 is not supported", CauseNoSTOMP},
	{"version mismatch", CauseNoSTOMP},
}

// classifyError names the cause behind an ERROR frame. sent says whether it
// answers a SEND.
func classifyError(e *event, sent bool) *Diagnosis {
	message := e.get("message")
	detail := "the server said " + quote(message)
	if body := strings.TrimSpace(e.body); body != "" && e.get("receipt-id") == "" {
		detail += ": " + quote(body)
	}
	if e.flaw != "" {
		detail += "; its ERROR is not one of STOMP 1.2: " + e.flaw
	}
	text := strings.ToLower(message)
	for _, known := range serverTexts {
		if strings.Contains(text, known.part) {
			return diagnosef(known.cause, detail)
		}
	}
	text = strings.ToLower(e.body)
	for _, known := range serverTexts {
		if !sent && strings.Contains(text, known.part) {
			return diagnosef(known.cause, detail)
		}
	}
	if sent {
		return diagnosef(CauseMessage, detail)
	}
	return diagnosef(CauseError, detail)
}

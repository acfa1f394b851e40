package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/chain"
	"github.com/swaptacular/swptpeer/certs/check"
)

func certCommands() *command {
	return &command{
		name: "cert", short: "show certificates and judge them",
		examples: []string{
			"swptpeer cert inspect root-ca.crt",
			"swptpeer cert verify --root root-ca.crt \\",
			"    --intermediate peers/1234abcd/peercert.crt their-server.crt",
		},
		sub: []*command{
			{
				name: "inspect", args: "FILE...", minArgs: 1, maxArgs: -1,
				short: "show certificates against the profile",
				description: "Shows what a certificate says and judges it against the profile of the network. A root certificate is judged " +
					"by itself; a server certificate needs --issuer, the root certificate of its node; a peer certificate needs --issuer and " +
					"--subject, the root certificates of the node that signed and of the node that it is for.",
				examples: []string{
					"swptpeer cert inspect root-ca.crt",
					"swptpeer cert inspect peers/1234abcd/sub-ca.crt \\",
					"    --issuer peers/1234abcd/root-ca.crt --subject root-ca.crt",
				},
				fails: "a check failed",
				flags: flags(
					&cli.StringFlag{Name: "issuer", Usage: "the root certificate of the node that signed is in `FILE`"},
					&cli.StringFlag{Name: "subject", Usage: "the root certificate of the node that a peer certificate is for is in `FILE`"},
					atFlag(), warnFlag(), verdictFlags()),
				run: runCertInspect,
			},
			{
				name: "verify", args: "LEAF", maxArgs: 1,
				short: "judge a chain of certificates",
				description: "Judges whether a path leads from LEAF to one of the roots, as RFC 5280 demands, directoryName constraints included, " +
					"which OpenSSL enforces and Go does not. What a peer presents is verified with our own root as --root and the peer " +
					"certificate that we issued to it as --intermediate.\n\n" +
					"If LEAF holds several certificates, the ones after the first are intermediates. Unless --profile=false is given, the " +
					"certificates of the path are also judged against the profile of the network.",
				examples: []string{
					"swptpeer cert verify --root root-ca.crt \\",
					"    --intermediate peers/1234abcd/peercert.crt their-server.crt",
				},
				fails: "there is no such path, or a certificate breaks the profile",
				flags: flags(
					&cli.StringSliceFlag{Name: "root", Usage: "trust the root certificates in `FILE`; there is no other trust"},
					&cli.StringSliceFlag{Name: "intermediate", Usage: "certificates in `FILE` may be part of the path"},
					&cli.BoolFlag{Name: "profile", Value: true, Usage: "judge against the profile, too; --profile=false: RFC 5280 alone"},
					atFlag(), warnFlag(), listRulesFlag(), verdictFlags()),
				run: runCertVerify,
			},
		},
	}
}

func runCertInspect(c *call) error {
	by, err := c.criteria()
	if err != nil {
		return err
	}
	var issuer, subject *x509.Certificate
	for _, f := range []struct {
		flag string
		dest **x509.Certificate
	}{{"issuer", &issuer}, {"subject", &subject}} {
		if path := c.cli.String(f.flag); path != "" {
			cert, err := c.readCertificate(path)
			if err != nil {
				return err
			}
			*f.dest = cert.Certificate
		}
	}
	type inspected struct {
		Name        string           `json:"name"`
		SHA256      string           `json:"sha256,omitempty"`
		Error       string           `json:"error,omitempty"`
		Certificate *certificateJSON `json:"certificate,omitempty"`
		Judged      bool             `json:"judged"`
		OK          bool             `json:"ok"`
		Why         string           `json:"whyNotJudged,omitempty"`
		Results     []resultJSON     `json:"results"`
	}
	var shown []*inspected
	var items []item
	own := map[*check.Report]*inspected{}
	for _, path := range c.args {
		list, sum, err := c.readCertificates(path)
		if err != nil {
			items = append(items, item{name: path, err: err})
			shown = append(shown, &inspected{Name: path, Error: err.Error(), Results: []resultJSON{}})
			continue
		}
		for i, cert := range list {
			title := path
			if len(list) > 1 {
				title = fmt.Sprintf("%s (certificate %d)", path, i+1)
			}
			report, why := judgeCertificate(cert, issuer, subject, by)
			if c.text() {
				c.describeCertificate(title, cert.Certificate)
				if why != "" {
					c.say("  %-12s not judged: %s\n", raw("profile"), why)
				}
			}
			s := &inspected{Name: title, SHA256: hex.EncodeToString(sum[:]), Certificate: certificateOf(cert.Certificate), Why: why, Results: []resultJSON{}}
			shown = append(shown, s)
			if report != nil {
				own[report] = s
				items = append(items, item{name: title, report: report, sha256: &sum})
			}
		}
	}
	if c.format != "json" {
		return c.verdictBy(by, "cert-inspect", items)
	}
	items = by.apply(items)
	for i, it := range items {
		s := own[it.report]
		switch {
		case it.report == nil:
			continue
		case s == nil: // the policy
			s = &inspected{Name: it.name, SHA256: it.digest()}
			shown = slices.Insert(shown, i, s)
		}
		s.Judged, s.OK, s.Results = true, it.ok(by.strict), resultsJSON(it.report)
	}
	if err := c.emit(struct {
		document
		Strict bool         `json:"strict"`
		Items  []*inspected `json:"items"`
	}{newDocument("cert-inspect"), by.strict, shown}); err != nil {
		return err
	}
	return verdictError(items, by.strict, true)
}

// judgeCertificate applies the rules for the form of a certificate, or says
// what it would need for that. One that is of no form is judged as the one that
// it is nearest to, so that the report says what is wrong with it.
func judgeCertificate(cert *certs.Certificate, issuer, subject *x509.Certificate, by *criteria) (*check.Report, string) {
	var report *check.Report
	switch kind, selfIssued := certs.KindOf(cert.Certificate), bytes.Equal(cert.RawSubject, cert.RawIssuer); {
	case kind == certs.KindRoot, kind == certs.KindUnknown && cert.IsCA && selfIssued:
		report = certs.CheckRoot(cert, by.at)
	case kind == certs.KindPeer, kind == certs.KindUnknown && cert.IsCA:
		if issuer == nil || subject == nil {
			return nil, "a peer certificate needs --issuer and --subject"
		}
		report = certs.CheckPeer(cert, issuer, subject, by.at)
	default:
		if issuer == nil {
			return nil, "a server certificate needs --issuer"
		}
		report = certs.CheckServer(cert, issuer, by.at)
	}
	by.ends(report, "", cert.Certificate)
	return report, ""
}

// ends adds whether a certificate ends soon, if that was asked for.
func (by *criteria) ends(report *check.Report, where string, cert *x509.Certificate) {
	if by.within > 0 {
		report.Append(where, certs.CheckEnds(cert, by.at, by.within))
	}
}

// readCertificates reads every certificate of a PEM file in order, or one in
// DER, and the SHA-256 of the file.
func (c *call) readCertificates(path string) ([]*certs.Certificate, [sha256.Size]byte, error) {
	data, err := c.readPEM(path)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	list, err := certs.ParseCertificates(data)
	if err != nil {
		return nil, [sha256.Size]byte{}, fmt.Errorf("%s: %w", path, err)
	}
	return list, sha256.Sum256(data), nil
}

// rulePath is the verdict of package chain as a rule. It stands here because
// only this command reports it beside the rules of the profile.
var rulePath = &check.Rule{
	ID: "chain.path", Severity: check.Error,
	Title:    "a path that RFC 5280 accepts leads from the certificate to a trusted root",
	Citation: "RFC 5280, section 6.1; certificates, \"Judging a chain\"",
	Advice:   "give the root of the node that judges with --root, and the peer certificate that this root issued with --intermediate",
}

func runCertVerify(c *call) error {
	switch {
	case c.cli.Bool("list-rules"):
		return c.listRules(verifyRules())
	case len(c.args) == 0:
		return withHint(usagef("%s: found no argument, expected %s", c.command.fullName(), c.command.args), "usage: "+c.command.usage())
	}
	by, err := c.criteria()
	if err != nil {
		return err
	}
	opts := chain.Options{Time: by.at}
	files := map[*x509.Certificate]*certs.Certificate{}
	add := func(list []*certs.Certificate, to *[]*x509.Certificate) {
		for _, cert := range list {
			*to = append(*to, cert.Certificate)
			files[cert.Certificate] = cert
		}
	}
	if len(c.cli.StringSlice("root")) == 0 {
		return withHint(usagef("cert verify: expected at least one --root"), "there is no default: the system's roots mean nothing in this network")
	}
	for _, f := range []struct {
		flag string
		dest *[]*x509.Certificate
	}{{"root", &opts.Roots}, {"intermediate", &opts.Intermediates}} {
		for _, path := range c.cli.StringSlice(f.flag) {
			list, _, err := c.readCertificates(path)
			if err != nil {
				return err
			}
			add(list, f.dest)
		}
	}
	list, sum, err := c.readCertificates(c.args[0])
	if err != nil {
		return err
	}
	leaf := list[0]
	files[leaf.Certificate] = leaf
	add(list[1:], &opts.Intermediates)

	report := &check.Report{Subject: c.args[0]}
	path, err := chain.Verify(leaf.Certificate, opts)
	if err != nil {
		report.Fail(rulePath, "", err.Error(), "a path to one of the roots")
	} else {
		report.Pass(rulePath, "", fmt.Sprintf("a path of %s", plural(len(path), "certificate")))
		if c.cli.Bool("profile") {
			judgePath(report, path, files, by)
		}
	}
	return c.verdictBy(by, "cert-verify", []item{{name: c.args[0], report: report, sha256: &sum}})
}

// judgePath applies the profile to each certificate of a path, leaf first. The
// root of the node that a peer certificate is for is not part of a path.
func judgePath(report *check.Report, path []*x509.Certificate, files map[*x509.Certificate]*certs.Certificate, by *criteria) {
	at := by.at
	for i, cert := range path {
		file := files[cert]
		if file == nil {
			file = &certs.Certificate{Certificate: cert, File: certs.EncodeCertificate(cert)}
		}
		where := fmt.Sprintf("certificate %d of the path (%s)", i+1, formText(cert))
		switch {
		case i == len(path)-1:
			report.Append(where, certs.CheckRoot(file, at))
		case cert.IsCA:
			report.Append(where, certs.CheckIntermediate(file, path[i+1], at))
		default:
			report.Append(where, certs.CheckServer(file, path[i+1], at))
		}
		by.ends(report, where, cert)
	}
}

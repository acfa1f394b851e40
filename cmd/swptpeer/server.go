package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func serverCommands() *command {
	return &command{
		name: "server", short: "the certificates of your own servers",
		examples: []string{
			"swptpeer server list --within 30d",
			"swptpeer server renew server.crt --out new.crt",
		},
		sub: []*command{
			{
				name:  "list",
				short: "list the server certificates that were issued, and what ends soon",
				description: "With --within, the exit status is 1 if a certificate ends within that time or has ended, so that a timer can watch. " +
					"One that is revoked in db/index does not count, nor one whose key has a later certificate: it was renewed.",
				examples: []string{"swptpeer server list --within 30d"},
				fails:    "something ends within --within",
				flags:    flags(&cli.StringFlag{Name: "within", Usage: "fail if a certificate ends within `SPAN`: 30d, 6w, 72h"}, readFlags()),
				run:      runServerList,
			},
			{
				name: "renew", args: "SERIAL", minArgs: 1, maxArgs: 1,
				short: "sign a new certificate for the key of an earlier one",
				description: "SERIAL is the serial number of a server certificate of this node, or the file that the certificate is in. The server keeps " +
					"its key; it needs only the new certificate.",
				examples: []string{"swptpeer server renew 8E5F9DB19112FEFA4BC420F299571932 --out server.crt"},
				fails:    "refused: no such server certificate, an output file exists, or the answer was no",
				flags:    flags(outFlag("write the certificate to `FILE` (default: standard output)"), overwriteFlag(), daysFlag(), signFlags()),
				run:      runServerRenew,
			},
		},
	}
}

// States of a server certificate in a listing.
const (
	serverOK      = "ok"
	serverSoon    = "ends soon"
	serverEnded   = "ended"
	serverRenewed = "renewed"
	serverRevoked = "revoked"
)

// listedServer is a line of the listing.
type listedServer struct {
	nodedir.IssuedServer
	state string
	left  time.Duration
}

// alarms reports whether somebody has to act.
func (s listedServer) alarms() bool { return s.state == serverSoon || s.state == serverEnded }

// listServers gives each certificate its state.
func listServers(servers []nodedir.IssuedServer, now time.Time, within time.Duration) []listedServer {
	last := map[string]time.Time{} // by key
	for _, s := range servers {
		key := string(s.Certificate.RawSubjectPublicKeyInfo)
		if !s.Revoked && s.Certificate.NotAfter.After(last[key]) {
			last[key] = s.Certificate.NotAfter
		}
	}
	var out []listedServer
	for _, s := range servers {
		l := listedServer{IssuedServer: s, state: serverOK, left: s.Certificate.NotAfter.Sub(now)}
		switch {
		case s.Revoked:
			l.state = serverRevoked
		case s.Certificate.NotAfter.Before(last[string(s.Certificate.RawSubjectPublicKeyInfo)]):
			l.state = serverRenewed
		case l.left < 0:
			l.state = serverEnded
		case l.left < within:
			l.state = serverSoon
		}
		out = append(out, l)
	}
	return out
}

func runServerList(c *call) error {
	const soon = 30 * 24 * time.Hour // what is marked when nobody says
	within, watch := soon, false
	if s := c.cli.String("within"); s != "" {
		var err error
		if within, err = parseWithin(s); err != nil {
			return err
		}
		watch = true
	}
	d, err := c.openDir()
	if err != nil {
		return err
	}
	servers, err := d.Servers()
	if err != nil {
		return err
	}
	list := listServers(servers, c.sys.now(), within)
	alarms := 0
	for _, s := range list {
		if s.alarms() {
			alarms++
		}
	}
	if err := c.showServers(d, list); err != nil {
		return err
	}
	if watch && alarms > 0 {
		return withHint(&reported{fmt.Sprintf("%s within %s", plural2(alarms, "server certificate ends", "server certificates end"), c.cli.String("within"))},
			"\"swptpeer server renew SERIAL --out FILE\" signs a new certificate for the same key")
	}
	return nil
}

func plural2(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (c *call) showServers(d *nodedir.Dir, list []listedServer) error {
	if !c.text() {
		type serverJSON struct {
			Serial         string `json:"serial"`
			State          string `json:"state"`
			NotBefore      string `json:"notBefore"`
			NotAfter       string `json:"notAfter"`
			KeyFingerprint string `json:"keyFingerprint"`
			Alarm          bool   `json:"alarm"`
		}
		out := []serverJSON{}
		for _, s := range list {
			out = append(out, serverJSON{s.Serial.String(), s.state, rfc3339(s.Certificate.NotBefore), rfc3339(s.Certificate.NotAfter),
				certs.KeyFingerprint(s.Certificate.RawSubjectPublicKeyInfo), s.alarms()})
		}
		return c.emit(struct {
			document
			Node    *nodeJSON    `json:"node"`
			Servers []serverJSON `json:"servers"`
		}{newDocument("server-list"), nodeOf(d.Identity()), out})
	}
	if len(list) == 0 {
		c.note("no server certificate was issued yet")
		c.note("next: \"swptpeer csr create\" on the server, then \"swptpeer csr sign\" here")
		return nil
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	// The longest serial has 40 digits; with it a line has 79 columns.
	fmt.Fprintln(w, "SERIAL\tISSUED\tENDS\tSTATE")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Serial, day(s.Certificate.NotBefore), day(s.Certificate.NotAfter), s.state)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		switch {
		case i == 0:
			line = c.out.paint(strong, line)
		case list[i-1].alarms():
			line = c.out.paint(warned, line)
		}
		c.out.printf("%s\n", raw(line))
	}
	return nil
}

func runServerRenew(c *call) error {
	days, err := c.days()
	if err != nil {
		return err
	}
	serial, err := c.serialArgument(c.args[0])
	if err != nil {
		return err
	}
	d, err := c.openDir()
	if err != nil {
		return err
	}
	outPath := c.cli.String("out")
	out, err := c.output(d, outPath, 0o644)
	if err != nil {
		return err
	}
	if out != nil {
		defer out.Discard()
	}
	res, err := d.RenewServer(c.ctx, serial, days, c.change(d, true))
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(&refusal{err.Error()}, "\"swptpeer server list\" shows the serial numbers")
	}
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	return c.showIssued("server-certificate", d, res.Certificate, out, outPath)
}

// serialArgument is a serial number, or that of a certificate in a file.
func (c *call) serialArgument(arg string) (certs.Serial, error) {
	switch _, err := os.Stat(arg); {
	case err == nil:
		cert, err := c.readCertificate(arg)
		if err != nil {
			return certs.Serial{}, err
		}
		return certs.SerialOf(cert.Certificate)
	case !errors.Is(err, fs.ErrNotExist):
		return certs.Serial{}, err
	}
	serial, err := certs.ParseSerial(strings.ToUpper(strings.ReplaceAll(arg, ":", "")))
	if err != nil {
		return serial, withHint(usagef("found %q, expected a serial number in hex or a certificate file", arg),
			"\"swptpeer server list\" shows the serial numbers")
	}
	return serial, nil
}

// showIssued writes a server certificate to its file, or to standard output,
// and says what to do with it.
func (c *call) showIssued(kind string, d *nodedir.Dir, cert *certs.Certificate, out *durable.NewFile, outPath string) error {
	stored := within(d, "certs", serialText(cert.Certificate)+".pem")
	c.did("the certificate is signed", "take it from "+stored)
	if err := finish(out, cert.File); err != nil {
		return fmt.Errorf("it could not be copied: %w", err)
	}
	if !c.text() {
		return c.emit(struct {
			document
			File        string           `json:"file"`
			Out         string           `json:"out,omitempty"`
			Certificate *certificateJSON `json:"certificate"`
			PEM         string           `json:"pem"`
		}{newDocument(kind), stored, outPath, certificateOf(cert.Certificate), string(cert.File)})
	}
	if outPath == "" {
		if _, err := c.out.Write(cert.File); err != nil {
			return err
		}
	} else {
		c.say("server certificate  %s\n", outPath)
		c.field("serial", serialText(cert.Certificate))
		c.field("valid until", rfc3339(cert.NotAfter))
	}
	c.note("next: copy it to the server, beside its key; towards a peer it presents it together with peers/<id>/sub-ca.crt")
	return nil
}

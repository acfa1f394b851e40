package main

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func keyCommands() *command {
	return &command{
		name:  "key",
		short: "the root key: show the public key, change the password",
		description: "The root key lies in private/root-ca.key, encrypted (PKCS #8). Every command that opens it takes its " +
			"password from one of these places:\n\n" +
			"  --password-file FILE   a file; one line end at its end is not part of it\n" +
			"  --password-fd N        an open file descriptor\n" +
			"  --password-stdin       standard input\n" +
			"  SWPTPEER_PASSWORD      the environment\n" +
			"  a prompt               if there is a terminal\n\n" +
			"Two flags at once are refused; a flag goes before the environment. A password is never an argument.\n\n" +
			"Opening the key takes about a tenth of a second, on purpose: that is what each guess costs a thief. A command opens it " +
			"once, whatever it signs, and a command that signs nothing does not open it.",
		examples: []string{"swptpeer key public --fingerprint", "swptpeer key passwd"},
		sub: []*command{
			{
				name:  "public",
				short: "show the public key: PEM, OpenSSH, SHA-256 fingerprint",
				description: "Shows the public key of the node's root certificate; no password is needed. With --key, or in a " +
					"directory that has a key and no certificate yet, the key is opened instead.\n\n" +
					"The fingerprint is the lowercase hex SHA-256 of the DER SubjectPublicKeyInfo: what --pin and registries mean.",
				examples: []string{"swptpeer key public", "swptpeer key public --fingerprint", "swptpeer key public --openssh > ca.pub"},
				flags: flags(
					&cli.BoolFlag{Name: "pem", Usage: "print the PEM block alone"},
					&cli.BoolFlag{Name: "openssh", Usage: "print the line for authorized_keys (\"cert-authority …\") and known_hosts alone"},
					&cli.BoolFlag{Name: "fingerprint", Usage: "print the SHA-256 fingerprint alone"},
					keyFlag(), passwordFlags(), readFlags()),
				run: runKeyPublic,
			},
			{
				name:  "passwd",
				short: "change the password of the root key",
				description: "Encrypts the root key with a new password. The old file stays until the new one is safely on disk. " +
					"Copies and backups keep the old password.\n\n" +
					"The new password comes from --new-password-file, -fd, -stdin, SWPTPEER_NEW_PASSWORD or a prompt.",
				examples: []string{"swptpeer key passwd", "swptpeer key passwd --password-file old --new-password-file new"},
				fails:    "refused: the new password is too short or too long, or the key is not this node's",
				flags:    flags(newPasswordFlags(), signFlags()),
				run:      runKeyPasswd,
			},
		},
	}
}

func runKeyPublic(c *call) error {
	var only []string
	for _, name := range []string{"pem", "openssh", "fingerprint"} {
		if c.cli.Bool(name) {
			only = append(only, "--"+name)
		}
	}
	if len(only) > 1 || len(only) == 1 && !c.text() {
		return usagef("only one form can be printed: found %s, --format %s", strings.Join(only, ", "), c.format)
	}
	pub, err := c.publicKey()
	if err != nil {
		return err
	}
	forms, err := formsOf(pub)
	if err != nil {
		return err
	}
	switch {
	case c.cli.Bool("pem"):
		c.out.write([]byte(forms.PEM))
	case c.cli.Bool("openssh"):
		c.out.write([]byte(forms.OpenSSH + "\n"))
	case c.cli.Bool("fingerprint"):
		c.out.write([]byte(forms.Fingerprint + "\n"))
	case !c.text():
		return c.emit(struct {
			document
			publicForms
		}{newDocument("public-key"), *forms})
	default:
		c.say("SHA-256 %s\n%s\n%s", raw(forms.Fingerprint), raw(forms.OpenSSH), raw(forms.PEM))
	}
	return nil
}

// publicKey is that of the root certificate, or of the key if there is none.
func (c *call) publicKey() (crypto.PublicKey, error) {
	if c.cli.String("key") == "" {
		d, err := c.openDir()
		if err == nil {
			return d.Root().PublicKey, nil
		}
		if _, statErr := os.Stat(c.keyPath(c.dir())); statErr != nil || !errors.Is(err, nodedir.ErrNotNode) {
			return nil, err
		}
	}
	path := c.keyPath(c.dir())
	data, err := c.readFile(path, certs.MaxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := c.unlock(path, func(password func() ([]byte, error)) (crypto.Signer, error) {
		key, err := certs.ParsePrivateKey(data, password)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return key, nil
	})
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// publicForms are the ways a public key is written.
type publicForms struct {
	Fingerprint string `json:"sha256"`
	OpenSSH     string `json:"openssh"`
	PEM         string `json:"pem"`
}

func formsOf(pub crypto.PublicKey) (*publicForms, error) {
	spki, err := certs.PublicKeyInfo(pub)
	if err != nil {
		return nil, err
	}
	openssh, err := certs.AuthorizedKey(pub)
	if err != nil {
		return nil, err
	}
	block, err := certs.EncodePublicKey(pub)
	if err != nil {
		return nil, err
	}
	return &publicForms{
		Fingerprint: certs.KeyFingerprint(spki),
		OpenSSH:     strings.TrimSpace(string(openssh)),
		PEM:         string(block),
	}, nil
}

func runKeyPasswd(c *call) error {
	d, err := c.openDir()
	if err != nil {
		return err
	}
	if c.cli.String("key") != "" {
		return withHint(usagef("key passwd changes private/root-ca.key of the node directory; found --key %s", c.cli.String("key")),
			"name the directory with --dir")
	}
	plan, err := d.ChangePassword(c.ctx, func() ([]byte, error) { return c.newPassword.readNew("the root key") }, c.change(d, false))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(plan)
	}
	file := within(d, "private", "root-ca.key")
	c.did("the password of "+file+" is changed", "\"swptpeer key public --key "+file+"\" opens the key, with its new password")
	if !c.text() {
		return c.emit(struct {
			document
			Directory string `json:"directory"`
		}{newDocument("password-changed"), d.Path()})
	}
	c.say("the password of %s is changed\n", file)
	c.note("copies and backups of the key keep the old password")
	return nil
}

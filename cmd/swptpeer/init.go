package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

func initFlags() []cli.Flag {
	return flags(
		&cli.StringFlag{Name: "type", Usage: "what the node is: `aa|ca|da` (accounting authority, creditors agent, debtors agent)"},
		&cli.StringFlag{Name: "prefix", Usage: "the id of an accounting authority: `8HEX`, the top 32 bits of its debtor ids"},
		&cli.StringSliceFlag{Name: "server", Usage: "a server of the node, `HOST:PORT`, for the first stomp.toml"},
		&cli.StringFlag{Name: "creditors-subnet", Usage: "a creditors agent's own subnet, `6HEX` (default: 000001)"},
		&cli.StringFlag{Name: "key", Usage: "adopt the key in `FILE` as the root key, instead of making one"},
		&cli.BoolFlag{Name: "no-kubernetes", Usage: "keep no Kubernetes manifests of the peers"},
		passwordFlags(), newPasswordFlags(), changeFlags())
}

func initCommand() *command {
	return &command{
		name:  "init",
		short: "make a node: root key, root certificate, directory",
		description: "Makes a node directory: an encrypted root key, the root certificate, the database of the " +
			"certificate authority and a first stomp.toml. On a half-made directory it completes what is missing; " +
			"what is there is kept and must agree.\n\n" +
			"The password of a new key is asked for twice, or taken from the password flags. With --key, the password " +
			"flags open the key that is adopted, and --new-password-file (or -fd, -stdin) sets another one for the copy; " +
			"without these it keeps its password.",
		examples: []string{
			"swptpeer init --type ca --server stomp.example.com:1234",
			"# an accounting authority, unattended",
			"swptpeer init --dir my-aa --type aa --prefix 1234abcd \\",
			"    --server stomp.example.com:1234 --password-file pw --yes",
		},
		fails: "refused: the directory holds something else, the key is not fit, a value is not valid",
		flags: initFlags(),
		run:   runInit,
	}
}

func runInit(c *call) error {
	req, err := c.initRequest()
	if req != nil {
		defer clear(req.AdoptKey)
	}
	if err != nil {
		return err
	}
	defer c.initPasswords(req)()
	res, err := nodedir.Init(c.ctx, c.dir(), *req, c.options(), c.change(nil, false))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	if len(res.Created) > 0 {
		c.did("the node directory is complete", c.shows("doctor"))
	}
	return c.showInit(res)
}

// initRequest collects what is said in flags, and asks a person for the rest.
func (c *call) initRequest() (*nodedir.InitRequest, error) {
	req := &nodedir.InitRequest{NoKubernetes: c.cli.Bool("no-kubernetes"), Servers: c.cli.StringSlice("server")}
	if s := c.cli.String("type"); s != "" {
		t, err := certs.ParseNodeType(s)
		if err != nil {
			return nil, usagef("flag --type: %v", err)
		}
		req.Type = t
	}
	if s := c.cli.String("prefix"); s != "" {
		if _, err := certs.NewIdentity(certs.AccountingAuthority, s); err != nil {
			return nil, usagef("flag --prefix: found %q, expected exactly 8 lowercase hex digits", s)
		}
		req.Prefix = s
	}
	if s := c.cli.String("creditors-subnet"); s != "" {
		subnet, err := certs.ParseSubnet(s)
		if err != nil {
			return nil, usagef("flag --creditors-subnet: %v", err)
		}
		req.CreditorsSubnet = subnet
	}
	if req.Prefix != "" && req.Type != 0 && req.Type != certs.AccountingAuthority {
		return nil, withHint(usagef("flag --prefix: found %q for --type %s, expected it with --type aa only", req.Prefix, req.Type),
			"the id of an agent follows from its key")
	}
	for _, s := range req.Servers {
		if _, err := manifest.ParseServer(s); err != nil {
			return nil, usagef("flag --server: %v", err)
		}
	}
	if path := c.cli.String("key"); path != "" {
		data, err := c.readFile(path, certs.MaxKeyFile)
		if err != nil {
			return nil, err
		}
		req.AdoptKey = data
	}
	return req, c.askInit(req)
}

// initPasswords says where passwords come from. The ordinary sources give the
// password of the key that is there, and of one that is made. A key that is
// adopted keeps its password unless another one is given. What is kept for that is
// wiped by forget.
func (c *call) initPasswords(req *nodedir.InitRequest) (forget func()) {
	const what = "the root key"
	var old []byte
	req.Password = func() ([]byte, error) { return c.password.read(what) }
	switch {
	case c.newPassword.flag != "":
		req.NewPassword = func() ([]byte, error) { return c.newPassword.readNew(what) }
		req.Reencrypt = req.AdoptKey != nil
	case req.AdoptKey != nil:
		req.Password = func() ([]byte, error) {
			clear(old)
			var err error
			old, err = c.password.read("the key that is adopted")
			return slices.Clone(old), err // the library clears what it is given
		}
		req.NewPassword = func() ([]byte, error) {
			if old != nil {
				return slices.Clone(old), nil
			}
			return c.password.readNew(what)
		}
	default:
		req.NewPassword = func() ([]byte, error) { return c.password.readNew(what) }
	}
	return func() { clear(old) }
}

// askInit asks for what the flags did not say and the directory does not say
// either. Without a terminal nothing is asked, and the library says what is
// missing.
func (c *call) askInit(req *nodedir.InitRequest) error {
	ask := c.asker()
	var unknown error
	exists := func(name string) bool {
		st, err := os.Stat(filepath.Join(c.dir(), name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unknown = cmp.Or(unknown, err)
		}
		return err == nil && st.Size() > 0
	}
	known := exists("db/nodetype") && exists("db/nodeid")
	hasManifest := exists("nodeinfo/stomp.toml")
	if unknown != nil {
		return unknown // not a reason to ask
	}
	if req.Type == 0 && !known {
		answer, err := ask.line(c.ctx, "Type of the node (aa: accounting authority, ca: creditors agent, da: debtors agent): ")
		if err != nil {
			return missing(err, "--type aa, ca or da")
		}
		if req.Type, err = certs.ParseNodeType(answer); err != nil {
			return usagef("%v", err)
		}
	}
	if req.Type == certs.AccountingAuthority && req.Prefix == "" && !known {
		answer, err := ask.line(c.ctx, "Prefix of the debtor ids of the accounting authority (8 hex digits): ")
		if err != nil {
			return missing(err, "--prefix, 8 lowercase hex digits")
		}
		if _, err := certs.NewIdentity(certs.AccountingAuthority, answer); err != nil {
			return usagef("found %q, expected exactly 8 lowercase hex digits", answer)
		}
		req.Prefix = answer
	}
	if len(req.Servers) == 0 && !hasManifest {
		answer, err := ask.line(c.ctx, "Network address of your server (host:port; easily changed later in nodeinfo/stomp.toml): ")
		if err != nil {
			return missing(err, "--server HOST:PORT")
		}
		req.Servers = []string{answer}
	}
	return nil
}

// missing is the error for an answer that nobody is there to give.
func missing(err error, flag string) error {
	if errors.Is(err, errNoTerminal) {
		return withHint(fmt.Errorf("%s is missing, and %w", flag, errNoTerminal), "give it as a flag")
	}
	return err
}

func (c *call) showInit(res *nodedir.InitResult) error {
	d := res.Dir
	c.warn(d)
	if !c.text() {
		return c.emit(struct {
			document
			Directory string    `json:"directory"`
			Node      *nodeJSON `json:"node"`
			Key       string    `json:"keyFingerprint"`
			Created   []string  `json:"created"`
		}{newDocument("init"), d.Path(), nodeOf(d.Identity()), certs.KeyFingerprint(d.Root().RawSubjectPublicKeyInfo), append([]string{}, res.Created...)})
	}
	if len(res.Created) == 0 {
		c.say("%s: %s; nothing was missing\n", d.Path(), d.Identity())
		return nil
	}
	c.say("%s: %s\n", d.Path(), d.Identity())
	c.say("  root key fingerprint  %s\n", certs.KeyFingerprint(d.Root().RawSubjectPublicKeyInfo))
	c.say("  made                  %s\n", plural(len(res.Created), "file"))
	if c.quiet {
		return nil
	}
	if !slices.Contains(res.Created, "private/root-ca.key") {
		return nil
	}
	c.note("keep private/root-ca.key and its password safe and secret: they cannot be made again")
	c.note("next: put what you want to publish into nodeinfo/, then \"swptpeer bundle create FILE.zip\"")
	return nil
}

// makeKey is what the script generate-masterkey did: the root key alone.
func makeKey(c *call) error {
	folder := filepath.Join(c.dir(), "private")
	path := filepath.Join(folder, "root-ca.key")
	if _, err := os.Lstat(path); err == nil {
		return withHint(fmt.Errorf("%s: the file exists and is not overwritten (%w)", path, fs.ErrExist),
			"\"swptpeer init\" uses the key that is there; \"swptpeer key passwd\" changes its password")
	}
	if c.dryRun {
		return c.showPlan(&nodedir.Plan{Title: "make a root key", Changes: []durable.Change{
			{Action: durable.ActionCreate, Path: path, Mode: 0o600}}})
	}
	password, err := c.password.readNew("the root key")
	if err != nil {
		return err
	}
	defer clear(password)
	key, err := certs.GenerateKey()
	if err != nil {
		return err
	}
	data, err := certs.EncryptPrivateKey(key, password)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir(), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		return err
	}
	f, err := createNew(path, 0o600)
	if err == nil {
		err = finish(f, data)
	}
	if err != nil {
		return withHint(err, "no key was made; remove the cause, then run the command again")
	}
	c.did("the key "+path+" is made", "\"swptpeer key public --key "+path+"\" opens it")
	forms, err := formsOf(key.Public())
	if err != nil {
		return err
	}
	if !c.text() {
		return c.emit(struct {
			document
			File string `json:"file"`
			publicForms
		}{newDocument("root-key"), path, *forms})
	}
	c.say("root key     %s\nfingerprint  SHA-256 %s\n", path, forms.Fingerprint)
	c.note("keep this file and its password safe and secret: they cannot be made again")
	c.note("next: \"swptpeer init\" (or init-ca)")
	return nil
}

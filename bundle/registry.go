package bundle

import (
	"errors"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest/toml10"
)

// MaxRegistry is the size of the largest registry that is read, in bytes: room
// for more than ten thousand authorities.
const MaxRegistry = 2 << 20

// Registry is a list of accounting authorities that somebody vouches for: which
// public key the root of the authority with a given serial number has. An agent
// needs none, because its id follows from its key. The form is TOML 1.0:
//
//	[[authority]]
//	serial-number = "1234abcd"
//	public-key-sha256 = "…64 hex digits…"
//	name = "who it is, for people"   # optional
//
// The fingerprint is the SHA-256 of the DER SubjectPublicKeyInfo of the root
// certificate: openssl x509 -in root-ca.crt -noout -pubkey | openssl pkey
// -pubin -outform DER | sha256sum.
type Registry struct {
	authorities map[string]Authority
}

// Authority is one line of a [Registry].
type Authority struct {
	ID          string // serial number in its name: 8 lowercase hex digits
	Fingerprint string // SHA-256 of the root public key: 64 lowercase hex digits
	Name        string // for people; may be empty
}

// Keys of a registry file.
const (
	keyAuthority   = "authority"
	keySerial      = "serial-number"
	keyFingerprint = "public-key-sha256"
	keyName        = "name"
)

// ParseRegistry reads the TOML form. Keys that are not known, an authority
// listed twice and a list without any are errors: a registry with a slip of the
// pen must not let anybody through.
func ParseRegistry(data []byte) (*Registry, error) {
	r, err := parseRegistry(data)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return r, nil
}

func parseRegistry(data []byte) (*Registry, error) {
	if len(data) > MaxRegistry {
		return nil, fmt.Errorf("found %d bytes, expected at most %d", len(data), MaxRegistry)
	}
	values, _, err := toml10.Decode(data)
	if err != nil {
		return nil, err
	}
	if err := onlyKeys(values, keyAuthority); err != nil {
		return nil, err
	}
	tables, err := tableList(values[keyAuthority])
	if err != nil {
		return nil, err
	}
	r := &Registry{authorities: make(map[string]Authority, len(tables))}
	for i, table := range tables {
		a, err := parseAuthority(table)
		if err != nil {
			return nil, fmt.Errorf("authority %d: %w", i+1, err)
		}
		if _, twice := r.authorities[a.ID]; twice {
			return nil, fmt.Errorf("authority %d: found %s a second time, expected every authority once", i+1, a.ID)
		}
		r.authorities[a.ID] = a
	}
	return r, nil
}

// tableList returns the tables of a list, whether written as [[authority]] or
// inline.
func tableList(value any) ([]map[string]any, error) {
	wrong := errors.New("found no list of authorities, expected at least one [[authority]]")
	tables, ok := value.([]map[string]any)
	if !ok {
		items, ok := value.([]any)
		if !ok {
			return nil, wrong
		}
		for _, item := range items {
			table, ok := item.(map[string]any)
			if !ok {
				return nil, wrong
			}
			tables = append(tables, table)
		}
	}
	if len(tables) == 0 {
		return nil, wrong
	}
	return tables, nil
}

func parseAuthority(table map[string]any) (Authority, error) {
	if err := onlyKeys(table, keySerial, keyFingerprint, keyName); err != nil {
		return Authority{}, err
	}
	text := func(key string) (string, error) {
		s, ok := table[key].(string)
		if !ok {
			return "", fmt.Errorf("found no string %s", key)
		}
		return s, nil
	}
	id, err := text(keySerial)
	if err != nil {
		return Authority{}, err
	}
	if _, err := certs.NewIdentity(certs.AccountingAuthority, id); err != nil {
		return Authority{}, fmt.Errorf("%s: %w", keySerial, err)
	}
	fingerprint, err := text(keyFingerprint)
	if err != nil {
		return Authority{}, err
	}
	if fingerprint, err = ParseFingerprint(fingerprint); err != nil {
		return Authority{}, fmt.Errorf("%s: %w", keyFingerprint, err)
	}
	a := Authority{ID: id, Fingerprint: fingerprint}
	if _, ok := table[keyName]; ok {
		if a.Name, err = text(keyName); err != nil {
			return Authority{}, err
		}
	}
	return a, nil
}

func onlyKeys(table map[string]any, known ...string) error {
	for key := range table {
		found := false
		for _, k := range known {
			found = found || k == key
		}
		if !found {
			return fmt.Errorf("found the unknown key %s, expected only %s", quote(key), strings.Join(known, ", "))
		}
	}
	return nil
}

// Lookup returns the authority with this id.
func (r *Registry) Lookup(id string) (Authority, bool) {
	a, ok := r.authorities[id]
	return a, ok
}

// Len returns the number of authorities.
func (r *Registry) Len() int { return len(r.authorities) }

// ParseFingerprint reads the SHA-256 of a public key: 64 hex digits, as tools
// write them (upper or lower case, with or without a colon between bytes). It
// returns the form of [certs.KeyFingerprint].
func ParseFingerprint(s string) (string, error) {
	digits := strings.ToLower(s)
	if strings.Contains(digits, ":") {
		parts := strings.Split(digits, ":")
		for _, p := range parts {
			if len(p) != 2 {
				return "", errFingerprint(s)
			}
		}
		digits = strings.Join(parts, "")
	}
	if len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", errFingerprint(s)
	}
	return digits, nil
}

func errFingerprint(s string) error {
	return fmt.Errorf("found %s, expected the SHA-256 of a public key: 64 hex digits", quote(s))
}

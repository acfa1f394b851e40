package nodedir

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
)

// root-ca.conf is what makes it possible to leave: with it, plain OpenSSL can
// do everything that this program does with certificates (node-directory.md,
// "root-ca.conf"). It says the same as package certs; a test compares what
// OpenSSL makes of it with what certs makes.

// confText is root-ca.conf, with the node's OU and id to be filled in.
//
// OpenSSL looks up $ENV::NAME in the environment and then in the section
// [default]; so every variable has a default there, and a server that has
// only this file can make requests with it.
const confText = `# OpenSSL configuration of a Swaptacular node, written by swptpeer.
# With it, everything can also be done with OpenSSL alone. From this folder:
#
#   a request for a server's certificate, with a new key (works anywhere):
#     openssl req -new -nodes -config root-ca.conf -reqexts server_official_ext -keyout server.key -out server.csr
#   a certificate for that server:
#     openssl ca -config root-ca.conf -extensions server_ext -days 365 -in server.csr -out server.crt
#   a certificate for a peer (SWPT_SUBNET only on an accounting authority):
#     DN_O='Swaptacular Nodes Registry' DN_OU='Creditors Agents' DN_SERIAL_NUMBER=... SWPT_SUBNET='Subnet: 000001' \
#       openssl ca -config root-ca.conf -extensions sub_ca_ext -in peer.csr -out peercert.crt
#
# From another folder, set SWPT_CA_DIR to this one.

[default]
SWPT_CA_DIR = .
DN_O =
DN_OU =
DN_SERIAL_NUMBER =
SWPT_SUBNET =

# ---- the certificate authority: openssl ca

[ca]
default_ca = node_ca

[node_ca]
dir = $ENV::SWPT_CA_DIR
certificate = $dir/root-ca.crt
private_key = $dir/private/root-ca.key
new_certs_dir = $dir/certs
database = $dir/db/index
serial = $dir/db/serial
crlnumber = $dir/db/crlnumber
default_md = sha256
default_days = 365000
default_crl_days = 365
policy = node_policy
unique_subject = no
copy_extensions = none
name_opt = utf8,sep_comma_plus_space,sname

# Of a request, only these are taken into a certificate, in this order.
[node_policy]
organizationName = match
organizationalUnitName = supplied
serialNumber = supplied

# ---- requests and keys: openssl req

[req]
prompt = no
distinguished_name = node_name
default_bits = 3072
default_md = sha256
encrypt_key = yes
utf8 = yes
string_mask = utf8only

[node_name]
organizationName = "%s"
organizationalUnitName = "%s"
serialNumber = "%s"

# ---- extensions

# The node's root certificate.
[ca_ext]
basicConstraints = critical, CA:true, pathlen:1
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

# The node's request, which its peers get.
[ca_official_ext]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

# A peer certificate: it allows the peer to certify its own name only.
[sub_ca_ext]
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
nameConstraints = critical, @peer_subtree
subjectKeyIdentifier = hash
nsComment = $ENV::SWPT_SUBNET

[peer_subtree]
permitted;dirName = peer_name

[peer_name]
organizationName = $ENV::DN_O
organizationalUnitName = $ENV::DN_OU
serialNumber = $ENV::DN_SERIAL_NUMBER

# The certificate of one of the node's servers.
[server_ext]
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:false
extendedKeyUsage = clientAuth, serverAuth
keyUsage = critical, digitalSignature, keyEncipherment
subjectKeyIdentifier = hash

# The request of a server.
[server_official_ext]
basicConstraints = critical, CA:false
extendedKeyUsage = clientAuth, serverAuth
keyUsage = critical, digitalSignature, keyEncipherment
subjectKeyIdentifier = hash
`

// encodeConf returns the root-ca.conf of a node. Nothing in a node's name needs
// escaping in OpenSSL's syntax: O and OU are fixed texts of letters and blanks,
// the id is hex digits.
func encodeConf(id certs.Identity) []byte {
	return fmt.Appendf(nil, confText, certs.Organization, id.Type().Unit(), id.ID())
}

// maxConfLine bounds a line of root-ca.conf that is read. OpenSSL has no limit.
const maxConfLine = 64 << 10

// IdentityFromConf reads the node's identity out of a root-ca.conf, so that a
// request can be made on a server that has only that file. Files of the
// existing tool are read too: the name is in the section that distinguished_name
// in [req] refers to. Only plain and quoted values are understood, no variables.
func IdentityFromConf(data []byte) (certs.Identity, error) {
	sections, err := parseConf(data)
	if err != nil {
		return certs.Identity{}, err
	}
	section := sections["req"]["distinguished_name"]
	if section == "" {
		return certs.Identity{}, fmt.Errorf("found no distinguished_name in section [req], expected the name of the section that has the node's name")
	}
	dn, ok := sections[section]
	if !ok {
		return certs.Identity{}, fmt.Errorf("found no section [%s], expected the node's name in it", section)
	}
	value := func(long, short string) string {
		if v, ok := dn[long]; ok {
			return v
		}
		return dn[short]
	}
	if o := value("organizationName", "O"); o != certs.Organization {
		return certs.Identity{}, fmt.Errorf("section [%s]: organizationName: found %q, expected %q", section, o, certs.Organization)
	}
	typ, err := certs.ParseUnit(value("organizationalUnitName", "OU"))
	if err != nil {
		return certs.Identity{}, fmt.Errorf("section [%s]: organizationalUnitName: %w", section, err)
	}
	id, err := certs.NewIdentity(typ, dn["serialNumber"])
	if err != nil {
		return certs.Identity{}, fmt.Errorf("section [%s]: serialNumber: %w", section, err)
	}
	return id, nil
}

// parseConf reads the part of OpenSSL's configuration syntax (config(5)) that
// root-ca.conf uses: sections, comments, and values that may be quoted.
func parseConf(data []byte) (map[string]map[string]string, error) {
	sections := make(map[string]map[string]string)
	current := "default"
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, maxConfLine)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			end := strings.IndexByte(line, ']')
			if end < 0 {
				return nil, fmt.Errorf("line %d: found %q, expected ] at the end of a section's name", n, line)
			}
			current = strings.TrimSpace(line[1:end])
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				return nil, fmt.Errorf("line %d: found %q, expected name = value", n, line)
			}
			if sections[current] == nil {
				sections[current] = make(map[string]string)
			}
			sections[current][strings.TrimSpace(key)] = confValue(value)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("a line is longer than %d bytes: %w", maxConfLine, err)
	}
	return sections, nil
}

// confValue takes blanks, a comment and quotes off a value.
func confValue(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : 1+end]
		}
	}
	if i := strings.IndexByte(s, '#'); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return s
}

package nodedir

import (
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func TestConfNamesTheNode(t *testing.T) {
	for _, id := range []certs.Identity{
		identity(t, certs.AccountingAuthority, referenceAA),
		identity(t, certs.CreditorsAgent, referenceCA),
		identity(t, certs.DebtorsAgent, referenceDA),
	} {
		got, err := IdentityFromConf(encodeConf(id))
		if err != nil || got != id {
			t.Errorf("found %s, %v, want %s", got, err, id)
		}
	}
}

func TestIdentityFromConf(t *testing.T) {
	// The forms that the existing tool and people use.
	const other = `
name = root-ca ; not a comment here
[ req ]
distinguished_name      = ca_dn # the name
[ca_dn]
O = 'Swaptacular Nodes Registry'
organizationalUnitName  = Debtors Agents
serialNumber            = "9713c1a6b9b52ce34697c159b56ecfb0"
`
	if got, err := IdentityFromConf([]byte(other)); err != nil || got.ID() != referenceDA {
		t.Errorf("found %s, %v", got, err)
	}
	for _, test := range []struct{ old, new, want string }{
		{other, "", "distinguished_name"},
		{"[ca_dn]", "[other]", "no section [ca_dn]"},
		{"[ca_dn]", "[ca_dn", "line 5"},
		{"Registry'", "'", "organizationName"},
		{"Debtors Agents", "Banks", "organizationalUnitName"},
		{"9713", "971X", "serialNumber"},
		{"name = root-ca", "name root-ca", "line 2"},
		{"name = root-ca", "name = " + strings.Repeat("x", maxConfLine), "longer than 65536"},
	} {
		_, err := IdentityFromConf([]byte(strings.Replace(other, test.old, test.new, 1)))
		wantError(t, err, test.want)
	}
}

func FuzzIdentityFromConf(f *testing.F) {
	f.Add(encodeConf(identity(f, certs.CreditorsAgent, referenceCA)))
	f.Add([]byte("[req]\ndistinguished_name=x\n[x]\nO=\"\nOU='\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := IdentityFromConf(data)
		if err != nil {
			return
		}
		if again, err := IdentityFromConf(encodeConf(id)); err != nil || again != id {
			t.Fatalf("%s written and read as %s, %v", id, again, err)
		}
	})
}

func TestGitignore(t *testing.T) {
	whole := string(completeGitignore(nil))
	for _, want := range []string{"\nprivate/\n", "\npeers/*/ACTIVE\n", "\n.swptpeer*\n"} {
		if !strings.Contains("\n"+whole, want) {
			t.Errorf("%q lacks %q", whole, want)
		}
	}
	if again := completeGitignore([]byte(whole)); again != nil {
		t.Errorf("completed a complete one: %q", again)
	}
	if got := string(completeGitignore([]byte("*.log\r\nprivate/ \r\n.swptpeer*"))); got != "*.log\r\nprivate/ \r\n.swptpeer*\n# Made by the deployment.\npeers/*/ACTIVE\n" {
		t.Errorf("completed as %q", got)
	}
}

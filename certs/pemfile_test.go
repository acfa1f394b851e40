package certs

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestParseCertificateFiles(t *testing.T) {
	c := theWorld().ca.root
	f := string(c.File)
	lines := strings.Split(strings.TrimSuffix(f, "\n"), "\n")
	key := string(must(EncodePrivateKey(theWorld().ca.key)))
	req := string(theWorld().caReq.File)
	body := strings.Join(lines[1:len(lines)-1], "\n")
	for _, tt := range []struct {
		name, file string
		refused    string // part of the error; "" is accepted
		unclean    string // part of what pem.lf says; "" passes
	}{
		{name: "as written", file: f},
		{name: "text above and below", file: "Certificate:\n    Data: a: b\n\n" + f + "\nbelow\n"},
		{name: "no line end at the end", file: strings.TrimSuffix(f, "\n")},
		{name: "one long line", file: lines[0] + "\n" + strings.ReplaceAll(body, "\n", "") + "\n" + lines[len(lines)-1] + "\n"},
		{name: "CR LF in the text only", file: "text\r\n" + f},
		{name: "CR LF", file: strings.ReplaceAll(f, "\n", "\r\n"), unclean: "line 1 ends in CR LF"},
		{name: "CR LF on one line", file: strings.Replace(f, lines[3]+"\n", lines[3]+"\r\n", 1), unclean: "line 4 ends in CR LF"},
		{name: "trailing blank", file: strings.Replace(f, lines[2]+"\n", lines[2]+" \n", 1), unclean: "line 3 has blanks at its end"},
		{name: "trailing tab after END", file: strings.TrimSuffix(f, "\n") + "\t\n", unclean: "blanks at its end"},
		{name: "leading blank", file: strings.Replace(f, lines[2], " "+lines[2], 1), unclean: "line 3 has blanks at its beginning"},
		{name: "empty line", file: strings.Replace(f, lines[2], "\n"+lines[2], 1), unclean: "line 3 is empty"},
		{name: "empty", file: "", refused: "no PEM block"},
		{name: "text only", file: "hello\n", refused: "no PEM block"},
		{name: "DER", file: string(c.Raw), refused: "binary (DER)"},
		{name: "twice", file: f + f, refused: "found 2 CERTIFICATE blocks (lines 1, "},
		{name: "a request", file: req, refused: "found a CERTIFICATE REQUEST block, expected a CERTIFICATE block"},
		{name: "a request beside", file: f + req, refused: "beside the CERTIFICATE block"},
		{name: "a key before", file: key + f, refused: "line 1: found a private key (PRIVATE KEY)"},
		{name: "a key after", file: f + key, refused: "found a private key (PRIVATE KEY)"},
		{name: "an OpenSSH key after", file: f + strings.ReplaceAll(key, "PRIVATE KEY", "OPENSSH PRIVATE KEY"), refused: "found a private key (OPENSSH PRIVATE KEY)"},
		{name: "a key in the middle of a line", file: f + "x " + key, refused: "misplaced PEM boundary"},
		{name: "a byte order mark", file: "\ufeff" + f, refused: "line 1: found a damaged or misplaced PEM boundary"},
		{name: "a blank before BEGIN", file: " " + f, refused: "misplaced PEM boundary"},
		{name: "four dashes at the end", file: strings.Replace(f, "CERTIFICATE-----", "CERTIFICATE----", 1), refused: "damaged"},
		{name: "lower-case label", file: strings.ReplaceAll(f, "CERTIFICATE", "certificate"), refused: "damaged"},
		{name: "an END alone", file: lines[len(lines)-1] + "\n" + f, refused: "line 1: found a damaged"},
		{name: "no END", file: strings.Join(lines[:len(lines)-1], "\n"), refused: "has no end"},
		{name: "another END", file: strings.Replace(f, "END CERTIFICATE", "END CERTIFICATES", 1), refused: "another boundary inside"},
		{name: "BEGIN inside", file: strings.Replace(f, lines[2], lines[0]+"\n"+lines[2], 1), refused: "line 3: found another boundary inside"},
		{name: "a header", file: strings.Replace(f, lines[1], "Proc-Type: 4,ENCRYPTED\n\n"+lines[1], 1), refused: "found a header inside"},
		{name: "a late header", file: strings.Replace(f, lines[2], "a: b\n"+lines[2], 1), refused: "header after the beginning of the data"},
		{name: "not base64", file: strings.Replace(f, lines[2], "!"+lines[2][1:], 1), refused: "not valid base64"},
		{name: "nothing inside", file: lines[0] + "\n" + lines[len(lines)-1] + "\n", refused: "is empty"},
		{name: "not a certificate", file: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0}})), refused: "not an X.509 certificate"},
		{name: "more after the certificate", file: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: append(slices.Clone(c.Raw), 0)})), refused: "trailing data"},
		{name: "old Mac line ends", file: strings.ReplaceAll(f, "\n", "\r"), refused: "misplaced PEM boundary"},
		{name: "an escape sequence above", file: "Subject: x\n\x1b[2J\n" + f, refused: "line 2: found the control character U+001B outside of the PEM block"},
		{name: "an escape sequence below", file: f + "\x1b]0;x\x07", refused: fmt.Sprintf("line %d: found the control character U+001B", len(lines)+1)},
		{name: "a backspace", file: "a\bb\n" + f, refused: "line 1: found the control character U+0008"},
		{name: "DEL", file: "\x7f\n" + f, refused: "control character U+007F"},
		{name: "NUL", file: f + "\x00", refused: "control character U+0000"},
		{name: "CSI in UTF-8", file: "\u009b2J\n" + f, refused: "control character U+009B"},
		{name: "CSI in eight bits", file: "\x9b2J\n" + f, refused: "control character U+009B"},
		{name: "an escape in the block", file: strings.Replace(f, lines[2], "\x1b"+lines[2], 1), refused: "not valid base64"},
		{name: "tabs and another language above", file: "a\tb \u00e9 \u6f22 caf\xe9\r\n" + f},
		{name: "UTF-16", file: utf16(f), refused: "no PEM block"},
		{name: "at the limit", file: f + strings.Repeat("x", MaxCertificateFile-len(f))},
		{name: "one past the limit", file: f + strings.Repeat("x", MaxCertificateFile-len(f)+1), refused: "expected at most 65536"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCertificate([]byte(tt.file))
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("found %v, expected an error that says %q", err, tt.refused)
				}
				if strings.Contains(err.Error(), lines[2][:16]) {
					t.Errorf("the error quotes the data: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Raw, c.Raw) || string(got.File) != tt.file {
				t.Error("found another certificate or file")
			}
			want := ""
			if tt.unclean != "" {
				want = "pem.lf"
			}
			r := CheckRoot(got, at)
			if bad := failing(r); bad != want {
				t.Errorf("failed %q, expected %q", bad, want)
			}
			if want != "" && !strings.Contains(r.Err().Error(), tt.unclean) {
				t.Errorf("found %v, expected %q", r.Err(), tt.unclean)
			}
		})
	}
}

// A file is given as a chain: each certificate is read as it would be alone.
func TestParseCertificates(t *testing.T) {
	w := theWorld()
	a, b := w.aa.root, w.ca.root
	key := string(must(EncodePrivateKey(w.ca.key)))
	long := slices.Concat(b.Raw, make([]byte, MaxCertificateFile+1-len(b.Raw)))
	for _, tt := range []struct {
		name, file string
		want       []*Certificate
		refused    string
	}{
		{"one", "text\n" + string(b.File), []*Certificate{b}, ""},
		{"several", "text\n" + string(a.File) + "more\n" + string(b.File) + string(a.File), []*Certificate{a, b, a}, ""},
		{"DER", string(b.Raw), []*Certificate{b}, ""},
		{"DER and more", string(b.Raw) + "x", nil, "trailing data"},
		{"DER at the limit", string(long[:MaxCertificateFile]), nil, "trailing data"},
		{"DER past the limit", string(long), nil, "found 65537 bytes of DER, expected at most 65536"},
		{"nothing", "", nil, "no PEM block"},
		{"a key alone", key, nil, "private key"},
		{"a key among them", string(a.File) + key + string(b.File), nil, "block 2, which begins on line"},
		{"a request after", string(a.File) + string(w.caReq.File), nil, "found a CERTIFICATE REQUEST block"},
		{"no certificate among them", string(a.File) + string(pem.EncodeToMemory(&pem.Block{Type: labelCertificate, Bytes: []byte{0x30, 0}})), nil, "not an X.509 certificate"},
		{"a damaged boundary", string(a.File) + "x" + string(b.File), nil, "misplaced PEM boundary"},
	} {
		got, err := ParseCertificates([]byte(tt.file))
		if tt.refused != "" {
			if err == nil || got != nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s: found %d and error %v, expected an error that says %q", tt.name, len(got), err, tt.refused)
			}
			continue
		}
		if err != nil || !slices.EqualFunc(got, tt.want, func(x, y *Certificate) bool { return bytes.Equal(x.Raw, y.Raw) }) {
			t.Errorf("%s: found %d certificates and error %v, expected %d", tt.name, len(got), err, len(tt.want))
			continue
		}
		for i, c := range got {
			if again, err := ParseCertificate(c.File); err != nil || !bytes.Equal(again.Raw, c.Raw) {
				t.Errorf("%s: the file of certificate %d is another one: %v", tt.name, i+1, err)
			}
		}
	}
}

// A block that cannot be read is not a matter of the file around it, and the
// advice is another.
func TestAdviceForAMalformedBlock(t *testing.T) {
	for file, want := range map[string]string{
		string(pem.EncodeToMemory(&pem.Block{Type: labelCertificate, Bytes: []byte{0x30, 0}})): adviceNewRoot,
		"": ruleRootSingle.Advice,
	} {
		_, r := CheckRootFile([]byte(file), at)
		if len(r.Results) != 1 || r.Results[0].Advice != want {
			t.Errorf("%q: found %+v, expected the advice %q", file, r.Results, want)
		}
	}
}

// Many small blocks take no more memory than a few times the file.
func TestScanPEMOfManyBlocks(t *testing.T) {
	const blocks, times = 5000, 20
	file := []byte(strings.Repeat("-----BEGIN A-----\nAAAA\n-----END A-----\n", blocks))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, err := scanPEM(file)
	runtime.ReadMemStats(&after)
	if err != nil || len(found) != blocks {
		t.Fatalf("found %d blocks, %v", len(found), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > times*uint64(len(file)) {
		t.Errorf("found %d bytes allocated for a file of %d, expected at most %d times as many", took, len(file), times)
	}
}

func utf16(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte(c)
		b.WriteByte(0)
	}
	return b.String()
}

func TestParseRequestFiles(t *testing.T) {
	r := theWorld().caReq
	f := string(r.File)
	for _, tt := range []struct{ name, file, refused string }{
		{"as written", f, ""},
		{"the other label", strings.ReplaceAll(f, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), ""},
		{"CR LF", strings.ReplaceAll(f, "\n", "\r\n"), ""},
		{"a certificate", string(theWorld().ca.root.File), "found a CERTIFICATE block, expected a CERTIFICATE REQUEST block"},
		{"twice", f + f, "found 2 CERTIFICATE REQUEST blocks"},
		{"with its key", f + string(must(EncodePrivateKey(theWorld().ca.key))), "private key"},
		{"not a request", string(pem.EncodeToMemory(&pem.Block{Type: labelRequest, Bytes: []byte{0x30, 0}})), "not a PKCS #10 request"},
	} {
		got, err := ParseRequest([]byte(tt.file))
		switch {
		case tt.refused == "" && (err != nil || !bytes.Equal(got.Raw, r.Raw) || string(got.File) != tt.file):
			t.Errorf("%s: found %v, expected the request", tt.name, err)
		case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
			t.Errorf("%s: found %v, expected an error that says %q", tt.name, err, tt.refused)
		}
	}
}

// What is written is what was read.
func TestEncodeAgain(t *testing.T) {
	c := referenceCertificate(t, "nodes", "ca", "root-ca.crt")
	_, block, _ := bytes.Cut(c.File, []byte("-----BEGIN"))
	if want := "-----BEGIN" + string(block); string(EncodeCertificate(c.Certificate)) != want {
		t.Error("found another encoding of the certificate than the existing tool's")
	}
	file := readReference(t, "nodes", "ca", "db", "root-ca.csr")
	if r := must(ParseRequest(file)); !bytes.Equal(EncodeRequest(r.CertificateRequest), file) {
		t.Error("found another encoding of the request than the existing tool's")
	}
}

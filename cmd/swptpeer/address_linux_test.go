package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProcess is the command as a process of its own, with these variables.
func asProcess(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	// The test binary is the command when it is called by its name (TestMain).
	dir := t.TempDir()
	program := filepath.Join(dir, programName)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(append(os.Environ(), "SWPTPEER_TEST_NOW="+referenceTime.Format(time.RFC3339), "SWPTPEER_TEST_TRACED=1", "HTTPS_PROXY=", "https_proxy="), env...)
	return cmd
}

// outcome runs a process.
func outcome(t testing.TB, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// webCertificate makes a certificate for 127.0.0.1 and writes it as PEM.
func webCertificate(t testing.TB, file string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What can become of an address, each with its own message and exit status.
func TestAddresses(t *testing.T) {
	trusted := filepath.Join(t.TempDir(), "web.pem")
	certificate := webCertificate(t, trusted)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	mux := http.NewServeMux()
	mux.Handle("/bundles/", http.StripPrefix("/bundles/", http.FileServer(http.Dir(bundles))))
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/bundles/ca.zip", http.StatusFound) })
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/ca.zip", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/oversize", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		io.CopyN(w, zeroes{}, 81<<20)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	mux.HandleFunc("/garbage", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>not here</html>") })
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	const pin = "ae4209290a434d18be5465b3d11257f847e88361d88cc68cc6e9a04e2e441ea0"
	for _, tt := range []struct {
		name, path string
		flags      []string
		status     int
		says       string
	}{
		{"pinned", "/bundles/ca.zip", []string{"--pin", pin}, statusDone, "accepted"},
		{"moved", "/moved", []string{"--pin", pin}, statusDone, "accepted"},
		{"another root", "/bundles/da.zip", []string{"--pin", pin}, statusFailed, "error [trust.pin]"},
		{"oversize", "/oversize", nil, statusFailed, "found more than 83886080 bytes"},
		{"slow", "/slow", []string{"--timeout", "300ms"}, statusInterrupted, "found no complete answer after 300ms"},
		{"redirect to http", "/plain", nil, statusFailed, "found a redirect to http://"},
		{"endless redirects", "/loop", nil, statusFailed, "found more than 5 redirects"},
		{"missing", "/bundles/nowhere.zip", nil, statusIO, "404 Not Found"},
		{"something else", "/garbage", nil, statusFailed, "error [zip.end-record]"},
		{"nobody there", "https://" + closed.Addr().String() + "/x.zip", nil, statusNetwork, "connection refused"},
		{"wrong certificate", "/bundles/ca.zip", []string{"--pin", pin}, statusFailed, "found a web server whose certificate is not valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := tt.path
			if strings.HasPrefix(address, "/") {
				address = server.URL + address
			}
			roots := trusted
			if tt.name == "wrong certificate" {
				roots = filepath.Join(t.TempDir(), "other.pem")
				webCertificate(t, roots)
			}
			status, out, stderr := outcome(t, asProcess(t, []string{"SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir()},
				append([]string{"bundle", "verify", address}, tt.flags...)...))
			if status != tt.status || !strings.Contains(out+stderr, tt.says) {
				t.Errorf("found status %d, expected %d and %q:\n%s%s", status, tt.status, tt.says, out, stderr)
			}
			if tt.status != statusDone && !strings.Contains(out+stderr, "hint:") && !strings.Contains(out, "to do") && tt.status != statusIO {
				t.Errorf("nothing says what to do:\n%s%s", out, stderr)
			}
		})
	}
	// Every command that reads a bundle reads it from there, with the same
	// limits and exit status.
	node := referenceNode(t, "aa")
	out := filepath.Join(t.TempDir(), "out")
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"bundle", "inspect", server.URL + "/moved", "--pin", pin}, statusDone, "creditors agent"},
		{[]string{"bundle", "inspect", server.URL + "/oversize"}, statusFailed, "found more than 83886080 bytes"},
		{[]string{"bundle", "inspect", server.URL + "/slow", "--timeout", "300ms"}, statusInterrupted, "found no complete answer after 300ms"},
		{[]string{"bundle", "extract", server.URL + "/bundles/nowhere.zip", "--out", out}, statusIO, "404 Not Found"},
		{[]string{"bundle", "extract", server.URL + "/bundles/ca.zip", "--out", out}, statusDone, "extracted to"},
		{[]string{"bundle", "diff", server.URL + "/bundles/ca.zip", filepath.Join(bundles, "ca.zip")}, statusDone, "no difference"},
		{[]string{"bundle", "verify", filepath.Join(bundles, "ca.zip"), "--previous", server.URL + "/bundles/ca.zip"}, statusDone, "accepted"},
		{[]string{"bundle", "verify", filepath.Join(bundles, "ca.zip"), "--previous", server.URL + "/plain"}, statusFailed, "found a redirect to http://"},
		{[]string{"peer", "sign", server.URL + "/bundles/da2.zip", "--dir", node, "--dry-run"}, statusDone, "Nothing was changed"},
		{[]string{"peer", "sign", "https://" + closed.Addr().String() + "/x.zip", "--dir", node, "--dry-run"}, statusNetwork, "connection refused"},
	} {
		status, stdout, stderr := outcome(t, asProcess(t, []string{"SSL_CERT_FILE=" + trusted, "SWPTPEER_PASSWORD=secret-pw"}, tt.args...))
		if status != tt.status || !strings.Contains(stdout+stderr, tt.says) {
			t.Errorf("%q: found status %d, expected %d and %q:\n%s%s", tt.args, status, tt.status, tt.says, stdout, stderr)
		}
	}
	// One that cannot be had does not stop the others.
	status, stdout, stderr := outcome(t, asProcess(t, []string{"SSL_CERT_FILE=" + trusted}, "bundle", "verify",
		"https://"+closed.Addr().String()+"/x.zip", server.URL+"/bundles/ca.zip", filepath.Join(bundles, "aa.zip")))
	if status != statusNetwork || !strings.Contains(stdout, "2 of 3 items accepted, 1 could not be read") {
		t.Errorf("found status %d:\n%s%s", status, stdout, stderr)
	}
}

// A pipe is read, as with <(…) of a shell; the wait for one that nobody writes to
// ends with the process.
func TestBundlePipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	good := filepath.Join(bundles, "da2.zip")
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	node := referenceNode(t, "aa")
	for _, args := range [][]string{
		{"bundle", "verify", pipe},
		{"bundle", "verify", good, "--previous", pipe},
		{"bundle", "inspect", pipe},
		{"bundle", "extract", pipe, "--dry-run", "--out", filepath.Join(t.TempDir(), "x")},
		{"bundle", "diff", good, pipe},
		{"peer", "sign", pipe, "--dry-run", "--dir", node},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			cmd := asProcess(t, []string{"SWPTPEER_PASSWORD=secret-pw"}, args...)
			written := make(chan error, 1)
			go func() { written <- os.WriteFile(pipe, content, 0) }()
			if status, out, stderr := outcome(t, cmd); status != statusDone {
				t.Errorf("found status %d: %s%s", status, out, stderr)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			cmd = asProcess(t, nil, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Nobody can open a pipe to write before it is being read.
			var writer *os.File
			for deadline := time.Now().Add(20 * time.Second); writer == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				writer, _ = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			}
			if writer == nil {
				t.Error("the pipe is not being read")
			} else {
				defer writer.Close()
			}
			started := time.Now()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			cmd.Wait()
			if status := cmd.ProcessState.ExitCode(); status != statusInterrupted {
				t.Errorf("found status %d after %v, expected %d: %v", status, time.Since(started), statusInterrupted, cmd.ProcessState)
			}
		})
	}
}

// A pipe that nobody opens to write does not keep an interrupt from ending the run,
// whatever it was given for.
func TestPipesWithoutWriter(t *testing.T) {
	good := filepath.Join(bundles, "da2.zip")
	csr, crt := reference(t, "servers/aa.csr"), reference(t, "servers/aa.crt")
	node := referenceNode(t, "aa")
	for _, args := range [][]string{
		{"bundle", "verify", "--from-file", "PIPE"},
		{"bundle", "verify", good, "--from-file", "PIPE"},
		{"bundle", "verify", "PIPE"},
		{"bundle", "verify", good, "--previous", "PIPE"},
		{"bundle", "verify", good, "--policy", "PIPE"},
		{"bundle", "verify", good, "--registry", "PIPE"},
		{"bundle", "inspect", "PIPE"},
		{"cert", "verify", "--root", "PIPE", crt},
		{"cert", "inspect", "PIPE"},
		{"csr", "inspect", "PIPE"},
		{"csr", "sign", "PIPE", "--dir", node, "--yes"},
		{"csr", "sign", csr, "--dir", node, "--yes", "--password-file", "PIPE"},
		{"peer", "sign", "PIPE", "--dir", node, "--yes"},
		{"peer", "register", "PIPE", "--dir", node, "--yes"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Skip(err)
			}
			line := []string{programName}
			for _, arg := range args {
				line = append(line, strings.Replace(arg, "PIPE", pipe, 1))
			}
			ctx, interrupt := context.WithCancel(t.Context())
			var out bytes.Buffer
			ended := make(chan int, 1)
			go func() { ended <- run(ctx, closedSystem(nil), line, strings.NewReader(""), &out, &out) }()
			select {
			case status := <-ended:
				t.Fatalf("exit status %d without waiting for the pipe: %s", status, out.String())
			case <-time.After(100 * time.Millisecond):
			}
			interrupt()
			select {
			case status := <-ended:
				if status != statusInterrupted {
					t.Errorf("exit status %d, expected %d: %s", status, statusInterrupted, out.String())
				}
			case <-time.After(10 * time.Second):
				t.Error("still there 10 seconds after the interrupt")
			}
			// Whoever still waits for a writer finds one.
			if f, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
				f.Close()
			}
		})
	}
}

// A certificate authority that is no node's is not taken for a root certificate,
// and is judged as one all the same, so that the report says why.
func TestInspectAuthorityOfTheWeb(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.pem")
	webCertificate(t, file)
	status, text := inProcess(time.Now(), nil, "cert", "inspect", file)
	if status != statusFailed || !strings.Contains(text, "none of this network's certificates") || !strings.Contains(text, "error [name.") {
		t.Errorf("found status %d: %s", status, text)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

// Unless an address was named, there is no network: where it is cut off, all is
// as before, and no socket is made.
func TestNoNetwork(t *testing.T) {
	args := []string{"bundle", "verify", bundles, "--pin", strings.Repeat("5", 64), "--format", "json"}
	plain := asProcess(t, nil, args...)
	want, out, stderr := outcome(t, plain)
	if want != statusFailed {
		t.Fatalf("found status %d: %s", want, stderr)
	}
	ran := false
	if unshare, err := exec.LookPath("unshare"); err == nil {
		// A namespace of its own has no interface, not even loopback.
		cmd := asProcess(t, nil, args...)
		cmd.Args = append([]string{unshare, "-rn"}, append([]string{cmd.Path}, args...)...)
		cmd.Path = unshare
		if exec.Command(unshare, "-rn", "true").Run() == nil {
			ran = true
			if status, got, stderr := outcome(t, cmd); status != want || got != out {
				t.Errorf("without a network: found status %d, expected %d: %s", status, want, stderr)
			}
		}
	}
	if strace, err := exec.LookPath("strace"); err == nil {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := asProcess(t, nil, args...)
		cmd.Args = append([]string{strace, "-f", "-qq", "-e", "trace=execve,socket,connect,bind,sendto", "-o", trace}, append([]string{cmd.Path}, args...)...)
		cmd.Path = strace
		status, _, stderr := outcome(t, cmd)
		data, err := os.ReadFile(trace)
		if err == nil && bytes.Contains(data, []byte("execve(")) {
			ran = true
			if status != want || bytes.Contains(data, []byte("AF_INET")) || bytes.Contains(data, []byte("connect(")) {
				t.Errorf("found status %d and these system calls: %s%s", status, data, stderr)
			}
			// The trace would show a connection if there were one.
			cmd := asProcess(t, nil, "bundle", "verify", "https://127.0.0.1:1/x.zip")
			cmd.Args = append([]string{strace, "-f", "-qq", "-e", "trace=execve,socket,connect", "-o", trace}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
			cmd.Path = strace
			status, _, _ := outcome(t, cmd)
			if data, err := os.ReadFile(trace); err != nil || status != statusNetwork || !bytes.Contains(data, []byte("AF_INET")) {
				t.Errorf("found status %d and no connection in the trace: %v", status, err)
			}
		}
	}
	if !ran {
		const why = "neither unshare -rn nor strace can be used here"
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
}

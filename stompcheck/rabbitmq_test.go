//go:build linux

package stompcheck_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
)

// rabbitServer is the script that starts the broker as who runs it; the one on
// the PATH of Debian changes to another user and drops the environment.
const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// freePort returns a port of loopback that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// freshCert signs a server certificate of a reference node that is valid now:
// brokers judge by the real clock.
func freshCert(t *testing.T, node string) (certPEM []byte) {
	t.Helper()
	issuer, err := certs.NewIssuer(reference.Cert(t, "nodes", node, "root-ca.crt"), reference.RootKey(t, node))
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.ParseRequest(reference.File(t, "servers", node+".csr"))
	if err != nil {
		t.Fatal(err)
	}
	serial, err := certs.NewSerial()
	if err != nil {
		t.Fatal(err)
	}
	c, err := issuer.IssueServer(request, 1, serial, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c.File
}

// startRabbitMQ starts a broker on loopback whose STOMP listener does mutual TLS
// 1.3 as the reference authority, and returns the addresses of its two
// listeners.
func startRabbitMQ(t *testing.T) (stompAddr net.Addr, amqpURL string) {
	t.Helper()
	if _, err := os.Stat(rabbitServer); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatal("rabbitmq-server is required and not installed")
		}
		t.Skip("rabbitmq-server is not installed")
	}
	dir := t.TempDir()
	amqpPort, stompPort, distPort, epmdPort := freePort(t), freePort(t), freePort(t), freePort(t)
	write := func(name string, data []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	conf := fmt.Sprintf(`listeners.tcp.1 = 127.0.0.1:%d
stomp.listeners.tcp = none
stomp.listeners.ssl.1 = 127.0.0.1:%d
ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.3
`, amqpPort, stompPort,
		write("root.crt", reference.File(t, "nodes/aa/root-ca.crt"), 0o644),
		write("server.crt", freshCert(t, "aa"), 0o644),
		write("server.key", reference.File(t, "servers/aa.key"), 0o600))
	cmd := exec.Command(rabbitServer)
	cmd.Env = append(os.Environ(),
		"HOME="+dir,
		"RABBITMQ_NODENAME=swptpeer@localhost",
		"RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "mnesia"),
		"RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_LOGS=-",
		"RABBITMQ_CONFIG_FILE="+write("rabbitmq.conf", []byte(conf), 0o644),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", []byte("[rabbitmq_stomp].\n"), 0o644),
		fmt.Sprint("RABBITMQ_DIST_PORT=", distPort),
		fmt.Sprint("ERL_EPMD_PORT=", epmdPort),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	)
	log, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	// The script starts the virtual machine in its own process group; epmd, which
	// that starts, leaves the group and outlives it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
		// epmd refuses to go while it thinks that the node lives.
		var out []byte
		for range 50 {
			if out, err = exec.Command("epmd", "-port", fmt.Sprint(epmdPort), "-kill").CombinedOutput(); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("epmd: %v: %s", err, out)
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		output, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(output, []byte("Server startup complete")) {
			return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: stompPort}, fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", amqpPort)
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("the broker ended: %v\n%s", err, output)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broker does not start:\n%s", output)
		}
	}
}

func TestRabbitMQ(t *testing.T) {
	addr, url := startRabbitMQ(t)
	broker, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	ch, err := broker.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.ExchangeDeclare("accounts_in", "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclare("read-back", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(q.Name, "", "accounts_in", false, nil); err != nil {
		t.Fatal(err)
	}

	guest := "guest"
	p := peering(t, "ca", "aa", addr)
	p.Manifest.Login, p.Manifest.Passcode = &guest, &guest
	own := reference.KeyPair(t, "ca")
	block, _ := pem.Decode(freshCert(t, "ca"))
	own.Certificate = [][]byte{block.Bytes}
	check := func(change func(*stompcheck.Peering), o stompcheck.Options) *stompcheck.Report {
		t.Helper()
		o.Certificate, o.Now = own, time.Now
		o.Timeout = 30 * time.Second
		changed, m := p, *p.Manifest
		changed.Manifest = &m
		if change != nil {
			change(&changed)
		}
		return run(t, changed, o)
	}

	t.Run("connect", func(t *testing.T) {
		if r := check(nil, stompcheck.Options{}); r.Verdict() != stompcheck.NotRefused {
			t.Errorf("%s", dump(r))
		}
	})
	t.Run("probe read back", func(t *testing.T) {
		if r := check(nil, stompcheck.Options{Probe: stompcheck.ProbeSMP()}); r.Verdict() != stompcheck.Accepted {
			t.Fatalf("%s", dump(r))
		}
		d, ok, err := ch.Get(q.Name, true)
		if err != nil || !ok {
			t.Fatalf("the probe is not in the queue: %v", err)
		}
		var body map[string]any
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Fatalf("%v: %s", err, d.Body)
		}
		if body["type"] != "FinalizeTransfer" || d.ContentType != "application/json" || d.DeliveryMode != amqp.Persistent || d.Type != "FinalizeTransfer" {
			t.Errorf("found %s, content type %q, delivery mode %d, type %q", d.Body, d.ContentType, d.DeliveryMode, d.Type)
		}
	})
	t.Run("20,000 messages, 500 unconfirmed", func(t *testing.T) {
		const count = 20_000
		r := check(nil, stompcheck.Options{Probe: stompcheck.ProbeSMP(), Count: count, Window: 500})
		if r.Verdict() != stompcheck.Accepted || r.Addresses[0].Load.Confirmed != count {
			t.Fatalf("%s", dump(r))
		}
		l := r.Addresses[0].Load
		t.Logf("%.0f a second, median %s, p99 %s, %d receipts", l.PerSecond(), l.Median, l.P99, l.Receipts)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		deliveries, err := ch.ConsumeWithContext(ctx, q.Name, "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		transfers := map[string]bool{}
		for range count {
			select {
			case d := <-deliveries:
				var body struct {
					ID json.Number `json:"transfer_id"`
				}
				if err := json.Unmarshal(d.Body, &body); err != nil {
					t.Fatal(err)
				}
				transfers[body.ID.String()] = true
			case <-ctx.Done():
				t.Fatalf("found %d messages in the queue, expected %d", len(transfers), count)
			}
		}
		if len(transfers) != count {
			t.Errorf("found %d different messages, expected %d", len(transfers), count)
		}
	})
	for name, tt := range map[string]struct {
		change func(*stompcheck.Peering)
		o      stompcheck.Options
		stage  stompcheck.StageID
		cause  *stompcheck.Cause
	}{
		"wrong passcode": {func(p *stompcheck.Peering) {
			wrong := "wrong"
			p.Manifest.Passcode = &wrong
		}, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseLogin},
		"wrong host": {func(p *stompcheck.Peering) { p.Manifest.Host = "nowhere" },
			stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseLogin},
		"no such exchange": {func(p *stompcheck.Peering) { p.Manifest.Destination = "/exchange/nowhere" },
			stompcheck.Options{Probe: stompcheck.ProbeSMP()}, stompcheck.StageProbe, stompcheck.CauseDestination},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(tt.change, tt.o)
			if f := r.Failures(); len(f) != 1 || f[0].ID != tt.stage || f[0].Diagnosis.Cause != tt.cause {
				t.Errorf("expected %s to fail with the cause %s:\n%s", tt.stage, tt.cause.ID, dump(r))
			}
		})
	}
	t.Run("it refuses what it must", func(t *testing.T) {
		r := check(nil, stompcheck.Options{Negative: true})
		for _, f := range r.Refusals {
			if !strings.HasPrefix(f.Found, "refused") {
				t.Errorf("%s: %s: %s", f.ID, f.Outcome, f.Found)
			}
		}
	})
}

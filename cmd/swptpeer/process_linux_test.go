package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// servingProcess starts "stompcheck serve" as a process, through a shell command if one
// is given, in which "$@" is the command. It returns when the server listens.
func servingProcess(t *testing.T, shell string) *exec.Cmd {
	t.Helper()
	cmd := asProcess(t, nil, "stompcheck", "serve", "--listen", "127.0.0.1:0", "--dir", filepath.Join(referenceDir, "nodes", "aa"),
		"--cert", referenceServer("aa", ".crt"), "--key", referenceServer("aa", ".key"))
	if shell != "" {
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skip(err)
		}
		cmd.Args = append([]string{sh, "-c", shell, sh, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = sh
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening on ") {
		t.Fatalf("found %q (%v), expected where it listens", line, err)
	}
	return cmd
}

// TestEndingSignals: each signal that asks for an end gets an orderly one, and
// those that a process was told to ignore do nothing.
func TestEndingSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := servingProcess(t, "")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if cmd.Wait(); cmd.ProcessState.ExitCode() != statusDone {
				t.Errorf("found %v, expected exit status %d", cmd.ProcessState, statusDone)
			}
		})
	}
	for _, test := range []struct {
		shell   string
		ignored []syscall.Signal
		ends    syscall.Signal
	}{
		{"trap '' HUP; exec \"$@\"", []syscall.Signal{syscall.SIGHUP}, syscall.SIGTERM}, // as nohup does it
		{"trap '' INT; exec \"$@\"", []syscall.Signal{syscall.SIGINT}, syscall.SIGHUP},
		{"trap '' INT HUP; exec \"$@\"", []syscall.Signal{syscall.SIGINT, syscall.SIGHUP}, syscall.SIGTERM},
	} {
		t.Run(test.shell, func(t *testing.T) {
			t.Parallel()
			cmd := servingProcess(t, test.shell)
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			for _, sig := range test.ignored {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-ended:
				t.Fatalf("it ended, though it was told to ignore %v: %v", test.ignored, cmd.ProcessState)
			case <-time.After(300 * time.Millisecond):
			}
			if err := cmd.Process.Signal(test.ends); err != nil {
				t.Fatal(err)
			}
			if <-ended; cmd.ProcessState.ExitCode() != statusDone {
				t.Errorf("found %v, expected exit status %d", cmd.ProcessState, statusDone)
			}
		})
	}
}

// nobody is a user without rights, as whom a test that runs as root can run the
// command.
const nobody = 65534

// asOrdinaryUser is the command as a process that is not root's, with a
// reference node of its own in a folder.
func asOrdinaryUser(t *testing.T, args ...string) (cmd *exec.Cmd, folder string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "swptpeer-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	copyNode(t, "aa", folder+"/node")
	copyFile(t, reference(t, "servers/aa.csr"), folder+"/server.csr", 0o644)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Links into the folders of the go command are not for everybody.
	copyFile(t, self, folder+"/"+programName, 0o755)
	cmd = exec.CommandContext(t.Context(), folder+"/"+programName, args...)
	cmd.Dir = folder
	cmd.Env = []string{"SWPTPEER_TEST_NOW=" + referenceTime.Format(time.RFC3339)}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return cmd, folder
}

// TestNoCoreFiles: a process leaves no core file, neither as a file nor through
// a program that the kernel hands core dumps to, and others of the same user
// cannot look into it. Seen from outside: that it is not dumpable shows in who
// owns its files in /proc (proc(5)).
func TestNoCoreFiles(t *testing.T) {
	t.Parallel()
	cmd, _ := asOrdinaryUser(t, "key", "public", "--key", "node/private/root-ca.key", "--password-stdin")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	proc := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	owner := func(pid string) uint32 {
		st, err := os.Stat(pid + "mem")
		if err != nil {
			t.Fatal(err)
		}
		return st.Sys().(*syscall.Stat_t).Uid
	}
	limits := func() string {
		data, err := os.ReadFile(proc + "limits")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
				return strings.Join(strings.Fields(rest), " ")
			}
		}
		t.Fatalf("found no limit on core files in %s", data)
		return ""
	}
	const none = "0 0 bytes" // soft, hard
	for end := time.Now().Add(patience); owner(proc) != 0 || limits() != none; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("found the limit %q and the owner %d, expected %q and root", limits(), owner(proc), none)
		}
	}
	io.WriteString(in, oldPassword+"\n")
	in.Close()
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(out.String(), "SHA-256 ") {
		t.Errorf("found %v, %s: %s", err, &out, &errs)
	}
	if os.Geteuid() == 0 {
		// Of a process that did not do it, the owner is who runs it.
		sleep := exec.CommandContext(t.Context(), "sleep", "60")
		sleep.SysProcAttr = cmd.SysProcAttr
		if err := sleep.Start(); err != nil {
			t.Skip(err)
		}
		defer sleep.Process.Kill()
		if got := owner(fmt.Sprintf("/proc/%d/", sleep.Process.Pid)); got != nobody {
			t.Errorf("found the owner %d of another process, expected %d: nothing was proven", got, nobody)
		}
	}
}

// TestOrdinaryUser: what goes through /proc/self/fd works for who is not root,
// though the process is not dumpable: files without a name that get one, and
// descriptors as files.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"--password-file=/dev/fd/3", "--password-fd=3", "--password-file=/dev/stdin"} {
		cmd, folder := asOrdinaryUser(t, "csr", "sign", "server.csr", "--dir", "node", "--yes", "--out", "server.crt", from)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, oldPassword+"\n")
		w.Close()
		if cmd.SysProcAttr != nil {
			// As if the shell of that user had made it.
			if err := r.Chown(nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		cmd.ExtraFiles = []*os.File{r}
		if strings.HasSuffix(from, "stdin") {
			cmd.Stdin = r
		}
		status, _, stderr := outcome(t, cmd)
		r.Close()
		if _, err := os.Stat(folder + "/server.crt"); err != nil || status != statusDone {
			t.Errorf("%s: exit status %d, %v: %s", from, status, err, stderr)
		}
	}
}

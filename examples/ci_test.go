package examples

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"
)

// The examples for pipelines, as far as they can be run without the services
// that they are for: the files are read as YAML, their shell commands are run as
// the service runs them, on a folder of good bundles and on one with a bad one.

// built is the command, built once for these tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "swptpeer-ci-*")
	if err != nil {
		return "", err
	}
	builtDir = dir
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "swptpeer"), "../cmd/swptpeer").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, err
})

// builtDir is where, for TestMain.
var builtDir string

func TestMain(m *testing.M) {
	status := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	os.Exit(status)
}

// pipeline is a repository with bundles, and the command in its own place.
type pipeline struct {
	dir    string
	bin    string // the folder of the program
	module string // the folder of this module
}

func newPipeline(t *testing.T, good bool) *pipeline {
	t.Helper()
	module, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{dir: t.TempDir(), bin: bin, module: module}
	for _, name := range []string{"aa.zip", "ca.zip"} {
		data, err := os.ReadFile(filepath.Join("../testdata/reference/bundles", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "ca.zip" && !good {
			data[len(data)-400] ^= 1
		}
		p.write(t, "bundles/"+name, data)
	}
	p.write(t, "swptpeer.toml", []byte("strict = true\n"))
	return p
}

func (p *pipeline) write(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// shell runs a script there and returns its exit status and output.
func (p *pipeline) shell(t *testing.T, env []string, name string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = p.dir
	cmd.Env = append(append(os.Environ(), "PATH="+p.bin+":"+os.Getenv("PATH")), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && !isExit(err) {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// readYAML reads a file that knows no keys but those of the type.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// reads checks that a report can be read.
func (p *pipeline) reads(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		XMLName xml.Name
	}
	if strings.HasSuffix(name, ".xml") {
		err = xml.Unmarshal(data, &doc)
	} else if !json.Valid(data) {
		err = errors.New("not JSON")
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestShellStep(t *testing.T) {
	need(t, "sh")
	script, err := filepath.Abs("ci/verify.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []bool{true, false} {
		p := newPipeline(t, good)
		status, out := p.shell(t, []string{"POLICY=swptpeer.toml", "REPORTS=out"}, "sh", script, "bundles")
		if want := map[bool]int{true: 0, false: 1}[good]; status != want || strings.Contains(out, "[zip.crc]") == good {
			t.Errorf("good %v: found status %d, expected %d:\n%s", good, status, want, out)
		}
		p.reads(t, "out/swptpeer.json")
		p.reads(t, "out/swptpeer-junit.xml")
		if status, out := p.shell(t, nil, "sh", script, "--waive=bundle.updated-at=x.zip"); status != 3 {
			t.Errorf("a file with the name of a flag: found status %d, expected it to be looked for:\n%s", status, out)
		}
		if status, out := p.shell(t, nil, "sh", script, "nowhere"); status != 3 {
			t.Errorf("nothing there: found status %d:\n%s", status, out)
		}
	}
}

// githubAction is what a composite action may have, as far as ours does.
type githubAction struct {
	Name, Description string
	Inputs            map[string]struct{ Description, Default string }
	Runs              struct {
		Using string
		Steps []struct {
			Name, If, Shell, Run string
			Env                  map[string]string
		}
	}
}

func TestGitHubAction(t *testing.T) {
	need(t, "bash")
	var action githubAction
	readYAML(t, "ci/action.yml", &action)
	if action.Runs.Using != "composite" || len(action.Runs.Steps) != 2 || action.Name == "" || action.Description == "" {
		t.Fatalf("found %+v", action)
	}
	expression := regexp.MustCompile(`^\$\{\{ inputs\.([a-z]+) \}\}$`)
	for _, good := range []bool{false, true} {
		p := newPipeline(t, good)
		path := filepath.Join(p.dir, "path")
		p.write(t, "path", nil)
		inputs := map[string]string{"paths": "bundles/\nswptpeer's none.zip", "policy": "swptpeer.toml", "source": p.module}
		if good { // with the program that is installed
			inputs["paths"], inputs["source"] = "bundles/aa.zip\nbundles/ca.zip", ""
		}
		for name, in := range action.Inputs {
			if _, ok := inputs[name]; !ok {
				inputs[name] = in.Default
			}
		}
		if !good {
			p.bin = p.dir // only what the first step builds is found
		}
		for i, step := range action.Runs.Steps {
			if step.If != "" && step.If != "inputs.source != ''" {
				t.Fatalf("step %d: found the condition %q", i, step.If)
			}
			if step.If != "" && inputs["source"] == "" {
				continue
			}
			if strings.Contains(step.Run, "${{") || step.Shell != "bash" {
				t.Errorf("step %d: an expression in a script, or no shell", i)
			}
			env := []string{"RUNNER_TEMP=" + p.dir, "GITHUB_PATH=" + path}
			for name, value := range step.Env {
				m := expression.FindStringSubmatch(value)
				if m == nil {
					t.Fatalf("step %d: found %q", i, value)
				}
				input, ok := inputs[m[1]]
				if !ok {
					t.Fatalf("step %d: there is no input %s", i, m[1])
				}
				env = append(env, name+"="+input)
			}
			// As the runner starts it: GitHub, "Workflow syntax", shell.
			status, out := p.shell(t, env, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step.Run)
			if i == 0 {
				if status != 0 {
					t.Fatalf("build: status %d:\n%s", status, out)
				}
				added, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				p.bin = strings.TrimSpace(string(added))
				continue
			}
			want := map[bool]int{true: 0, false: 3}[good] // a missing file counts more than a bad one
			if status != want || strings.Contains(out, "::error file=bundles/ca.zip,title=zip.crc::") == good || !strings.Contains(out, "::notice title=swptpeer bundle-verify::") {
				t.Errorf("good %v: found status %d, expected %d:\n%s", good, status, want, out)
			}
			p.reads(t, "swptpeer.sarif")
		}
	}
}

func TestGitLabTemplate(t *testing.T) {
	need(t, "sh")
	var file map[string]struct {
		Stage, Image string
		Variables    map[string]string
		Script       []string
		BeforeScript []string `yaml:"before_script"`
		Artifacts    struct {
			When    string
			Reports map[string]string
		}
	}
	readYAML(t, "ci/gitlab-ci.yml", &file)
	job := file[".verify-info-bundles"]
	for _, good := range []bool{true, false} {
		p := newPipeline(t, good)
		env := []string{"CI_PROJECT_DIR=" + p.dir, "SWPTPEER_SOURCE=" + p.module, "SWPTPEER_PATHS=bundles", "SWPTPEER_POLICY=swptpeer.toml"}
		for name := range job.Variables {
			if !strings.Contains(strings.Join(env, "\n"), name+"=") {
				t.Errorf("the variable %s is not set here", name)
			}
		}
		before := job.BeforeScript
		if good { // built already
			data, err := os.ReadFile(filepath.Join(p.bin, "swptpeer"))
			if err != nil {
				t.Fatal(err)
			}
			p.write(t, ".swptpeer-bin", data)
			if err := os.Chmod(filepath.Join(p.dir, ".swptpeer-bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			before = nil
		}
		// One shell for everything, which ends at the first failure.
		status, out := p.shell(t, env, "sh", "-e", "-c", strings.Join(slices.Concat(before, job.Script), "\n"))
		if want := map[bool]int{true: 0, false: 1}[good]; status != want || strings.Contains(out, "[zip.crc]") == good {
			t.Errorf("good %v: found status %d, expected %d:\n%s", good, status, want, out)
		}
		p.reads(t, job.Artifacts.Reports["junit"])
	}
}

func TestPreCommitHook(t *testing.T) {
	var hooks []struct {
		ID, Name, Description, Language, Entry, Files string
		Types, Args                                   []string
		RequireSerial                                 bool `yaml:"require_serial"`
	}
	readYAML(t, "../.pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 || hooks[0].ID == "" || hooks[0].Name == "" || hooks[0].Language != "golang" {
		t.Fatalf("found %+v", hooks)
	}
	hook := hooks[0]
	if !slices.Equal(hook.Args, []string{"--"}) {
		t.Errorf("found the arguments %q, expected --, so that no name of a file is a flag", hook.Args)
	}
	files := regexp.MustCompile(hook.Files)
	for name, want := range map[string]bool{"bundles/ca.zip": true, "a.zip.txt": false, "nodeinfo/stomp.toml": false} {
		if files.MatchString(name) != want {
			t.Errorf("%s: expected to be judged: %v", name, want)
		}
	}
	for _, good := range []bool{true, false} {
		p := newPipeline(t, good)
		// pre-commit runs the entry, then its arguments, then the files.
		args := append(strings.Fields(hook.Entry), "--policy", "swptpeer.toml", "--", "bundles/aa.zip", "bundles/ca.zip")
		status, out := p.shell(t, nil, filepath.Join(p.bin, args[0]), args[1:]...)
		if want := map[bool]int{true: 0, false: 1}[good]; status != want || strings.Contains(out, "[zip.crc]") == good {
			t.Errorf("good %v: found status %d, expected %d:\n%s", good, status, want, out)
		}
	}
}

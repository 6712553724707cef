package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// workflow is what is read of a workflow's file.
type workflow struct {
	Env  map[string]string
	Jobs map[string]struct {
		If    string
		Env   map[string]string
		Steps []workflowStep
	}
}

type workflowStep struct {
	ID, Name, If, Uses, Run string
	Env                     map[string]string
}

// workflowRun is a job that is run.
type workflowRun struct {
	ts *testscript.TestScript
	// context are the values of expressions, as github.sha; env those of the job.
	context, env map[string]string
	failed       bool
	log          strings.Builder
}

// runWorkflow is the script command workflow: it runs the steps of a job that are shell
// commands, as a GitHub runner does, with actions left out. What expressions stand for is
// given as EXPRESSION=VALUE, env.NAME=VALUE among them. The output of all steps goes to
// the file log, what a runner takes for annotations to the file annotations; and the
// job's result must be the one wanted.
func runWorkflow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: workflow success|failure FILE JOB [EXPRESSION=VALUE...]")
	}
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	var w workflow
	ts.Check(yaml.Unmarshal(data, &w))
	job, ok := w.Jobs[args[2]]
	if !ok {
		ts.Fatalf("%s has no job %s", args[1], args[2])
	}
	r := &workflowRun{ts: ts, context: map[string]string{}, env: map[string]string{}}
	for _, arg := range args[3:] {
		name, value, _ := strings.Cut(arg, "=")
		r.context[name] = value
	}
	for _, env := range []map[string]string{w.Env, job.Env} {
		for name, value := range env {
			if _, given := r.context["env."+name]; !given {
				r.context["env."+name] = r.replaced(value)
			}
			r.env[name] = r.context["env."+name]
		}
	}
	if !r.holds(job.If) {
		ts.Fatalf("job %s does not run", args[2])
	}
	for _, step := range job.Steps {
		r.step(step)
	}
	ts.Check(os.WriteFile(ts.MkAbs("log"), []byte(r.log.String()), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("annotations"), []byte(annotationsOf(r.log.String())), 0o644))
	if got := map[bool]string{false: "success", true: "failure"}[r.failed]; got != args[0] {
		ts.Fatalf("%s: %s\n%s", args[2], got, r.log.String())
	}
}

// annotationsOf are the lines that a runner takes for annotations: it passes over blanks
// before a command, and over all of what stands between stop-commands and its word.
func annotationsOf(log string) string {
	var list strings.Builder
	resume := ""
	for line := range strings.Lines(log) {
		command := strings.TrimSpace(line)
		word, stops := strings.CutPrefix(command, "::stop-commands::")
		switch {
		case resume != "":
			if command == "::"+resume+"::" {
				resume = ""
			}
		case stops:
			resume = word
		case strings.HasPrefix(command, "::"):
			list.WriteString(command + "\n")
		}
	}
	return list.String()
}

// step runs a step, or leaves it out.
func (r *workflowRun) step(s workflowStep) {
	conclusion := "steps." + s.ID + ".conclusion"
	r.context[conclusion] = "skipped"
	if r.failed && !strings.Contains(s.If, "cancelled()") || !r.holds(s.If) || s.Uses != "" {
		return
	}
	outputs, work := filepath.Join(r.ts.Getenv("WORK"), "outputs"), r.ts.Getenv("WORK")
	r.ts.Check(os.WriteFile(outputs, nil, 0o644))
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	cmd.Dir = work
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "GORACE", "FORK", "CONTAINERD", "GIT_CONFIG_GLOBAL"} {
		cmd.Env = append(cmd.Env, name+"="+r.ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "GITHUB_ACTIONS=true", "CI=true", "GITHUB_REPOSITORY=shop/web",
		"GITHUB_OUTPUT="+outputs, "GITHUB_STEP_SUMMARY="+filepath.Join(work, "summary.md"))
	for _, env := range []map[string]string{r.env, s.Env} {
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+r.replaced(value))
		}
	}
	out, err := cmd.CombinedOutput()
	fmt.Fprintf(&r.log, "## %s\n%s", s.Name, out)
	r.context[conclusion] = "success"
	if err != nil {
		r.failed = true
		r.context[conclusion] = "failure"
		fmt.Fprintf(&r.log, "## %v\n", err)
	}
	written, err := os.ReadFile(outputs)
	r.ts.Check(err)
	for line := range strings.Lines(string(written)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		r.context["steps."+s.ID+".outputs."+name] = value
	}
}

var (
	workflowExpression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)
	workflowComparison = regexp.MustCompile(`^(\S+) (==|!=) '([^']*)'$`)
	workflowContains   = regexp.MustCompile(`^contains\((\S+), (\S+)\)$`)
)

// replaced is a text with the values of its expressions.
func (r *workflowRun) replaced(text string) string {
	return workflowExpression.ReplaceAllStringFunc(text, func(s string) string {
		return r.value(workflowExpression.FindStringSubmatch(s)[1])
	})
}

// value is that of a context's property; one that was not set is empty, as on GitHub,
// and one that no script gives is a mistake.
func (r *workflowRun) value(name string) string {
	value, ok := r.context[name]
	if !ok && !strings.HasPrefix(name, "steps.") {
		r.ts.Fatalf("the script gives no %s", name)
	}
	return value
}

// holds says whether a condition does: comparisons and contains, with && before ||.
func (r *workflowRun) holds(condition string) bool {
	if m := workflowExpression.FindStringSubmatch(condition); m != nil {
		condition = m[1]
	}
	if condition == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(condition, " || "), func(all string) bool {
		for _, part := range strings.Split(all, " && ") {
			if !r.one(part) {
				return false
			}
		}
		return true
	})
}

func (r *workflowRun) one(part string) bool {
	if m := workflowComparison.FindStringSubmatch(part); m != nil {
		return (r.value(m[1]) == m[3]) == (m[2] == "==")
	}
	if m := workflowContains.FindStringSubmatch(part); m != nil {
		return slices.Contains(strings.Split(r.value(m[1]), ","), r.value(m[2]))
	}
	if part != "!cancelled()" {
		r.ts.Fatalf("condition %q is not understood", part)
	}
	return true
}

// layoutOf is the script command layout-of: it writes one image of oci/ as a layout that
// has nothing else, as a build does; bigger adds a layer of 200 kB, unknown one of a media
// type of nobody's, foreign one that is fetched from elsewhere, and bare has no layer.
func layoutOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 || len(args) == 3 && !slices.Contains([]string{"bigger", "unknown", "foreign", "bare"}, args[2]) {
		ts.Fatalf("usage: layout-of TAG DIR [bigger|unknown|foreign|bare]")
	}
	from, err := layout.FromPath(ts.MkAbs("oci"))
	ts.Check(err)
	index, err := from.ImageIndex()
	ts.Check(err)
	manifest, err := index.IndexManifest()
	ts.Check(err)
	at := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool {
		return d.Annotations["org.opencontainers.image.ref.name"] == "registry.test/team/"+args[0]
	})
	if at < 0 {
		ts.Fatalf("oci has no %s", args[0])
	}
	img, err := from.Image(manifest.Manifests[at].Digest)
	ts.Check(err)
	switch {
	case len(args) == 2:
	case args[2] == "bare":
		img = platformImage(ts, "amd64")
	case args[2] == "unknown":
		img = odd(ts, img, mutate.Addendum{MediaType: "application/vnd.example.layer"})
	case args[2] == "foreign":
		img = odd(ts, img, mutate.Addendum{MediaType: types.DockerForeignLayer, URLs: []string{"https://layers.example.com/1"}})
	default:
		img = grown(ts, img, "::error::add 100% more, `all` of it", appRelease, noise(200_000))
	}
	to, err := layout.Write(ts.MkAbs(args[1]), empty.Index)
	ts.Check(err)
	ts.Check(to.AppendImage(img))
}

// odd adds a layer with what is odd about it.
func odd(ts *testscript.TestScript, img v1.Image, what mutate.Addendum) v1.Image {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(noise(100_000))), nil
	})
	ts.Check(err)
	what.Layer = layer
	img, err = mutate.Append(img, what)
	ts.Check(err)
	return img
}

// noise is a tar of one file that cannot be compressed.
func noise(n int) []byte {
	var content []byte
	for sum := sha256.Sum256(nil); len(content) < n; sum = sha256.Sum256(sum[:]) {
		content = append(content, sum[:]...)
	}
	return tarOf("noise", content, appRelease)
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/registry"
)

// What the documents' commands find: a directory as a checkout is (testdata, examples), a
// registry on loopback with small images of real layers under the names that the pages use
// and the recorded ones beside them, an endpoint that speaks ECI's protocol, and programs
// that stand for a cluster's (testdata/documents/bin).

// documentTags are the small images, as REPOSITORY:TAG of any registry.
var documentTags = []string{
	"library/nginx:1.27", "library/redis:7", "library/app:1", "library/app:2", "library/sidecar:1", "library/web:1", "library/web:2",
	"shop/web:1", "shop/web:2", "team/web:1.4", "team/proxy:1.2", "team/worker:1",
}

// must fails a test with an error.
type must struct{ testing.TB }

func (m must) Check(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// documentImages writes them as a layout of registry docs.test, and the second version of
// an app by itself as the layout beside it.
func documentImages(t *testing.T, all, single string) {
	t.Helper()
	check := must{t}.Check
	path, err := layout.Write(all, empty.Index)
	check(err)
	alone, err := layout.Write(single, empty.Index)
	check(err)
	base := grown(must{t}, platformImage(must{t}, "amd64"), "ADD rootfs.tar /", appRelease, files("usr/lib/", 400, appRelease))
	for i, tag := range documentTags {
		at := appRelease.AddDate(0, 0, i)
		img := grown(must{t}, base, "COPY app /app", at, files(tag+"/", 10, at))
		check(path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "docs.test/" + tag})))
		if i == 0 {
			check(alone.AppendImage(img))
		}
	}
}

// documentRegistry serves the small images and the recorded ones, whatever the registry
// is called.
func documentRegistry(t *testing.T, small, recorded string) *httptest.Server {
	t.Helper()
	check := must{t}.Check
	first, err := registry.Handler("docs.test", os.DirFS(small))
	check(err)
	second, err := registry.Handler("registry.example.com", os.DirFS(recorded))
	check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		if first.ServeHTTP(answer, r.Clone(r.Context())); answer.Code == http.StatusNotFound {
			second.ServeHTTP(w, r)
			return
		}
		first.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// slowCommand is how many seconds of a command are worth a line.
const slowCommand = 5

// runDocumented runs commands of a page in their order in one shell, and returns what
// those print that the page shows.
func runDocumented(t *testing.T, root string, p *documentPage, commands []*documentCommand) map[*documentCommand][]string {
	t.Helper()
	check := must{t}.Check
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	for _, dir := range []string{"work", "out", "home", "bin"} {
		check(os.Mkdir(at(dir), 0o755))
	}
	for _, name := range []string{"testdata", "examples", "workload"} {
		check(os.Symlink(filepath.Join(root, name), filepath.Join(base, "work", name)))
	}
	documentImages(t, at("images"), at("single"))
	server := documentRegistry(t, at("images"), filepath.Join(root, "testdata/images"))
	host := strings.TrimPrefix(server.URL, "http://")
	account := ecitest.NewServer(ecitest.Options{Seed: 1, Clock: ecitest.NewFakeClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 20*time.Second), Strict: true})
	t.Cleanup(account.Close)
	check(documentKinds(filepath.Join(root, "docs/files.md"), at("kinds")))
	benchstat, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "benchstat").Output()
	check(err)
	check(os.Symlink(strings.TrimSpace(string(benchstat)), at("bin/benchstat")))

	env := map[string]string{
		"PATH": at("bin") + ":" + filepath.Join(root, "cmd/cachebench/testdata/documents/bin") + ":" + os.Getenv("PATH"),
		"HOME": at("home"), "XDG_CACHE_HOME": at("home/.cache"), "XDG_STATE_HOME": at("home/.state"), "DOCKER_CONFIG": at("home"),
		"TMPDIR": at("home"), "NO_COLOR": "1", "COLUMNS": "100", "GORACE": "atexit_sleep_ms=0",
		"ROOT": root, "FILES": filepath.Join(root, "cmd/cachebench/testdata/documents"), "KINDS": at("kinds"), "SINGLE": at("single"), "REGISTRY": host, "OUT": at("out"),
		"CACHEBENCH_REGISTRY_ALIAS": "docker.io=" + host, "CACHEBENCH_MIRROR": "registry.example.com=" + host,
	}
	for name, value := range accountEnvironment(account) {
		env[name] = value
	}
	var script strings.Builder
	script.WriteString("team() { cp -f \"$ROOT\"/examples/gobench/testdata/*.yaml \"$ROOT\"/examples/gobench/testdata/inventory.json .; }\n")
	script.WriteString("shop() { sed -e 's#: workload.yaml#: testdata/quickstart/workload.yaml#' -e 's#: caches.yaml#: testdata/quickstart/caches.yaml#' -e 's#\\.\\./images#testdata/images#' testdata/quickstart/scenario.yaml >scenario.yaml; }\n")
	before := func(n int, text string) {
		if text != "" {
			fmt.Fprintf(&script, "{\nset -e\n%s\nset +e\n} >\"$OUT/%d.before\" 2>&1 </dev/null\n", text, n)
		}
	}
	for _, h := range handlings {
		if h.page == p.name && h.command == pageBegins {
			before(-1, h.before)
		}
	}
	for i, c := range commands {
		before(i, c.how.before)
		text := strings.NewReplacer(c.how.replace...).Replace(c.text)
		fmt.Fprintf(&script, "{\n%s\n} >\"$OUT/%d\" 2>&1 </dev/null\ncode=$?; echo %[2]d $code $(date +%%s) >>\"$OUT/codes\"; (exit $code)\n", text, i)
	}
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	shell := exec.CommandContext(ctx, "sh", "-c", script.String())
	shell.Dir, shell.WaitDelay = at("work"), 5*time.Second
	for name, value := range env {
		shell.Env = append(shell.Env, name+"="+value)
	}
	began := time.Now()
	failed := shell.Run()

	ended, _ := os.ReadFile(at("out/codes")) // absent where the first preparation failed
	codes, last := map[int]int{}, began.Unix()
	for line := range strings.Lines(string(ended)) {
		var n, code int
		var second int64
		if _, err := fmt.Sscan(line, &n, &code, &second); err != nil {
			t.Fatalf("%s: codes of commands: %q: %v", p.name, line, err)
		}
		if took := second - last; took >= slowCommand {
			t.Logf("%s:%d: %s took %d s", p.name, commands[n].line, commands[n].text, took)
		}
		last = second
		codes[n] = code
	}
	printed := map[*documentCommand][]string{}
	for i, c := range commands {
		out, _ := os.ReadFile(at("out/" + strconv.Itoa(i))) // absent where it was not come to
		code, ran := codes[i]
		if !ran {
			prepared, _ := os.ReadFile(at(fmt.Sprintf("out/%d.before", i)))
			first, _ := os.ReadFile(at("out/-1.before"))
			t.Fatalf("%s:%d: %s is not come to (%v), what it needs could not be prepared:\n%s%s", p.name, c.line, c.text, failed, first, prepared)
		}
		asked := i+1 < len(commands) && commands[i+1].console && commands[i+1].text == "echo $?"
		if code != c.how.code && !asked {
			t.Errorf("%s:%d: %s: exit code %d, want %d\n%s", p.name, c.line, c.text, code, c.how.code, out)
		}
		if c.console {
			text := strings.TrimSuffix(string(out), "\n")
			printed[c] = nil
			if text != "" {
				printed[c] = strings.Split(text, "\n")
			}
		}
	}
	return printed
}

// kindExample is a file of a kind in docs/files.md.
var kindExample = regexp.MustCompile("(?s)```yaml\n(apiVersion: cachebench/v1\nkind: ([A-Za-z]+)\n.*?)```")

// documentKinds writes the examples of a page of kinds to a directory, each as KIND.yaml.
func documentKinds(page, dir string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, m := range kindExample.FindAllSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(dir, string(m[2])+".yaml"), m[1], 0o644); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/workload"
)

// keys are the keys of a struct in a file.
func keys(of any) []string {
	var all []string
	for t, i := reflect.TypeOf(of), 0; i < t.NumField(); i++ {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// initFiles runs init and returns what it wrote.
func initFiles(t *testing.T, stdin string, args ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	var out, errOut bytes.Buffer
	if code := run(t.Context(), append([]string{"init", "--dir", dir}, args...), strings.NewReader(stdin), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errOut)
	}
	return readDir(t, dir)
}

func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// Every key stands in the files with a comment, and what is commented out is
// right when it is put in.
func TestInitKeys(t *testing.T) {
	files := initFiles(t, "")
	scenario := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(files["scenario.yaml"], "$1")
	for _, key := range keys(cachebench.ScenarioFile{}) {
		if n := len(regexp.MustCompile(`(?m)^`+key+`:`).FindAllString(scenario, -1)); n != 1 {
			t.Errorf("scenario.yaml: %s stands %d times, want once", key, n)
		}
		if !commented(scenario, key) {
			t.Errorf("scenario.yaml: %s has no comment", key)
		}
	}
	f, err := cachebench.ReadScenarioFile("scenario.yaml", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(*f)
	for i := range v.NumField() {
		// The start of the window is 0 by default.
		if field := v.Type().Field(i); field.IsExported() && field.Name != "WindowStart" && v.Field(i).IsZero() {
			t.Errorf("scenario.yaml: %s is not set by what is commented out", field.Name)
		}
	}

	text := files["workload.yaml"]
	for _, of := range []any{workload.App{}, workload.Burst{}, workload.NodePool{}} {
		for _, key := range keys(of) {
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(text) {
				t.Errorf("workload.yaml does not mention %s of %T", key, of)
			}
		}
	}
	apps, pools, _ := strings.Cut(text, "#nodePools:")
	w, err := workload.Read("workload.yaml", []byte(apps+"nodePools:"+strings.ReplaceAll(pools, "\n#", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if len(w.NodePools) != 1 || len(w.Apps) != 2 {
		t.Errorf("workload.yaml has %d node pools and %d apps", len(w.NodePools), len(w.Apps))
	}
}

// commented tells whether a comment ends above the key or the block that it is
// in.
func commented(text, key string) bool {
	before, _, _ := strings.Cut(text, "\n"+key+":")
	block := before[strings.LastIndex(before, "\n\n")+2:]
	return strings.HasPrefix(block, "# ")
}

// What init writes makes a Scenario.
func TestInitReadsBack(t *testing.T) {
	pods := `{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"nginx:1.27"}]},"status":{"containerStatuses":[{"name":"c","imageID":"docker.io/library/nginx@sha256:` + strings.Repeat("ab", 32) + `"}]}}`
	for _, test := range []struct {
		name, stdin string
		args, files []string
	}{
		{"example", "", nil, []string{"scenario.yaml", "workload.yaml"}},
		{"images", "", []string{"--image", "nginx:1.27", "--image", "host:5000/a/nginx@sha256:" + strings.Repeat("0", 64), "--image", "nginx:1.27", "--profile", "containerd"}, []string{"scenario.yaml", "workload.yaml"}},
		{"pods", pods, []string{"--from-kubernetes", "-"}, []string{"lock.yaml", "scenario.yaml", "workload.yaml"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := initFiles(t, test.stdin, test.args...)
			if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, test.files) {
				t.Fatalf("wrote %v, want %v", names, test.files)
			}
			f, err := cachebench.ReadScenarioFile("scenario.yaml", []byte(files["scenario.yaml"]))
			if err != nil {
				t.Fatal(err)
			}
			s, err := f.Scenario("scenario.yaml", func(path string) ([]byte, error) {
				text, ok := files[path]
				if !ok {
					return nil, fmt.Errorf("read %s: not written", path)
				}
				return []byte(text), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if (s.Lock != nil) != (len(test.files) == 3) {
				t.Errorf("lock: %v", s.Lock)
			}
			if want := "eci"; test.name != "images" && s.Profile.Name != want {
				t.Errorf("profile %s, want %s", s.Profile.Name, want)
			}
			if test.name == "images" && len(s.Workload.Apps) != 2 {
				t.Errorf("one image twice: %d apps", len(s.Workload.Apps))
			}
		})
	}
}

// Texts that YAML could take for something else come back as they were.
func TestInitQuotes(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("ab", 32)
	texts := []string{
		"nginx", "nginx:1.27", "host:5000/a/b:1" + digest, "null", "y", "No", "TRUE", "0", "1.5", "1e3", "0x10", "12:30:45", "2026-11-23",
		"a: b", "a:", "#a", "a #b", "-", "- a", "*a", "&a", "!a", "{a}", "[a]", `"`, `'`, `\`, "<a>&b", "a,b", "@a", "`a", "%a", "|", ">", "?", "~", "=", "<<", "é",
	}
	d := &draft{Title: "a: b # c"}
	for i, text := range texts {
		d.workload.Apps = append(d.workload.Apps, workload.App{
			Name: text, Images: []string{text}, InitImages: []string{text, "x"},
			StartsPerDay: float64(i) / 7, Runtime: time.Duration(i*3607) * time.Second, CPU: 1e-6, MemoryGiB: 1e9 / 3, PullPolicy: "Never",
		})
		d.origins = append(d.origins, workload.Origin{Controller: "Pod", Pods: 1, StartsPerDay: "a: b # c", Runtime: "x", Resources: "y"})
		d.Notes = append(d.Notes, text)
		d.Locked = append(d.Locked, workload.LockedDigest{Reference: text, Digest: strings.TrimPrefix(digest, "@")})
	}
	d.Profile = "eci"
	files, err := d.files("somewhere")
	if err != nil {
		t.Fatal(err)
	}
	// files has read the workload back; the lock and the title are left.
	lock, err := cachebench.ReadLock("lock.yaml", files[2].data)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range lock.References {
		if r.Reference != texts[i] {
			t.Errorf("got %q, want %q", r.Reference, texts[i])
		}
	}
	f, err := cachebench.ReadScenarioFile("scenario.yaml", files[0].data)
	if err != nil || f.Title != d.Title {
		t.Errorf("title %q, %v", f.Title, err)
	}
}

func TestYAMLSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", 8 * time.Hour: "8h", 24 * time.Hour: "1d", 53*24*time.Hour + 12*time.Hour + time.Second: "53d12h1s",
	} {
		if got := yamlSpan(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestYAMLComment(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 20))
	want := "# - " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n#   word word word word word\n#   kept"
	if got := yamlComment("- " + long + "\n  kept"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A file that cannot be put in its place leaves all as it was.
func TestWriteAllOrNone(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.yaml")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := readDir(t, dir)
	err := writeAll(dir, []newFile{
		{old, []byte("new")},
		{filepath.Join(dir, "fresh.yaml"), []byte("new")},
		{filepath.Join(dir, "missing", "deep.yaml"), []byte("new")},
	})
	if err == nil {
		t.Fatal("a file in a directory that is not there was written")
	}
	if diff := cmp.Diff(before, readDir(t, dir)); diff != "" {
		t.Errorf("after a failure (-before +after):\n%s", diff)
	}
	if err := writeAll(dir, []newFile{{old, []byte("new")}, {filepath.Join(dir, "fresh.yaml"), []byte("new")}}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"old.yaml": "new", "fresh.yaml": "new"}
	if diff := cmp.Diff(want, readDir(t, dir)); diff != "" {
		t.Errorf("after success (-want +got):\n%s", diff)
	}
}

// TestGuessedLifetime: the lifetime that is proposed is that by the pulls that were counted
// where there is one, whatever nodes' ages are, and it is said why.
func TestGuessedLifetime(t *testing.T) {
	ages := workload.NodeAges{Nodes: 3, Mean: 481*time.Hour + 30*time.Minute}
	life := workload.PulledLife{Hours: 31.2, Pulled: 526, Told: 1620}
	for _, test := range []struct {
		name   string
		ages   map[string]workload.NodeAges
		pulled map[string]workload.PulledLife
		want   []string
	}{
		{"neither", nil, nil, []string{"#lifetimeHours: 720  # not told"}},
		{"ages", map[string]workload.NodeAges{"p": ages}, nil, []string{"#lifetimeHours: 963  # ", "twice their mean age, right if they are replaced at an even pace"}},
		{"pulls", nil, map[string]workload.PulledLife{"p": life}, []string{"#lifetimeHours: 31.2  # ", "as many starts pull as were counted, 526 of 1620"}},
		{"both", map[string]workload.NodeAges{"p": ages}, map[string]workload.PulledLife{"p": life}, []string{"#lifetimeHours: 31.2  # ", "526 of 1620", "twice the nodes' mean age is 963 h", "nodes are older than this, so starts pull for other causes too"}},
	} {
		d := &draft{ages: test.ages, pulled: test.pulled}
		got := d.GuessedLifetime("p")
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s\nwant %q", test.name, got, want)
			}
		}
	}
	d := &draft{ages: map[string]workload.NodeAges{"p": {Nodes: 3, Mean: 20 * time.Hour}}, pulled: map[string]workload.PulledLife{"p": life}}
	if got := d.GuessedLifetime("p"); strings.Contains(got, "other causes") {
		t.Errorf("nodes are younger than the lifetime: %s", got)
	}
}

// TestNodesAreOld: one age is told once.
func TestNodesAreOld(t *testing.T) {
	for want, ages := range map[string]workload.NodeAges{
		"its node is 12 min old":          {Nodes: 1, Youngest: 12 * time.Minute, Oldest: 12 * time.Minute},
		"its nodes are 12 min old":        {Nodes: 2, Youngest: 12 * time.Minute, Oldest: 12*time.Minute + time.Second},
		"its nodes are 12 min to 3 h old": {Nodes: 2, Youngest: 12 * time.Minute, Oldest: 3 * time.Hour},
	} {
		if got := nodesAreOld(&ages); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

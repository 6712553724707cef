package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// TestDocument writes the document of a made-up host, whose runs are the model's own
// with noise, and looks for what a reader needs.
func TestDocument(t *testing.T) {
	v := madeUp(t)
	r, err := v.results(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.writeFrom(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	page := string(readFile(t, v.document))
	t.Run("images", func(t *testing.T) {
		images := r.trial(trialImages)
		if held := scored(images, "all", calibrate.ByHeldOut); held == nil || held.Count != images.result.Arms {
			t.Errorf("of %d arms these were predicted by fits without their images: %+v", images.result.Arms, held)
		}
	})
	t.Run("same again", func(t *testing.T) {
		if again, err := documentOf(t.Context(), r); err != nil || string(again) != page {
			t.Errorf("the document is another the second time: %v", err)
		}
	})
	t.Run("order", func(t *testing.T) { checkOrder(t, page) })
	t.Run("no rubbish", func(t *testing.T) {
		for _, bad := range []string{"NaN", "+Inf", "%!", "\n\n\n"} {
			if strings.Contains(page, bad) {
				t.Errorf("%q is in the document", bad)
			}
		}
	})
	t.Run("answer", func(t *testing.T) {
		head := strings.Join(strings.Fields(page[:strings.Index(page, "## The aims")]), " ")
		for _, want := range []string{"containerd 2.4.2, files on tmpfs", "% for one pull behind a shaped link (", "Arms of images that the fit had not seen: ", "The built-in profile `containerd`, as it is: ", "No start on ECI was measured."} {
			if !strings.Contains(head, want) {
				t.Errorf("the head lacks %q:\n%s", want, head)
			}
		}
	})
	t.Run("aims", func(t *testing.T) { checkAims(t, section(t, page, "## The aims")) })
	t.Run("voids", func(t *testing.T) {
		const why = "run: the daemon went away"
		if text := section(t, page, "## What was measured"); !strings.Contains(text, why) {
			t.Errorf("the void run is not listed:\n%s", text)
		}
		if record := readFile(t, filepath.Join(v.record, "memory.csv")); !bytes.Contains(record, []byte(why)) {
			t.Errorf("the void run is not in the record:\n%s", record)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		for _, name := range regexp.MustCompile(`testdata/validation/(\S+\.json)`).FindAllStringSubmatch(page, -1) {
			if _, err := simulate.ReadProfile(name[1], readFile(t, filepath.Join(v.record, name[1]))); err != nil {
				t.Error(err)
			}
		}
	})
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkOrder(t *testing.T, page string) {
	at := 0
	for _, heading := range []string{"# Validation", "## The aims", "## Where it is weakest", "## What was measured", "## measure pull beside containerd", "## Errors by kind of arm", "## What was fitted", "## Published pulls", "## Repeating it", "## All arms"} {
		i := strings.Index("\n"+page[at:], "\n"+heading+"\n")
		if i < 0 {
			t.Errorf("%q is not below what should be above it", heading)
			continue
		}
		at += i
	}
}

// checkAims: every aim has a row with its arms. The model predicts itself, so that it
// must meet its first aim.
func checkAims(t *testing.T, text string) {
	rows := tableOf(text, "predicted")
	if len(rows) != len(goals())+1 {
		t.Fatalf("%d rows of %d aims and measure pull:\n%s", len(rows), len(goals()), text)
	}
	fittedTo := map[string]string{}
	for _, trial := range trials(&simulate.Timeline{}) {
		fittedTo[trial.name] = trial.fittedTo
	}
	for i, g := range goals() {
		row := rows[i]
		if row[0] != g.what || row[1] != fittedTo[g.trial] || row[3] == unknown || row[4] == unknown || row[7] == unknown {
			t.Errorf("%s, %s: %q", g.trial, g.class, row)
		}
		if i == 0 && row[10] != "yes" {
			t.Errorf("the model does not meet its aim about itself: %q", row)
		}
	}
	if row := rows[len(goals())]; !strings.Contains(row[0], "measure pull") || row[10] != "yes" {
		t.Errorf("both pull alike: %q", row)
	}
}

// TestImageGroups: a and b start together, c by itself; so the trial images deals two
// groups into two folds, by whatever arm.
func TestImageGroups(t *testing.T) {
	timeline := measureMadeUp(t, madeUpMemory, 0)
	groups := imageGroups(timeline)
	a, b, c := groups[host+"/a:1"], groups[host+"/b:1"], groups[host+"/c:1"]
	if a == "" || a != b || a == c || c == "" || countGroups(groups) != 2 {
		t.Fatalf("the groups are %v", groups)
	}
	r := &results{trials: trials(timeline)}
	opt := r.trial(trialImages).options
	if opt.Folds != 2 || opt.FoldBy(calibrate.Arm{Images: []string{host + "/b:1"}}) != opt.FoldBy(calibrate.Arm{Images: []string{host + "/a:1", host + "/b:1"}}) || opt.FoldBy(calibrate.Arm{Images: []string{host + "/c:1"}}) != c {
		t.Errorf("%d folds", opt.Folds)
	}
}

// TestOnlyOneStep: a step that is not there is refused, and nothing is done.
func TestOnlyOneStep(t *testing.T) {
	for _, args := range [][]string{{"-only", "documnet"}, {"document"}} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, &bytes.Buffer{}, &stderr); code != 2 {
			t.Errorf("%q exits with %d", args, code)
		}
		if args[0] == "-only" && !strings.Contains(stderr.String(), strings.Join(stepNames(), ", ")) {
			t.Errorf("%q does not tell the steps: %s", args, stderr.String())
		}
	}
	if got, err := stepsOf("disk"); err != nil || len(got) != 1 || got[0].name != "disk" {
		t.Errorf("the step disk is %v, %v", got, err)
	}
}

// TestDocumentTakesAllTimelines: what is missing is told, with the step that makes it.
func TestDocumentTakesAllTimelines(t *testing.T) {
	dir := t.TempDir()
	v := &validation{state: dir, document: filepath.Join(dir, "validation.md"), stderr: &bytes.Buffer{}}
	if err := v.write(t.Context()); err == nil || !strings.Contains(err.Error(), "the step memory makes it") {
		t.Errorf("without a timeline: %v", err)
	}
	empty := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "containerd"}}
	for _, file := range []string{memoryTimeline, diskTimeline, pullersTimeline} {
		if err := writeTimeline(filepath.Join(dir, file), empty); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.write(t.Context()); err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("without a run: %v", err)
	}
}

// TestExperimentsAreLargeEnough: the grid is what the aims are about.
func TestExperimentsAreLargeEnough(t *testing.T) {
	exp := readTestExperiment(t, memoryExperiment)
	single, several := 0, 0
	links, images := map[string]bool{}, map[string]bool{}
	for _, a := range exp.Expand() {
		if len(a.Starts) > 1 {
			several++
			continue
		}
		single++
		images[a.Starts[0].Image] = true
		links[a.Link.String()] = true
	}
	if single < 8*4*3 || len(images) < 8 || len(links) < 4 || several < 12 || exp.Repeats < enoughRuns {
		t.Errorf("%d single arms of %d images on %d links, %d of several starts, %d repeats", single, len(images), len(links), several, exp.Repeats)
	}
	readTestExperiment(t, diskExperiment)
	for _, a := range readTestExperiment(t, pullersExperiment).Expand() {
		if !strings.HasPrefix(a.Name, ownArm) && !strings.HasPrefix(a.Name, theirArm) {
			t.Errorf("arm %q says not who pulls", a.Name)
		}
	}
}

func readTestExperiment(t *testing.T, text []byte) *measure.Experiment {
	t.Helper()
	exp, err := measure.ReadExperiment("experiment.yaml", text)
	if err == nil {
		err = exp.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return exp
}

// TestModelHasTheseFigures: the table of docs/model.md is a part of the aims of
// docs/validation.md, as it is.
func TestModelHasTheseFigures(t *testing.T) {
	model, validation := string(readFile(t, "../../docs/model.md")), string(readFile(t, "../../docs/validation.md"))
	aims := tableOf(section(t, validation, "## The aims"), "predicted")
	if aims == nil {
		t.Fatal("docs/validation.md is of an earlier form of this program: make validate writes it again")
	}
	rows := tableOf(section(t, model, "## How far to trust it"), "predicted")
	if len(rows) < 4 {
		t.Fatalf("docs/model.md has %d rows", len(rows))
	}
	for _, row := range rows {
		if len(row) != 6 {
			t.Fatalf("row %q", row)
		}
		found := false
		for _, aim := range aims {
			if len(aim) != 11 || aim[0] != row[0] || aim[1] != row[1] {
				continue
			}
			found = true
			naive, _, _ := strings.Cut(aim[9], ",")
			if want := []string{aim[4], aim[5], aim[7], naive}; strings.Join(want, " ") != strings.Join(row[2:], " ") {
				t.Errorf("docs/model.md has %q of %s; docs/validation.md has %q: write these", row[2:], row[0], want)
			}
		}
		if !found {
			t.Errorf("docs/validation.md has no row %q, %q", row[0], row[1])
		}
	}
}

// tableOf are the rows, without its head, of the table whose first column is called so.
func tableOf(text, first string) [][]string {
	var rows [][]string
	in := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			in = false
		case cells[0] == first:
			in = true
		case in && !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	return rows
}

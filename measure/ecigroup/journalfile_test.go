package ecigroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// contents are the names and bytes of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[n.Name()] = string(data)
	}
	return files
}

func sameFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := contents(t, dir)
	for name, data := range want {
		if got[name] != data {
			t.Errorf("%s was %q, is %q", name, data, got[name])
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			t.Errorf("%s is new", name)
		}
	}
}

// TestFilesOfOthers: what lies beside journals is nobody's run, whatever it is called, and a
// tag that has its name does not make it one.
func TestFilesOfOthers(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	others := map[string]string{
		"Sensor_data.jsonl":               "{\"reading\": 1}\n{\"rea",
		"other.jsonl":                     "{\"reading\": 1}\n{\"reading\": 2}",
		"words.jsonl":                     "no JSON\n",
		"none.jsonl":                      "",
		"begins.jsonl":                    "{\"what\": \"begin\"}\n",
		"20260301t120000z-0123abcd.jsonl": "{\"reading\": 1}\n",
		"run-1.json":                      "{}",
	}
	for name, data := range others {
		if err := os.WriteFile(filepath.Join(w.opt.JournalDir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := LeftRuns(w.opt.JournalDir); err != nil || len(runs) > 0 {
		t.Errorf("%q are left, %v", runs, err)
	}
	w.cleanUp()
	sameFiles(t, w.opt.JournalDir, others)
	if _, err := w.client().CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-other", Containers: []eci.Container{{Name: "c", Image: "postgres:17"}}, Tags: []eci.Tag{{Key: TagRun, Value: "other"}},
	}); err != nil {
		t.Fatal(err)
	}
	before := w.server.Leftovers()
	if _, err := w.cleanUpWith(w.client(), ""); !errors.Is(err, errNoJournal) {
		t.Errorf("%v", err)
	}
	sameFiles(t, w.opt.JournalDir, others)
	w.leaves(before...)
	w.opt.JournalDir = journalDir(t)
	w.cleanUp()
	w.leaves()
}

// TestDryRun: nothing is deleted, and no file is changed, made or removed; also of a run that
// has left nothing.
func TestDryRun(t *testing.T) {
	w := lost(t)
	w.server.Advance(time.Hour)
	name := filepath.Join(w.opt.JournalDir, w.journals()[0]+journalSuffix)
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(`{"at": "20`) // what a kill cut short
	}
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	files, here := contents(t, w.opt.JournalDir), w.opt.JournalDir
	look := func() (told, kept []string) {
		t.Helper()
		removed, err := CleanUp(t.Context(), w.client(), CleanUpOptions{
			JournalDir: w.opt.JournalDir, DryRun: true, Now: w.opt.Now, Sleep: w.opt.Sleep,
			Confirm: func(_ string, what []string) (bool, error) { told = append(told, what...); return true, nil },
			Kept:    func(run string) { kept = append(kept, run) },
		})
		if err != nil || len(removed) > 0 {
			t.Errorf("%q is deleted, %v", removed, err)
		}
		return told, kept
	}
	before := w.server.Leftovers()
	told, kept := look()
	for _, left := range before {
		if id := strings.Fields(left)[1]; !strings.Contains(strings.Join(told, " "), id) {
			t.Errorf("%s is not told in %q", id, told)
		}
	}
	if len(kept) != 1 {
		t.Errorf("kept are %q", kept)
	}
	w.leaves(before...)
	sameFiles(t, here, files)
	// Elsewhere, where there is no directory yet.
	w.server.Advance(48 * time.Hour)
	w.opt.JournalDir = filepath.Join(journalDir(t), "none")
	if told, _ := look(); len(told) == 0 {
		t.Error("nothing is told elsewhere")
	}
	if _, err := os.Stat(w.opt.JournalDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory was made: %v", err)
	}
	w.cleanUp()
	w.leaves()
	w.opt.JournalDir = here
	for _, line := range strings.SplitAfter(files[filepath.Base(name)], "\n") {
		if strings.Contains(line, `"begin"`) { // of which nothing was made
			if err := os.WriteFile(name, []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	files = contents(t, here)
	if told, kept := look(); len(told) > 0 || len(kept) > 0 {
		t.Errorf("told are %q, kept %q", told, kept)
	}
	sameFiles(t, here, files)
}

// TestLostBeginning: a journal whose first line cannot be read protects what the run made from
// who takes another account, or another region, for the run's; so does one from before each
// line told of them.
func TestLostBeginning(t *testing.T) {
	for _, older := range []bool{false, true} {
		for _, region := range []string{"cn-hangzhou", "cn-beijing"} {
			w := lost(t)
			run := w.journals()[0]
			name := filepath.Join(w.opt.JournalDir, run+journalSuffix)
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(data), "\n")
			lines[0] = "{\"at\": torn\n"
			for i := range lines {
				if older {
					lines[i] = older0(lines[i])
				}
			}
			if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			w.server.Advance(48 * time.Hour)
			before := w.server.Leftovers()
			client := w.otherAccount(nil)
			if region != "cn-hangzhou" {
				client = w.in(region)
			}
			for _, named := range []string{"", run} {
				var kept []string
				removed, err := CleanUp(t.Context(), client, CleanUpOptions{
					JournalDir: w.opt.JournalDir, Run: named, Now: w.opt.Now, Sleep: w.opt.Sleep, Kept: func(run string) { kept = append(kept, run) },
				})
				if len(removed) > 0 || len(w.journals()) != 1 || len(kept) == 0 && !errors.Is(err, errUnknownHere) {
					t.Errorf("older %v, %s, named %q: removed %q, kept %q, %v, journals %q", older, region, named, removed, kept, err, w.journals())
				}
			}
			w.leaves(before...)
			// Its own account and region finish it, where they are told to be.
			if _, err := CleanUp(t.Context(), w.client(), CleanUpOptions{JournalDir: w.opt.JournalDir, Run: run, ThisAccount: older, Now: w.opt.Now, Sleep: w.opt.Sleep}); err != nil {
				t.Errorf("older %v: %v", older, err)
			}
			w.leaves()
			if left := w.journals(); len(left) > 0 {
				t.Errorf("older %v: journals %q", older, left)
			}
		}
	}
}

// older0 is a line without what only a begin told before.
func older0(line string) string {
	for _, key := range []string{"region", "endpoint", "key"} {
		if i := strings.Index(line, `"`+key+`":"`); i >= 0 {
			rest := line[i+len(key)+4:]
			line = line[:i] + rest[strings.Index(rest, `"`)+2:]
		}
	}
	return line
}

// in is a client of another region.
func (w *world) in(region string) *eci.Client {
	key := ecitest.TestKey()
	c, err := eci.New(eci.Config{
		RegionID: region, Endpoint: w.server.URL, Sleep: w.sleep, Now: w.server.Now,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

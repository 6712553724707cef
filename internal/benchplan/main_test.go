package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/planinstance"
)

// TestWrite: written instances are those of their names.
func TestWrite(t *testing.T) {
	var out, second bytes.Buffer
	if err := run(t.Context(), []string{"-write", "-images", "10", "-instances", "2"}, &out); err != nil {
		t.Fatal(err)
	}
	if err := planinstance.New(10, 2).Write(&second); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	if len(lines) != 3 || lines[1] != "10-2\t"+second.String() {
		t.Errorf("%d lines, the second %.40q", len(lines)-1, lines[1])
	}
}

// TestSameTable: the table is the same again but for times.
func TestSameTable(t *testing.T) {
	t.Chdir("../..")
	table := func() string {
		b := &bench{iterations: 5, seed: 3}
		if err := b.readOptima(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		b.out = &out
		rows := b.generated(50, 1, 0)
		if err := b.table(t.Context(), "some", rows, 2); err != nil {
			t.Fatal(err)
		}
		var kept []string
		for line := range strings.Lines(out.String()) {
			if fields := strings.Fields(line); len(fields) > 2 {
				kept = append(kept, strings.Join(fields[:len(fields)-2], " "))
			}
		}
		return strings.Join(kept, "\n")
	}
	first, again := table(), table()
	if first != again || !strings.Contains(first, "50-1 shared 50 131 5 0 ") || !strings.Contains(first, " 18682.10 ") {
		t.Errorf("%s\nthen\n%s", first, again)
	}
}

// TestSameMoney: so is that of instances in money; and no instance of auto is above the bound
// of explicit.
func TestSameMoney(t *testing.T) {
	table := func() (kept [][]string) {
		var out bytes.Buffer
		b := &bench{iterations: 5, seed: 3, out: &out}
		if err := b.money(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if fields := strings.Fields(line); len(fields) == 10 {
				kept = append(kept, fields[:8])
			}
		}
		return kept
	}
	first, again := table(), table()
	if !reflect.DeepEqual(first, again) || len(first) != 2 || first[0][0] != "explicit" || first[0][7] != "-" || first[1][7] != "0" {
		t.Errorf("%q\nthen\n%q", first, again)
	}
}

// TestWrongFlags: what cannot be is refused with what it is.
func TestWrongFlags(t *testing.T) {
	for want, args := range map[string][]string{
		`-sets stored,bad: "bad" is none of large, stored, seeded-50, seeded-200, seeded-1000, money, bounds`: {"-sets", "stored,bad"},
		"-images 0, -seeds 10, -iterations 0: at least 1, 1 and 0":                                            {"-write", "-images", "0"},
	} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/reports"
)

// TestDocumentedCosts: the amounts of docs/eci.md are what the prices make.
func TestDocumentedCosts(t *testing.T) {
	text, err := os.ReadFile("../../docs/eci.md")
	if err != nil {
		t.Fatal(err)
	}
	book := cost.International()
	for line, price := range map[string]func() (cost.Money, error){
		"20 GiB for 300 s":                        func() (cost.Money, error) { return book.Build(300*time.Second, 20) },
		"1 GiB for 30 days":                       func() (cost.Money, error) { return book.Keep(1, cost.Month) },
		"20 GiB for an hour":                      func() (cost.Money, error) { return book.Use(20, time.Hour) },
		"the same for an instance that runs all":  func() (cost.Money, error) { return book.Use(20, cost.Month) },
		"from the pull's start to its end: one h": func() (cost.Money, error) { return book.Instance(2, 4, time.Hour) },
	} {
		want, err := price()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(text), line)
		row, _, _ := strings.Cut(rest, "\n")
		if !ok || !strings.Contains(row, "| "+want.String()+" |") {
			t.Errorf("%s: %q does not have %s", line, row, want)
		}
	}
}

// TestLastBuild: the helper is paid for from the start of the last build on, not from the
// creation of a cache that was updated weeks later; and where the events do not tell its
// time, it is not told.
func TestLastBuild(t *testing.T) {
	at := func(minutes int) time.Time { return time.Date(2026, 12, 1, 0, minutes, 0, 0, time.UTC) }
	started := func(minutes int) reports.CacheEvent {
		return reports.CacheEvent{Reason: "Started", Message: "Successfully check image cache resource.", Time: at(minutes)}
	}
	pulled := func(minutes int) reports.CacheEvent {
		return reports.CacheEvent{Reason: "Pulled", Message: "Success pull image nginx:1", Time: at(minutes)}
	}
	const month = 30 * 24 * 60
	for name, test := range map[string]struct {
		status string
		events []reports.CacheEvent
		want   time.Duration
	}{
		"one build":             {"Ready", []reports.CacheEvent{started(0), pulled(5)}, 5 * time.Minute},
		"an update":             {"Ready", []reports.CacheEvent{started(0), pulled(5), started(month), pulled(month + 5)}, 5 * time.Minute},
		"an update that begins": {"Updating", []reports.CacheEvent{started(0), pulled(5), started(month)}, 0},
		"no start":              {"Ready", []reports.CacheEvent{pulled(5), pulled(6)}, 0},
		"nothing after it":      {"Ready", []reports.CacheEvent{started(0)}, 0},
		"a container started":   {"Ready", []reports.CacheEvent{started(0), {Reason: "Started", Message: "Started container x", Time: at(1)}, pulled(5)}, 5 * time.Minute},
		"no events":             {"Ready", nil, 0},
	} {
		took, known := lastBuild(&reports.AccountCache{Status: test.status, CreationTime: at(0), Events: test.events})
		if known != (test.want != 0) || known && took != test.want {
			t.Errorf("%s: %v %t, want %v", name, took, known, test.want)
		}
	}
}

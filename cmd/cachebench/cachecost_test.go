package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
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

package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// Storage of the 5 GiB of web is 0.10 a month of 30 days: 0.01 for three days of it, nothing
// once it is gone, and not known where what it was built from is not. What it was built from
// is assumed where it is not told.
func TestExistingStorage(t *testing.T) {
	web := matcher.Cache{ID: "imc-1", Images: []string{"r/web:1"}, SizeGiB: 30, Status: matcher.StatusReady, CreationTime: noon.Add(-time.Hour)}
	built := []matcher.Content{{Reference: "r/web:1", Digest: string(digest(imageDigest, 1))}}
	for _, test := range []struct {
		name    string
		change  func(*matcher.Cache)
		keep    float64 // -1 where it is not known
		assumed bool
		advice  string
		reason  string
	}{
		{"built from what the tag means", func(c *matcher.Cache) { c.Contents = built }, 0.10, false, plan.Drop, "paid for nothing, USD 0.10 a month"},
		{"not told", func(*matcher.Cache) {}, 0.10, true, plan.Drop, ""},
		{"built from what is not listed", func(c *matcher.Cache) {
			c.Contents = []matcher.Content{{Reference: "r/web:1", Digest: string(digest(imageDigest, 9))}}
		}, -1, false, plan.Drop, ""},
		{"expires in three days", func(c *matcher.Cache) { c.Contents, c.ExpireTime = built, noon.AddDate(0, 0, 3) }, 0.01, false, plan.Drop, "USD 0.01 until it expires at 2026-01-04T12:00:00Z"},
		{"expires in a year", func(c *matcher.Cache) { c.Contents, c.ExpireTime = built, noon.AddDate(1, 0, 0) }, 0.10, false, plan.Drop, "a month"},
		{"has expired", func(c *matcher.Cache) { c.ExpireTime = noon }, 0, false, plan.Drop, "it expired at 2026-01-01T12:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := twoApps()
			p.Assign, p.BudgetPerMonth = plan.Explicit, 0.8 // a cache of its own for web, so that nobody uses this one
			c := web
			test.change(&c)
			p.Existing = []matcher.Cache{c}
			got := choose(t, p)
			e := got.Existing[0]
			if test.keep < 0 != (e.KeepPerMonth == nil) || e.KeepPerMonth != nil && !near(e.KeepPerMonth.Amount, test.keep, 1e-9) || e.KeepAssumed != test.assumed {
				t.Errorf("keeping costs %v (assumed %v), want %v", e.KeepPerMonth, e.KeepAssumed, test.keep)
			}
			if e.Advice != test.advice || !strings.Contains(e.Reason, test.reason) {
				t.Errorf("%s: %s", e.Advice, e.Reason)
			}
		})
	}
}

// Storage of existing caches is no part of shared storage, which the plan says.
func TestExistingBesideShared(t *testing.T) {
	p := twoApps()
	p.Existing = []matcher.Cache{{ID: "imc-1", Images: []string{"r/web:1"}, SizeGiB: 30, Status: matcher.StatusReady, CreationTime: noon}}
	for _, storage := range []string{plan.Separate, plan.Shared} {
		p.Storage = storage
		said := slices.ContainsFunc(choose(t, p).Assumptions, func(s string) bool { return strings.Contains(s, "existing caches is billed for each by itself") })
		if said != (storage == plan.Shared) {
			t.Errorf("%s: said is %v", storage, said)
		}
	}
}

// Without an app of its own a plan needs no price of storage; with one it does.
func TestExistingWithoutPrice(t *testing.T) {
	p := twoApps()
	p.Existing = []matcher.Cache{{ID: "imc-1", Images: []string{"r/web:1"}, SizeGiB: 30, Status: matcher.StatusReady, CreationTime: noon}}
	p.Prices.SnapshotGiBMonth = nil
	if _, err := plan.Choose(t.Context(), p); err == nil {
		t.Error("no error with apps")
	}
	p.Apps = nil
	if got := choose(t, p); len(got.Existing) != 1 || got.Existing[0].KeepPerMonth != nil {
		t.Errorf("%+v", got.Existing)
	}
}

package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// TestAccountWidth: whatever names and messages the service has, lines are no wider than
// a terminal, and what would move a terminal's cursor is not written.
func TestAccountWidth(t *testing.T) {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	long := strings.Repeat("registry.example.com/a/very/long/name/", 6) + "image:1"
	third := 1.0 / 3
	money := cost.Money{Amount: 1234567.891, Currency: "USD", PriceDate: "2024-03-08"}
	price := &ChangeCost{Build: &money, BuildAtLeast: true, KeepPerMonth: &money, KeepAtMost: true, UsePerInstanceHour: &money}
	a := &AccountCaches{
		Region: "cn-hangzhou", At: at, Matched: []string{long, long}, Doubts: []string{long + " " + long},
		Caches: []AccountCache{{
			ID: "imc-" + strings.Repeat("0", 60), Name: long, Status: "Creating", ProgressFraction: &third, SizeGiB: 32768,
			Images: []AccountImage{{Reference: long, Drift: DriftDrifted, Reason: long}}, CreationTime: at.AddDate(-9, 0, 0),
			LastMatchedTime: at.AddDate(-8, 0, 0), ExpireTime: at.AddDate(99, 0, 0), Tags: map[string]string{long: long}, Drift: DriftDrifted,
			Cost:   &AccountCost{StoredBytes: 1 << 50, StoredAtMost: true, Build: &money, KeepPerMonth: &money, KeptSoFar: &money, UsePerInstanceHour: &money},
			Events: []CacheEvent{{Time: at, Type: "Warning", Reason: long, Message: "a\x1b[2Jb\n" + long, Count: 9}},
		}, {ID: "imc-1", Status: "Ready"}},
	}
	c := &CacheChanges{Region: "cn-hangzhou", At: at, Cost: price, Doubts: []string{long}, Changes: []CacheChange{
		{
			Action: ChangeCreate, Outcome: OutcomePlanned, Name: long, ID: "imc-" + strings.Repeat("0", 60), Images: []string{long}, SizeGiB: 20, Status: "Preparing",
			Differs: []CacheDifference{{Field: "images", Have: long, Want: long}}, Reason: long, Fit: &CacheFit{Unknown: long}, Cost: price, Error: "a\x1b[2Jb " + long,
		},
		{Action: ChangeKeep, Outcome: OutcomeDone},
	}}
	for name, text := range map[string][]byte{"list": AccountText(a), "show": CacheText(a), "changes": CacheChangesText(c)} {
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if columns(line) > textWidth {
				t.Errorf("%s: %d columns: %s", name, columns(line), line)
			}
			if strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("%s: a control character: %q", name, line)
			}
		}
	}
}

// TestAccountDocuments: what is written is read again as it was.
func TestAccountDocuments(t *testing.T) {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	ready, money := 90*time.Second, cost.Money{Amount: 0.5, Currency: "USD", PriceDate: "2024-03-08"}
	c := &CacheChanges{Region: "r", At: at, DryRun: true, Cost: &ChangeCost{Build: &money, KeepAtMost: true}, Changes: []CacheChange{{
		Action: ChangeCreate, Outcome: OutcomePlanned, Name: "web", Images: []string{"nginx"}, SizeGiB: 20,
		Fit: &CacheFit{UnpackedBytes: 5, Ready: &ready, ReuseFrom: []string{"imc-1"}}, Cost: &ChangeCost{Build: &money},
	}}}
	data, err := document.Marshal(CacheChangesKind, c)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ReadCacheChanges("c.json", data); err != nil || !cmp.Equal(back, c) {
		t.Error(err, cmp.Diff(c, back))
	}
	full := 1.0
	a := &AccountCaches{Region: "r", At: at, Manual: &CacheQuota{Used: 1, Max: 50}, Caches: []AccountCache{{
		ID: "imc-1", Status: "Ready", ProgressFraction: &full, CreationTime: at, Tags: map[string]string{"cachebench:set": "x"}, Drift: DriftSame,
		Images: []AccountImage{{Reference: "nginx", Drift: DriftSame}}, Cost: &AccountCost{KeptSoFar: &money}, Events: []CacheEvent{{Time: at, Message: "m"}},
	}}}
	if data, err = document.Marshal(AccountCachesKind, a); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadAccountCaches("a.json", data); err != nil || !cmp.Equal(back, a) {
		t.Error(err, cmp.Diff(a, back))
	}
}

// TestChangesHeadline: what is said of what was done, and of what is left.
func TestChangesHeadline(t *testing.T) {
	of := func(pairs ...string) *CacheChanges {
		c := &CacheChanges{Region: "r"}
		for _, pair := range pairs {
			action, outcome, _ := strings.Cut(pair, " ")
			c.Changes = append(c.Changes, CacheChange{Action: action, Outcome: outcome})
		}
		return c
	}
	for _, test := range []struct {
		c    *CacheChanges
		want string
	}{
		{of(), "Nothing to do in r."},
		{of("keep done", "keep done"), "Nothing to do: 2 caches kept in r."},
		{of("create planned", "update planned", "keep done"), "1 to create, 1 to update and 1 kept in r."},
		{of("create done", "create failed", "create skipped", "delete skipped"), "1 created, 1 not created, 1 to create and 1 to delete in r."},
	} {
		if got := changesHeadline(test.c); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestAccountTimes: what is over is not in so many days, and what is not told is not never.
func TestAccountTimes(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	c := AccountCache{ID: "imc-1", Status: "Ready", ExpireTime: now.AddDate(0, 0, -274), Cost: &AccountCost{Build: &cost.Money{Amount: 0.25, Currency: "USD"}}}
	a := &AccountCaches{Region: "r", At: now, Caches: []AccountCache{c}}
	list, show := string(AccountText(a)), string(CacheText(a))
	if !strings.Contains(list, " -  274 d ago") || strings.Contains(list, "-274") {
		t.Error(list)
	}
	for _, want := range []string{"2026-03-02 00:00 UTC, expired 274 d ago", "at least USD 0.25, from", "never, or not told"} {
		if !strings.Contains(show, want) {
			t.Errorf("%q is not in\n%s", want, show)
		}
	}
}

// TestAccountTotals: one cache of which nothing is known does not hide what the rest
// costs; amounts are said to be estimated, with the prices' date.
func TestAccountTotals(t *testing.T) {
	money := cost.Money{Amount: 0.25, Currency: "USD", PriceDate: "2024-03-08"}
	kept := AccountCache{ID: "imc-1", Status: "Ready", Cost: &AccountCost{KeepPerMonth: &money, UsePerInstanceHour: &money}}
	bound := AccountCache{ID: "imc-2", Status: "Ready", Cost: &AccountCost{KeepPerMonth: &money, StoredAtMost: true}}
	creating := AccountCache{ID: "imc-3", Status: "Creating", Cost: &AccountCost{}}
	for _, test := range []struct {
		caches []AccountCache
		want   string
	}{
		{[]AccountCache{kept, kept}, "Keeping them costs USD 0.50 a month (estimated, prices of 2024-03-08)."},
		{[]AccountCache{kept, bound}, "Keeping them costs at most USD 0.50 a month (estimated, prices of 2024-03-08)."},
		{[]AccountCache{kept, creating}, "Keeping them costs USD 0.25 a month, without 1 of which that is not known (estimated, prices of 2024-03-08)."},
		{[]AccountCache{creating}, "1 cache in r: 1 manual, 0 automatic."},
		{[]AccountCache{{ID: "imc-4", Status: "Failed", Drift: DriftUnknown}}, "1 cache in r: 1 manual, 0 automatic."},
	} {
		if got := accountTotals(&AccountCaches{Region: "r", Caches: test.caches}); !strings.HasSuffix(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if text := string(CacheText(&AccountCaches{Caches: []AccountCache{kept}})); !strings.Contains(text, "of 2024-03-08; all of these amounts are estimated") {
		t.Error(text)
	}
}

// TestKeptWords: what a new cache has cost so far is not told in digits that mean nothing,
// and an empty account is told in one line.
func TestKeptWords(t *testing.T) {
	for amount, want := range map[float64]string{0: "USD 0.00", 3e-8: "< USD 0.0001", 0.0001: "USD 0.0001", 0.0123: "USD 0.0123"} {
		if got := keptWords(&AccountCache{Cost: &AccountCost{KeptSoFar: &cost.Money{Amount: amount, Currency: "USD"}}}); got != want {
			t.Errorf("%g: %q, want %q", amount, got, want)
		}
	}
	text := string(AccountText(&AccountCaches{Region: "cn-hangzhou", Manual: &CacheQuota{Used: 1, Max: 50}}))
	if want := "No image cache in cn-hangzhou: 0 manual (the account has 1 of at most 50), 0 automatic.\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

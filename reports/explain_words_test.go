package reports

import (
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// TestUnknownIsNotZero: a list of caches may leave out when one was made and how
// large it is; that is not the year 1 and 0 GiB.
func TestUnknownIsNotZero(t *testing.T) {
	for want, c := range map[string]matcher.Candidate{
		"manual, of unknown size, made at an unknown time": {},
		"automatic, 30 GiB, made 2026-10-01 12:30":         {Automatic: true, SizeGiB: 30, CreationTime: time.Date(2026, 10, 1, 12, 30, 0, 0, time.UTC)},
	} {
		if got := cacheWords(&c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestReadingWords: what a reading changes besides the choice is said in words.
func TestReadingWords(t *testing.T) {
	match := &matcher.Match{CacheID: "x"}
	for want, r := range map[string]matcher.Reading{
		"the same choice, but other bytes are still pulled":               {CacheID: "x", Changes: []string{"bytes"}},
		"the same choice, but whether an automatic cache is made differs": {CacheID: "x", Changes: []string{"automatic cache"}},
		"the same choice, but whether the start fails differs":            {CacheID: "x", Changes: []string{"failure"}},
		"y instead: it is newer":                                          {CacheID: "y", Changes: []string{"cache"}, Reason: "it is newer"},
	} {
		if got := readingWords(match, &r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

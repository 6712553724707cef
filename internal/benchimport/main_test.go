package main

import (
	"io"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/clusterhistory"
)

// TestHistory: whatever its size, a history covers the day that an import needs, and stops at
// its size.
func TestHistory(t *testing.T) {
	for _, size := range []int64{leastBytes, 15_000_000, 30_000_000, 49_999_999, 100_000_000} {
		for _, wrapped := range []bool{true, false} {
			opt, err := history(1, size, wrapped)
			if err != nil {
				t.Fatal(err)
			}
			truth, err := clusterhistory.Write(io.Discard, opt)
			if err != nil {
				t.Fatal(err)
			}
			if span := truth.To.Sub(truth.From); span < 30*time.Hour || truth.Bytes < size || truth.Bytes > size+100_000 {
				t.Errorf("%d bytes, wrapped %v: %d bytes over %v", size, wrapped, truth.Bytes, span)
			}
		}
	}
	if _, err := history(1, leastBytes-1, true); err == nil {
		t.Error("a history of less than a day is taken")
	}
	// The gigabyte that is published is of the cluster that it always was.
	opt, err := history(1, 1e9, true)
	if err != nil || opt.Apps != 200 || opt.Nodes != 100 || opt.StartsPerDay != 20_000 {
		t.Errorf("%+v, %v", opt, err)
	}
}

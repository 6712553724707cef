package calibrate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// BenchmarkReplay simulates all arms once, three times each: what a search does
// hundreds of times.
func BenchmarkReplay(b *testing.B) {
	d := recordedData(b)
	v := unset()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.replay(b.Context(), d.cells, &v, nil, 3); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(d.cells)*3)/b.Elapsed().Seconds(), "runs/s")
}

// BenchmarkFit fits a profile to all arms, with its choices and without intervals.
func BenchmarkFit(b *testing.B) {
	d := recordedData(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.fit(b.Context(), d.cells); err != nil {
			b.Fatal(err)
		}
	}
}

// recordedData are the recorded runs.
func recordedData(b *testing.B) *Data {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(recorded, "measured.json"))
	if err != nil {
		b.Fatal(err)
	}
	timeline, err := simulate.ReadTimeline("measured.json", data)
	if err != nil {
		b.Fatal(err)
	}
	d, err := Load([]File{{"measured.json", timeline}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

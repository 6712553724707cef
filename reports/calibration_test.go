package reports

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

func calibrated() *calibrate.Calibration {
	low, high, base, noise := 0.96, 0.98, 1.0, 0.035
	return &calibrate.Calibration{
		Provenance: simulate.Provenance{Version: "test", Seed: 1, Profile: "containerd", Now: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)},
		Tools:      []string{"containerd"}, Hosts: []string{"containerd 2.4.2 on 2 cores, ext4"}, Basis: "layers", Base: "containerd", Profile: "containerd-calibrated",
		Runs: 480, VoidRuns: 2, Startups: 600, Arms: 96, Folds: 5,
		Totals: []calibrate.Scored{
			{What: "all", Scores: []calibrate.Score{
				{By: calibrate.ByBase, Count: 96, Median: 0.3, P90: 0.5, Worst: 1.2, Mean: 0.33, Bias: 0.2, WorstArm: "b"},
				{By: calibrate.ByFit, Count: 96, Median: 0.03, P90: 0.08, Worst: 0.2, Mean: 0.04, Bias: -0.01, WorstArm: "b"},
				{By: calibrate.ByHeldOut, Count: 96, Median: 0.035, P90: 0.09, Worst: 0.25, Mean: 0.045, Bias: -0.0004, WorstArm: "b"},
				{By: calibrate.ByBytes, Count: 96, Median: 0.6, P90: 0.8, Worst: 0.99, Mean: 0.61, Bias: -0.61, WorstArm: "b"},
				{By: calibrate.BySum, Count: 96, Median: 0.08, P90: 0.2, Worst: 0.4, Mean: 0.1, Bias: 0.05, WorstArm: "b"},
				{By: calibrate.Noise, Count: 96, Median: 0.02, P90: 0.06, Worst: 0.2, Mean: 0.035, WorstArm: "b"},
				{By: calibrate.RunNoise, Count: 480, Median: 0.04, P90: 0.1, Worst: 0.4, Mean: 0.07, WorstArm: "b"},
			}},
			{What: calibrate.ClassTogether, Scores: []calibrate.Score{{By: calibrate.ByHeldOut, Count: 12, Median: 0.05, P90: 0.1, Worst: 0.11, Mean: 0.06, Bias: 0.02, WorstArm: "c"}}},
		},
		Parameters: []calibrate.Parameter{
			{Name: "network.goodputFraction", Value: 0.97, Base: &base, Low: &low, High: &high},
			{Name: "network.connectionBytesPerSecond", Unlimited: true, CannotBeTold: "no transfer shows a cap of its own", Measure: "one large layer alone"},
			{Name: "unpack.diskBytesPerSecond", Value: 5e8, Base: &base, Raised: true, CannotBeTold: "decoders are slower than the disk"},
			{Name: "unpack.cores", Value: 16, Base: &base, Set: true, CannotBeTold: "the experiment set it in all arms"},
		},
		Settings: []calibrate.Setting{{Name: "pull.downloadScope", Value: "image"}, {Name: "unpack.cores", Value: "16"}},
		Choices:  []string{"unpack.fetchCores is taken in."},
		Apps:     []calibrate.AppReady{{App: "registry.example.com/shop/web:1", Ready: 312 * time.Millisecond}},
		Cells: []calibrate.Cell{
			{Arm: "web cold", Class: calibrate.ClassShaped, Runs: 5, Measured: 4 * time.Second, Predicted: 3800 * time.Millisecond, Error: -0.05, Noise: &noise},
			{Arm: "web base", Class: calibrate.ClassShaped, Runs: 2, Measured: 900 * time.Millisecond, Predicted: 990 * time.Millisecond, Error: 0.1},
		},
		Doubts: []string{"Two arms have fewer than three runs."},
	}
}

// TestCalibrationText: the answer is the first line.
func TestCalibrationText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCalibration(&b, Text, calibrated(), Options{}); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "calibration.txt"), b.Bytes())
	for _, line := range strings.Split(b.String(), "\n") {
		if columns(line) > textWidth {
			t.Errorf("longer than %d columns: %s", textWidth, line)
		}
	}
}

// TestCalibrationHeadline words what was fitted, what was only checked, and pulls.
func TestCalibrationHeadline(t *testing.T) {
	pulls := &calibrate.Calibration{Basis: "pulls", Runs: 312, Arms: 40, MedianRate: 41e6, Base: "containerd", Profile: "containerd-calibrated", Totals: []calibrate.Scored{{What: "all", Scores: []calibrate.Score{
		{By: calibrate.ByBase, Count: 312, Median: 0.34, Mean: 0.5}, {By: calibrate.ByFit, Count: 312, Median: 0.13, Mean: 0.2}, {By: calibrate.ByHeldOut, Count: 312, Median: 0.14, Mean: 0.21},
	}}}}
	own := *pulls
	own.Base = "mine"
	half := *pulls
	half.Runs, half.Arms, half.FittedArms = 11, 5, 3
	checked := &calibrate.Calibration{Basis: "layers", Runs: 10, Arms: 2, Profile: "mine", Totals: []calibrate.Scored{{What: "all", Scores: []calibrate.Score{{By: calibrate.ByProfile, Mean: 0.07}}}}}
	all := calibrated()
	all.Totals[0].Scores = append(all.Totals[0].Scores[:2:2], all.Totals[0].Scores[5])
	for _, c := range []struct {
		of   *calibrate.Calibration
		want string
	}{
		{pulls, "your 312 pulls: median 41 MB/s; error 34 % built-in, 14 % held-out after fitting (median absolute)"},
		{&own, "your 312 pulls: median 41 MB/s; error 34 % on profile mine, 14 % held-out after fitting (median absolute)"},
		{&half, "your 11 pulls: median 41 MB/s; error 34 % built-in, 14 % held-out, on the pulls of the 2 images beside the 3 that it was fitted to (median absolute)"},
		{checked, "10 runs of 2 arms: error 7 % on profile mine (mean absolute)."},
		{calibrated(), "480 runs of 96 arms: error 33 % on profile containerd, 4.5 % held-out after fitting (mean absolute); measured again, their medians would differ by 3.5 %."},
		{all, "480 runs of 96 arms: error 33 % on profile containerd, 4 % after fitting, on the runs that it was fitted to (mean absolute); measured again, their medians would differ by 3.5 %."},
		{&calibrate.Calibration{}, "Nothing could be compared."},
		{&calibrate.Calibration{Basis: "layers", Totals: []calibrate.Scored{{What: "all"}}}, "Nothing could be compared."},
		{&calibrate.Calibration{Basis: "pulls", Totals: []calibrate.Scored{{What: "all", Scores: []calibrate.Score{{By: calibrate.Noise}}}}}, "Nothing could be compared."},
	} {
		if got := CalibrationHeadline(c.of); got != c.want {
			t.Errorf("%s\nnot %s", got, c.want)
		}
	}
	if err := CheckCalibration(pulls, 0.15); err != nil {
		t.Error(err)
	}
	if err := CheckCalibration(pulls, 0.13); !errors.Is(err, ErrRule) {
		t.Error(err)
	}
	if err := CheckCalibration(calibrated(), 0.045); err != nil {
		t.Error(err)
	}
	if err := CheckCalibration(all, 1); !errors.Is(err, ErrUnjudged) {
		t.Error(err)
	}
}

// TestCalibrationOfLittle: a file may hold less than a fit or a check ever writes, and
// is shown all the same.
func TestCalibrationOfLittle(t *testing.T) {
	const head = `{"apiVersion": "cachebench/v1", "kind": "Calibration", "provenance": {"version": "0", "seed": 1, "profile": "p"}, "tools": ["pull"], "basis": "layers", "profile": "p", "runs": 1, "startups": 1, "arms": 1, "simulated": 0, `
	for _, rest := range []string{
		`"totals": []}`,
		`"totals": [{"what": "all", "scores": []}]}`,
		`"totals": [{"what": "all", "scores": [{"by": "noise", "count": 1, "median": 0, "p90": 0, "worst": 0, "mean": 0, "bias": 0}]}]}`,
		`"totals": [{"what": "all", "scores": [{"by": "base", "count": 1, "median": 0, "p90": 0, "worst": 0, "mean": 0, "bias": 0}]}], "phases": [{"what": "fetch", "scores": []}], "images": [{"what": "a", "scores": []}]}`,
	} {
		c, err := calibrate.Read("c.json", []byte(head+rest))
		if err != nil {
			t.Errorf("%s: %v", rest, err)
			continue
		}
		for _, format := range TableFormats() {
			if err := WriteCalibration(io.Discard, format, c, Options{}); err != nil {
				t.Errorf("%s as %s: %v", rest, format, err)
			}
		}
		if err := CheckCalibration(c, 1); !errors.Is(err, ErrUnjudged) {
			t.Errorf("%s: %v", rest, err)
		}
	}
	if _, err := calibrate.Read("c.json", []byte(head+`"totals": [{"what": "all"}]}`)); err == nil || !strings.Contains(err.Error(), "scores is missing") {
		t.Errorf("%v", err)
	}
}

// TestWorstArms: what the profile was fitted to is not among what was predicted.
func TestWorstArms(t *testing.T) {
	c := calibrated()
	c.FittedArms, c.Cells[1].Fitted = 1, true
	var b bytes.Buffer
	if err := WriteCalibration(&b, Text, c, Options{}); err != nil {
		t.Fatal(err)
	}
	_, worst, _ := strings.Cut(b.String(), "Arms that are predicted worst")
	if strings.Contains(worst, "web base") || !strings.Contains(worst, "web cold") {
		t.Errorf("the list of the worst is\n%s", worst)
	}
}

// TestPullErrorsAreMedians: of a cluster's pulls the table is of the same figures as the
// sentence above it.
func TestPullErrorsAreMedians(t *testing.T) {
	c := &calibrate.Calibration{Basis: "pulls", Tools: []string{"kubelet"}, Runs: 312, Arms: 40, MedianRate: 41e6, Base: "containerd", Profile: "p", Totals: []calibrate.Scored{{What: "all", Scores: []calibrate.Score{
		{By: calibrate.ByBase, Count: 312, Median: 0.34, Mean: 0.5}, {By: calibrate.ByHeldOut, Count: 312, Median: 0.14, Mean: 0.21},
	}}}}
	var b bytes.Buffer
	if err := WriteCalibration(&b, Text, c, Options{}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "  34 %      14 %") || strings.Contains(text, "50 %") || !strings.Contains(text, "Median absolute errors") {
		t.Errorf("got\n%s", text)
	}
}

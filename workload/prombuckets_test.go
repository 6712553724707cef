package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The classes and the bounds of Kubernetes 1.34's kubelet (pkg/kubelet/metrics/metrics.go:
// imageSizeBuckets, imagePullDurationBuckets).
var (
	kubeletClasses = []struct {
		above int64
		label string
	}{
		{0, "0-10MB"}, {10 << 20, "10MB-100MB"}, {100 << 20, "100MB-500MB"}, {500 << 20, "500MB-1GB"}, {1 << 30, "1GB-5GB"}, {5 << 30, "5GB-10GB"},
		{10 << 30, "10GB-20GB"}, {20 << 30, "20GB-30GB"}, {30 << 30, "30GB-40GB"}, {40 << 30, "40GB-60GB"}, {60 << 30, "60GB-100GB"}, {100 << 30, "GT100GB"},
	}
	kubeletBounds = []float64{1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600}
)

// TestSizeClass: each class of the kubelet's begins where the one before ends, as its source
// has it.
func TestSizeClass(t *testing.T) {
	for n, c := range kubeletClasses {
		upTo := int64(0)
		if n+1 < len(kubeletClasses) {
			upTo = kubeletClasses[n+1].above
		}
		if above, to, ok := sizeClass(c.label); above != c.above || to != upTo || !ok {
			t.Errorf("%s: %d to %d, %v; want %d to %d", c.label, above, to, ok, c.above, upTo)
		}
	}
	for _, not := range []string{"N/A", "all", "", "GT", "GTMB", "0-0MB", "5GB-1GB", "1-5", "-5MB", "x-5MB", "10MB", "1e9GB-2e9GB"} {
		if above, to, ok := sizeClass(not); ok {
			t.Errorf("%q: %d to %d", not, above, to)
		}
	}
}

// TestCountedPulls: of kubelets that come, pull and restart, as many pulls are counted in
// each bucket as there were, in one range, in two that overlap, in either order, and as two
// replicas of Prometheus tell of them.
func TestCountedPulls(t *testing.T) {
	const begin, step, steps, nodes = 1795172400, 60, 400, 6
	bounds := append(slices.Clone(kubeletBounds), 0) // 0 is +Inf
	rng := rand.New(rand.NewPCG(5, 5))
	type key struct {
		node, class, bound int
	}
	values := map[key][]string{} // from the step on at which it begins
	since := map[key]int{}
	truth := map[string]map[int]int{} // pulls by class and bucket
	for node := range nodes {
		comes := 0 // two kubelets come later
		if node >= 4 {
			comes = 50 * node
		}
		counts := map[key]int{}
		for at := comes; at < steps; at++ {
			if rng.IntN(150) == 0 { // it restarts right after a sample, and begins at 0
				for k := range counts {
					counts[k] = 0
				}
			}
			pulls := rng.IntN(3)
			if at == 0 {
				pulls = 7 // before the range
			}
			for range pulls {
				class := rng.IntN(4)
				if class == 3 && at < 200 {
					class = 0 // the largest are pulled late alone
				}
				took := rng.ExpFloat64() * 20 * float64(class+1)
				bucket := 0
				for bucket < len(bounds)-1 && took > bounds[bucket] {
					bucket++
				}
				for b := range bounds {
					k := key{node, class, b}
					counts[k] += 0 // all buckets of a class come at once
					if b >= bucket {
						counts[k]++
					}
				}
				if at > 0 {
					label := kubeletClasses[class].label
					if truth[label] == nil {
						truth[label] = map[int]int{}
					}
					truth[label][bucket]++
				}
			}
			for k, n := range counts {
				if values[k] == nil {
					since[k] = at
				}
				values[k] = append(values[k], strconv.Itoa(n))
			}
		}
	}
	text := func(from, to int, replica string) string {
		var series []string
		for k, list := range values {
			var samples []string
			for n, v := range list {
				if at := since[k] + n; at >= from && at < to {
					samples = append(samples, fmt.Sprintf("[%d,%q]", begin+at*step, v))
				}
			}
			if len(samples) == 0 {
				continue
			}
			le := "+Inf"
			if bounds[k.bound] > 0 {
				le = fmt.Sprint(bounds[k.bound])
			}
			series = append(series, fmt.Sprintf(`{"metric":{"__name__":%q,"instance":"10.0.0.%d:10250","image_size_in_bytes":%q,"le":%q%s},"values":[%s]}`,
				pullBuckets, k.node, kubeletClasses[k.class].label, le, replica, strings.Join(samples, ",")))
		}
		slices.Sort(series)
		return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
	}
	var want []string
	for _, c := range kubeletClasses[:4] {
		line := c.label
		for b := range bounds {
			if n := truth[c.label][b]; n > 0 {
				line += fmt.Sprintf(" %v:%d", bounds[b], n)
			}
		}
		want = append(want, line)
	}
	for name, texts := range map[string][]string{
		"one":         {text(0, steps, "")},
		"two":         {text(0, 220, ""), text(220, steps, "")},
		"overlapping": {text(0, 250, ""), text(180, steps, "")},
		"backwards":   {text(180, steps, ""), text(0, 250, "")},
		"three":       {text(300, steps, ""), text(0, 100, ""), text(90, 310, "")},
		"again":       {text(0, steps, ""), text(0, steps, "")},
		"replicas":    {text(0, steps, `,"prometheus_replica":"a"`), text(0, steps, `,"prometheus_replica":"b"`)},
	} {
		var got []string
		h := importText(t, PullOptions{}, texts...)
		for _, d := range h.PullDurations {
			line, sum := d.Size, 0
			for _, b := range d.Buckets {
				line += fmt.Sprintf(" %v:%d", b.UpTo.Seconds(), b.Pulls)
				sum += b.Pulls
			}
			if sum != d.Pulls {
				t.Errorf("%s: %d in buckets, %d in all", d.Size, sum, d.Pulls)
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestUnknownSizes: pulls of images whose size the runtime did not tell are last, of no
// range of sizes.
func TestUnknownSizes(t *testing.T) {
	bucket := func(class, le string) string {
		return promSeries(pullBuckets, `"image_size_in_bytes":"`+class+`","le":"`+le+`"`, 1795172400, 0, 1795172460, 3)
	}
	h := importText(t, PullOptions{}, `{"data":{"result":[`+bucket("N/A", "+Inf")+","+bucket("GT100GB", "+Inf")+","+bucket("0-10MB", "1")+","+bucket("0-10MB", "+Inf")+`]}}`)
	var got []string
	for _, d := range h.PullDurations {
		got = append(got, fmt.Sprintln(d.Size, d.AboveBytes, d.UpToBytes, d.Pulls, d.Buckets))
	}
	if diff := cmp.Diff([]string{"0-10MB 0 10485760 3 [{0s 1s 3}]\n", "GT100GB 107374182400 0 3 [{0s 0s 3}]\n", "N/A 0 0 3 [{0s 0s 3}]\n"}, got); diff != "" {
		t.Error(diff)
	}
	_, err := new(HistoryImporter).Read("in.json", strings.NewReader(`{"data":{"result":[`+bucket("0-10MB", "x")+`]}}`), PrometheusInput)
	if err == nil || !strings.Contains(err.Error(), `le "x" is no number of seconds`) {
		t.Error(err)
	}
}

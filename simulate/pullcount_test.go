package simulate

import (
	"strings"
	"testing"
)

// TestReadPullCounts: counts of pulls that cannot be are told with their place.
func TestReadPullCounts(t *testing.T) {
	for counts, want := range map[string]string{
		`{"size":"10MB-100MB","aboveBytes":10,"upToBytes":100,"buckets":[{"upToSeconds":1,"pulls":2},{"aboveSeconds":5,"upToSeconds":10,"pulls":2},{"aboveSeconds":10,"pulls":1}]}`: "",
		`{"size":"N/A","buckets":[{"pulls":2}]}`:                                                             "",
		`{"size":"x","aboveBytes":10,"upToBytes":10,"buckets":[]}`:                                           "measurement.pullCounts[0]: sizes of class x are above 10 bytes and up to 10",
		`{"size":"x","buckets":[{"upToSeconds":1,"pulls":-2}]}`:                                              "measurement.pullCounts[0].buckets[0]: a bucket of -2 pulls",
		`{"size":"x","buckets":[{"upToSeconds":5,"pulls":2},{"aboveSeconds":1,"upToSeconds":6,"pulls":2}]}`:  "measurement.pullCounts[0].buckets[1]: a bucket of 2 pulls from 1s to 6s after one to 5s",
		`{"size":"x","buckets":[{"aboveSeconds":1,"pulls":2},{"aboveSeconds":2,"upToSeconds":6,"pulls":2}]}`: "measurement.pullCounts[0].buckets[0]: ",
	} {
		_, err := ReadTimeline("t.json", []byte(`{"apiVersion":"cachebench/v1","kind":"Timeline","provenance":{"version":"1","seed":1,"profile":"p"},"startups":[],"measurement":{"tool":"kubelet","pullCounts":[`+counts+`]}}`))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", counts, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", counts, err, want)
		}
	}
}

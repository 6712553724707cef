package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// eventAt is a line of a history: an event of an object at a second from a Monday on.
func eventAt(at int, kind, name, reason, message string) string {
	stamp := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(at) * time.Second).Format(time.RFC3339)
	return fmt.Sprintf(`{"metadata":{"name":"%s.%d","namespace":"shop","uid":"%s-%s-%d"},"involvedObject":{"kind":"%s","namespace":"shop","name":"%s","uid":"u-%s"},"reason":"%s","message":%q,"firstTimestamp":"%s","lastTimestamp":"%s","count":1}`,
		name, at, name, reason, at, kind, name, name, reason, message, stamp, stamp) + "\n"
}

// TestJobRunTimes: of Jobs whose ends are told, pods' run times are those from the container's
// start to the end of the Job, however short, and however the history is cut into files.
func TestJobRunTimes(t *testing.T) {
	for _, run := range []int{1, 5, 300, 700, 1500, 1797, 1800, 1900, 3000} {
		for _, pods := range []int{1, 3} {
			var lines []string
			starts := 0
			for k := range 60 {
				at := k * 3000
				job := fmt.Sprintf("nightly-%d", 29_900_000+k*50)
				ended := at + 2 + run
				for p := range pods {
					pod := fmt.Sprintf("%s-x4bc%c", job, "dfg"[p])
					lines = append(lines, eventAt(at, "Job", job, "SuccessfulCreate", "Created pod: "+pod),
						eventAt(at, "Pod", pod, "Scheduled", "Successfully assigned shop/"+pod+" to worker-1"),
						eventAt(at+1, "Pod", pod, "Pulled", `Container image "example.com/cron:2" already present on machine`),
						eventAt(at+2, "Pod", pod, "Started", "Started container main"))
					starts++
				}
				reason := []string{"Completed", "BackoffLimitExceeded", "DeadlineExceeded"}[k%3]
				lines = append(lines, eventAt(ended, "Job", job, reason, "Job ended"))
			}
			all := strings.Join(lines, "")
			half := len(lines) / 2
			first, second := strings.Join(lines[:half+5*pods], ""), strings.Join(lines[half:], "")
			for name, files := range map[string][]string{"once": {all}, "twice": {all, all}, "halves": {strings.Join(lines[:half], ""), second}, "overlapping": {first, second}, "more": {first, all, second}} {
				h := importText(t, PullOptions{}, files...)
				a, origin := h.Workload.Apps, h.Origins
				want := fmt.Sprintf("median of %d pods that ended", starts)
				if len(a) != 1 || a[0].Runtime != time.Duration(run)*time.Second || origin[0].Runtime != want || h.History.Starts != starts {
					t.Errorf("%d pods of %d s, %s: %+v, %+v, %d starts; want %s", pods, run, name, a, origin, h.History.Starts, want)
				}
			}
		}
	}
}

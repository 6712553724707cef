package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// eciPages are the answers of one call of DescribeContainerGroups: a group each half hour from
// an hour on, so many on a page, each with a pull of 200 MB in 8.2 s.
func eciPages(t *testing.T, hour, groups, onPage int, keys func(page, pages int) map[string]any) []string {
	t.Helper()
	stamp := func(n, after int) string {
		return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC).Add(time.Duration(n*1800+after) * time.Second).Format(time.RFC3339)
	}
	var pages []string
	total := (groups + onPage - 1) / onPage
	for p := range total {
		var list []any
		for n := p * onPage; n < min(groups, (p+1)*onPage); n++ {
			list = append(list, map[string]any{
				"ContainerGroupId": fmt.Sprintf("eci-%d-%d", hour, n), "ContainerGroupName": fmt.Sprintf("report-7d9f8-%d", n), "CreationTime": stamp(n, 0), "SucceededTime": stamp(n, 900),
				"Cpu": 4, "Memory": 8, "Containers": []any{map[string]any{"Name": "c1", "Image": "example.com/report:5", "CurrentState": map[string]any{"StartTime": stamp(n, 22)}}},
				"Events": []any{
					map[string]any{"Reason": "Pulling", "Message": `Pulling image "example.com/report:5"`, "Count": 1, "FirstTimestamp": stamp(n, 12), "LastTimestamp": stamp(n, 12)},
					map[string]any{"Reason": "Pulled", "Message": `Successfully pulled image "example.com/report:5" in 8.2s (8.2s including waiting). Image size: 200000000 bytes.`, "Count": 1, "FirstTimestamp": stamp(n, 20), "LastTimestamp": stamp(n, 20)},
				},
			})
		}
		answer := keys(p, total)
		answer["ContainerGroups"] = list
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, string(text))
	}
	return pages
}

// TestECIPages: the pages of one answer are one look at the region, however they are told to
// belong together, and in whatever order files are named; answers with hours between are not.
func TestECIPages(t *testing.T) {
	next := func(p, pages int) string {
		if p < pages-1 {
			return fmt.Sprintf("token-%d", p)
		}
		return ""
	}
	requests := 0
	asked := func() int { requests++; return requests }
	byTotal := func(p, pages int) map[string]any {
		return map[string]any{"RequestId": fmt.Sprint("R", asked()), "TotalCount": 48, "NextToken": next(p, pages)}
	}
	byNumber := func(p, pages int) map[string]any {
		return map[string]any{"RequestId": fmt.Sprint("R", asked()), "TotalCount": 48, "PageNumber": p + 1, "PageSize": 16}
	}
	byRequest := func(p, pages int) map[string]any { return map[string]any{"RequestId": "A"} }
	byToken := func(p, pages int) map[string]any {
		return map[string]any{"RequestId": fmt.Sprint("R", asked()), "NextToken": next(p, pages)}
	}
	two := append(eciPages(t, 0, 48, 20, byTotal), eciPages(t, 48, 48, 20, byTotal)...)
	whole := eciPages(t, 0, 48, 16, byTotal)
	for _, test := range []struct {
		name  string
		files []string
		pulls int
		gaps  int
	}{
		{"total", whole, 48, 0},
		{"backwards", []string{whole[2], whole[0], whole[1]}, 48, 0},
		{"one file", []string{strings.Join(whole, "\n")}, 48, 0},
		{"page twice", []string{whole[0], whole[1], whole[1], whole[2]}, 48, 0},
		{"number", eciPages(t, 0, 48, 16, byNumber), 48, 0},
		{"request", eciPages(t, 0, 48, 16, byRequest), 48, 0},
		{"token", eciPages(t, 0, 48, 16, byToken), 48, 0},
		{"two looks a day apart", two, 96, 1},
		{"two looks by token", append(eciPages(t, 0, 48, 16, byToken), eciPages(t, 48, 48, 16, byToken)...), 96, 1},
	} {
		h := importText(t, PullOptions{ScaleToDay: true}, test.files...)
		if h.Window.Gaps != test.gaps || len(h.Pulls) != test.pulls || h.History.Starts != test.pulls {
			t.Errorf("%s: %d gaps, %d pulls, %d starts, want %d gaps and %d pulls; %v", test.name, h.Window.Gaps, len(h.Pulls), h.History.Starts, test.gaps, test.pulls, h.Doubts)
		}
		for _, p := range h.Pulls {
			if f := p.Fetched(); f == nil || *f != 200_000_000 || !p.Sized() || p.Outcome != Pulled || *p.Took != 8200*time.Millisecond {
				t.Fatalf("%s: %+v", test.name, p)
			}
		}
		if hasDoubt(h, "the size of") {
			t.Errorf("%s: %v", test.name, h.Doubts)
		}
	}
}

// TestSizeWithoutNodes: where nothing tells a node's runtime, the size of a message is taken
// for the compressed one, and that is doubted; a node that is listed tells it, and of a runtime
// that unpacks the size is no longer that of what was fetched.
func TestSizeWithoutNodes(t *testing.T) {
	events := eventAt(0, "Pod", "web-x4bcd", "Pulling", `Pulling image "r/web:1"`) +
		eventAt(5, "Pod", "web-x4bcd", "Pulled", `Successfully pulled image "r/web:1" in 5s (5s including waiting). Image size: 150000000 bytes.`)
	events = strings.ReplaceAll(events, `"count":1`, `"count":1,"source":{"host":"worker-1"}`)
	node := func(name, runtime string) string {
		return `{"kind":"List","items":[{"kind":"Node","metadata":{"name":"` + name + `","creationTimestamp":"2026-11-01T00:00:00Z"},"status":{"nodeInfo":{"containerRuntimeVersion":"` + runtime + `"}}}]}`
	}
	for _, test := range []struct {
		name        string
		files       []string
		compressed  bool
		unpacked    bool
		doubt, none string
	}{
		{"alone", []string{events}, true, false, "the size of 1 pull is taken for the compressed one", "is unknown"},
		{"containerd", []string{events, node("worker-1", "containerd://1.7.27")}, true, false, "", "the size of"},
		{"containerd elsewhere", []string{events, node("worker-2", "containerd://1.7.27")}, true, false, "", "the size of"},
		{"cri-o", []string{events, node("worker-1", "cri-o://1.33")}, false, true, "the size of 1 pull is the unpacked one", "taken for"},
		{"another", []string{events, node("worker-1", "other://1")}, false, false, "the size of 1 pull is unknown", "taken for"},
	} {
		h := importText(t, PullOptions{}, test.files...)
		if len(h.Pulls) != 1 {
			t.Fatalf("%s: %+v", test.name, h.Pulls)
		}
		p := h.Pulls[0]
		if (p.CompressedBytes != nil) != test.compressed || (p.UnpackedBytes != nil) != test.unpacked || p.Outcome != Pulled || p.Sized() != test.compressed {
			t.Errorf("%s: %+v", test.name, p)
		}
		if test.doubt != "" && !hasDoubt(h, test.doubt) || hasDoubt(h, test.none) {
			t.Errorf("%s: %v", test.name, h.Doubts)
		}
	}
}

package workload

import (
	"errors"
	"strings"
	"testing"
)

// TestLackingInputs: of each format it is said what an input is that gives nothing, what it
// lacks and how to get it.
func TestLackingInputs(t *testing.T) {
	const pulled = `{"involvedObject":{"kind":"Pod","namespace":"a","name":"p-x4bcd","fieldPath":"spec.containers{c}"},"reason":"Pulled","message":"Container image \"i:1\" already present on machine","lastTimestamp":"2026-11-20T10:00:01Z"}`
	matrix := func(series string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}}`
	}
	started := `{"metric":{"__name__":"kube_pod_start_time","namespace":"a","pod":"b-x4bcd"},"values":[[1795172400,"1795172400"]]}`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"no series":        {matrix(""), []string{"in (prometheus) holds no series", "promtool query range", "kube_pod_container_info and kube_pod_start_time"}},
		"another metric":   {matrix(`{"metric":{"__name__":"up"},"values":[[1795172400,"1"]]}`), []string{"in (prometheus) holds 1 series, none of a metric that is read"}},
		"no start":         {matrix(strings.Replace(started, "start_time", "status_ready_time", 1)), []string{"query kube_pod_start_time", "query kube_pod_container_info"}},
		"crictl":           {`{"images": []}`, []string{"in (crictl) lists no image with a name", "crictl images -o json", "--runtime-endpoint"}},
		"crictl, no names": {`{"images":[{"id":"sha256:1","repoTags":[],"repoDigests":[],"size":"7"}]}`, []string{"in (crictl) lists no image with a name"}},
		"eci":              {`{"RequestId":"1","TotalCount":0,"ContainerGroups":[]}`, []string{"in (eci) lists no container group", "eci:DescribeContainerGroups"}},
		"events":           {`{"involvedObject":{"kind":"Pod","name":"a"},"reason":"Unhealthy","lastTimestamp":"2026-11-20T10:00:00Z"}`, []string{"in (events) holds 1 line, none of which tells of a start", "Scheduled"}},
		"kubectl":          {`{"kind":"List","apiVersion":"v1","items":[]}`, []string{"no pods and no events", "kubectl get pods,events,nodes"}},
	} {
		var i HistoryImporter
		if _, err := i.Read("in", strings.NewReader(test.text), ""); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err := i.History(PullOptions{})
		if !errors.Is(err, ErrNothing) && !errors.Is(err, ErrNoPulls) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nwant %q", name, err, want)
			}
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"Prometheus' error":    {`{"status":"error","errorType":"bad_data","error":"parse error at char 3"}`, "in:1: Prometheus answered with an error (bad_data: parse error at char 3) instead of a result: mend the query"},
		"its time is over":     {`{"status":"error","errorType":"timeout","error":"query timed out"}`, "ask for a shorter time"},
		"ECI's error":          {`{"RequestId":"1","HostId":"eci.aliyuncs.com","Code":"Forbidden.RAM","Message":"not authorized"}`, "in:1: Alibaba Cloud answered with an error (Forbidden.RAM: not authorized) instead of container groups; run aliyun eci"},
		"an empty object":      {"{}\n", "in:1: an empty object, of no format"},
		"promtool's emptiness": {"[]\n", "in:1: an empty list, as promtool prints of a query that matched nothing: query kube_pod_container_info"},
	} {
		_, err := new(HistoryImporter).Read("in", strings.NewReader(test.text), "")
		if err == nil || !strings.HasPrefix(err.Error(), "in:1: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %q", name, err, test.want)
		}
	}
	// Beside what gives something it is a doubt.
	h := importText(t, PullOptions{}, pulled, matrix(""), matrix(started))
	text := strings.Join(h.Doubts, "\n")
	for _, want := range []string{"nothing came of input-1 (prometheus), which holds no series", "of no pod in Prometheus' results is an image told: query kube_pod_container_info"} {
		if !strings.Contains(text, want) {
			t.Errorf("doubts %s\nwant %q", text, want)
		}
	}
	// Each of several is told.
	var i HistoryImporter
	for name, text := range map[string]string{"a": matrix(""), "b": `{"images":[]}`} {
		if _, err := i.Read(name, strings.NewReader(text), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := i.History(PullOptions{}); err == nil || !strings.Contains(err.Error(), "a (prometheus) holds") || !strings.Contains(err.Error(), "b (crictl) lists") {
		t.Error(err)
	}
}

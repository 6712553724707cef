package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cachebench/cachebench/internal/document"
)

// importText makes a history of texts.
func importText(t *testing.T, opt PullOptions, texts ...string) *PullHistory {
	t.Helper()
	var i HistoryImporter
	for n, text := range texts {
		if _, err := i.Read(fmt.Sprintf("input-%d", n), strings.NewReader(text), ""); err != nil {
			t.Fatal(err)
		}
	}
	h, err := i.History(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Workload.Validate(); err != nil && len(h.Workload.Apps) > 0 {
		t.Fatal(err)
	}
	return h
}

const (
	plainEvent   = `{"involvedObject":{"kind":"Pod","name":"a"},"reason":"Pulled"}`
	slsEvent     = `{"eventId":"{\n \"involvedObject\": {\"kind\": \"Pod\", \"name\": \"a\"}}","level":"Normal"}`
	kafkaEvent   = `{"EventValue":"{\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"a\"}}","EventTimestamp":"2026-11-20T10:00:00Z"}`
	elasticEvent = `{"_index":"e","_source":{"regarding":{"kind":"Pod","name":"a"}}}`
	promText     = `{"status":"success","data":{"resultType":"matrix","result":[]}}`
)

// TestInputFormats: what a text is, its beginning tells.
func TestInputFormats(t *testing.T) {
	for text, want := range map[string]InputFormat{
		"": KubectlInput, "apiVersion: v1\nkind: List\n": KubectlInput, "NAME READY\n": KubectlInput, "hello": KubectlInput,
		`{"kind":"List","items":[{"kind":"Event","involvedObject":{}}]}`: KubectlInput,
		"{\n \"apiVersion\": \"v1\",\n \"items\": [":                     KubectlInput,
		"{\n  \"kind\": \"Event\",\n  \"involvedObject\": {}\n}\n{\n":    KubectlInput,
		plainEvent: EventsInput, plainEvent + "\n" + plainEvent: EventsInput, slsEvent: EventsInput, kafkaEvent: EventsInput, elasticEvent: EventsInput,
		`{"type":"ADDED","object":` + plainEvent + `}`: EventsInput,
		promText: PrometheusInput, "[{\"metric\":{\"__name__\":\"up\"},\"values\":[[1,\"1\"]]}]": PrometheusInput,
		"{\n  \"images\": [\n    {\"id\": \"sha256:1\", \"repoTags\": []": CrictlInput,
		`{"RequestId":"1","TotalCount":1,"ContainerGroups":[`:             ECIInput,
		"time_seconds,app,images,count\n":                                 TraceInput, "app,count,\"images\",time_seconds\n": TraceInput, `{"time_seconds":1,"app":"a","images":["i"],"count":1}`: TraceInput,
	} {
		if got := formatOf([]byte(text)); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// TestPackedInputs: gzip and zstd are read, several members too; what is cut short is a
// fault.
func TestPackedInputs(t *testing.T) {
	text := strings.Repeat(`{"time_seconds":1,"app":"a","images":["i:1"],"count":2}`+"\n", 1000)
	var gz, zst bytes.Buffer
	for range 2 {
		g := gzip.NewWriter(&gz)
		g.Write([]byte(text))
		g.Close()
		z, err := zstd.NewWriter(&zst)
		if err != nil {
			t.Fatal(err)
		}
		z.Write([]byte(text))
		z.Close()
	}
	for name, packed := range map[string][]byte{"plain": []byte(text + text), "gzip": gz.Bytes(), "zstd": zst.Bytes()} {
		var i HistoryImporter
		if format, err := i.Read(name, bytes.NewReader(packed), ""); err != nil || format != TraceInput {
			t.Fatalf("%s: %s, %v", name, format, err)
		}
		h, err := i.History(PullOptions{})
		if err != nil || h.History.Starts != 4000 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if name == "plain" {
			continue
		}
		_, err = new(HistoryImporter).Read(name, bytes.NewReader(packed[:len(packed)-20]), "")
		if err == nil || !strings.Contains(err.Error(), "read "+name+" as "+name) {
			t.Errorf("%s, cut short: %v", name, err)
		}
	}
}

// promSeries writes a series.
func promSeries(name, labels string, samples ...any) string {
	var list []string
	for n := 0; n < len(samples); n += 2 {
		list = append(list, fmt.Sprintf(`[%v,"%v"]`, samples[n], samples[n+1]))
	}
	return fmt.Sprintf(`{"metric":{"__name__":"%s",%s},"values":[%s]}`, name, labels, strings.Join(list, ","))
}

// TestPrometheusRange: worked by hand. The samples go over 36 hours, every 60 s at least.
// Pod 1 starts an hour in and ends 3,600 s later; pod 2 starts then too and is there at the
// end; pod 0 was there before.
func TestPrometheusRange(t *testing.T) {
	const begin = 1_763_942_400.0 // Monday 2025-11-24 00:00 UTC
	pod := func(n int) string {
		return fmt.Sprintf(`"namespace":"shop","pod":"web-5d4c8b7f6d-x%dbcd","uid":"u%d"`, n+4, n)
	}
	end := begin + 36*3600
	var series []string
	for n, at := range []float64{begin - 7200, begin + 3600, begin + 3600} {
		last := end
		if n == 1 {
			last = begin + 7200
		}
		first := max(begin, at)
		series = append(series,
			promSeries("kube_pod_container_info", pod(n)+`,"container":"main","image":"registry.example.com/shop/web:1","image_spec":"registry.example.com/shop/web:1"`, first, 1, first+60, 1, last, 1),
			promSeries("kube_pod_start_time", pod(n), first, at, last, at),
			promSeries("kube_pod_status_ready_time", pod(n), first, at+30, last, at+30))
	}
	series = append(series, promSeries("kube_pod_owner", pod(2)+`,"owner_kind":"ReplicaSet","owner_name":"web-5d4c8b7f6d"`, begin, 1), promSeries("up", `"job":"x"`, begin, 1))
	bucket := func(le string, values ...any) {
		series = append(series, promSeries("kubelet_image_pull_duration_seconds_bucket", `"image_size_in_bytes":"100MB-500MB","le":"`+le+`"`, values...))
	}
	// 10 pulls: 4 of at most 5 s; 8 of at most 10 s; a counter begins anew and counts 2 more.
	bucket("5", begin, 100, begin+60, 104, begin+120, 0)
	bucket("10", begin, 100, begin+60, 106, begin+120, 2)
	bucket("+Inf", begin, 100, begin+60, 108, begin+120, 2)
	api := `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
	promtool := "[" + strings.Join(series, ",\n") + "]\n"
	for _, text := range []string{api, promtool} {
		h := importText(t, PullOptions{}, text)
		if len(h.Workload.Apps) != 1 {
			t.Fatalf("%+v", h.Workload)
		}
		a := h.Workload.Apps[0]
		want := App{Name: "shop/web", Images: []string{"registry.example.com/shop/web:1"}, StartsPerDay: 1.33, Runtime: time.Hour, CPU: 2, MemoryGiB: 4}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Error(diff)
		}
		if h.History.Starts != 2 || *h.History.StartToReady != 30*time.Second || h.History.Window.Covered != 36*time.Hour || h.Origins[0].Controller != "Deployment" {
			t.Errorf("%+v, %+v", h.History, h.Origins)
		}
		wantSkipped := []Dropped{{"a pod that started before the first sample", 1}, {"a series of another metric, or of none", 1}}
		if diff := cmp.Diff(wantSkipped, h.History.Skipped); diff != "" {
			t.Error(diff)
		}
		// Half of 10 is a quarter of the way from the 4 at 5 s to the 8 at 10 s; nine of ten
		// are in the last bucket, of which only the bound below is known.
		if diff := cmp.Diff([]PullDurations{{
			Size: "100MB-500MB", AboveBytes: 100 << 20, UpToBytes: 500 << 20, Pulls: 10, Median: 6250 * time.Millisecond, P90: 10 * time.Second,
			Buckets: []PullBucket{{0, 5 * time.Second, 4}, {5 * time.Second, 10 * time.Second, 4}, {10 * time.Second, 0, 2}},
		}}, h.PullDurations); diff != "" {
			t.Error(diff)
		}
	}
	for text, want := range map[string]string{
		`{"data":{"result":[{"metric":{"__name__":"kube_pod_info"},"values":[[2,"1"],[1,"1"]]}]}}`: "in.json:1: not the result of a range query: item 1 (kube_pod_info): a sample is not",
		"[{\"metric\":{}},\n{\"metric\":3}]": "in.json:2: not the result of a range query: item 2 is no series",
		`[{"metric":{}}`:                     "the text ends early",
		`{"status":"error"}`:                 `there is no list "result" in it`,
	} {
		_, err := new(HistoryImporter).Read("in.json", strings.NewReader(text), PrometheusInput)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

const groups = `{"RequestId":"A","TotalCount":3,"ContainerGroups":[
{"ContainerGroupId":"eci-1","ContainerGroupName":"report-29384820-x7k2p","Cpu":4,"Memory":8.0,"CreationTime":"2026-11-20T10:00:00Z","SucceededTime":"2026-11-20T10:05:00Z",
 "InitContainers":[{"Name":"init","Image":"init:1"}],
 "Containers":[{"Name":"main","Image":"report:7","CurrentState":{"StartTime":"2026-11-20T10:01:00Z"}}],
 "Events":[{"Reason":"Pulling","Message":"Pulling image \"report:7\"","FirstTimestamp":"2026-11-20T10:00:10Z","LastTimestamp":"2026-11-20T10:00:10Z","Count":1},
  {"Reason":"Pulled","Message":"Successfully pulled image \"report:7\" in 40s (40s including waiting). Image size: 800000000 bytes.","FirstTimestamp":"2026-11-20T10:00:50Z","LastTimestamp":"2026-11-20T10:00:50Z","Count":1}]},
{"ContainerGroupId":"eci-2","ContainerGroupName":"report-29384880-b8w4q","Cpu":4,"Memory":8.0,"CreationTime":"2026-11-21T11:00:00Z",
 "InitContainers":[{"Name":"init","Image":"init:1"}],
 "Containers":[{"Name":"main","Image":"report:8","CurrentState":{"StartTime":"2026-11-21T11:01:00Z"}}]},
{"ContainerGroupId":"eci-3","ContainerGroupName":"","CreationTime":"2026-11-21T11:00:00Z"}]}
`

// TestContainerGroups: worked by hand.
func TestContainerGroups(t *testing.T) {
	// A group that stands in two answers counts once.
	h := importText(t, PullOptions{}, groups+groups)
	want := []App{{
		Name: "eci/report", Images: []string{"report:8"}, InitImages: []string{"init:1"}, StartsPerDay: 1.92, Runtime: 4 * time.Minute, CPU: 4, MemoryGiB: 8, ReleasesPerMonth: 28.8,
	}}
	if diff := cmp.Diff(want, h.Workload.Apps); diff != "" {
		t.Error(diff)
	}
	if len(h.Pulls) != 1 || h.Pulls[0].Outcome != Pulled || *h.Pulls[0].Took != 40*time.Second || h.Pulls[0].Node != "" || h.Pulls[0].App != "eci/report" {
		t.Errorf("%+v", h.Pulls)
	}
	if diff := cmp.Diff([]Dropped{{"a container group without a name", 2}}, h.History.Skipped); diff != "" {
		t.Error(diff)
	}
	_, err := new(HistoryImporter).Read("in.json", strings.NewReader("{\"ContainerGroups\":[\n{\"Cpu\":\"x\"}]}"), ECIInput)
	if err == nil || !strings.HasPrefix(err.Error(), "in.json:2: not the answer of DescribeContainerGroups: item 1: ") {
		t.Error(err)
	}
}

// TestHeldImages: of nodes' lists and of crictl's.
func TestHeldImages(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	var list []string
	for n := range 50 {
		list = append(list, fmt.Sprintf(`{"names":["r/a@%s","r/a:%d"],"sizeBytes":%d}`, digest, n, 1000-n))
	}
	nodes := `{"kind":"List","items":[{"kind":"Node","metadata":{"name":"n1"},"status":{"images":[` + strings.Join(list, ",") + `]}},
{"kind":"Node","metadata":{"name":"n2"},"status":{"images":[{"names":["r/a:0"],"sizeBytes":1000},{"names":["<none>@<none>"],"sizeBytes":5}]}}]}`
	crictl := `{"images":[{"id":"sha256:1","repoTags":["r/a:0"],"repoDigests":["r/a@` + digest + `"],"size":"1000","uid":null,"pinned":false},{"id":"sha256:2","repoTags":[],"repoDigests":[],"size":"7"}]}`
	held := importText(t, PullOptions{}, nodes, crictl).Held
	// What crictl lists is what n2 holds.
	if held.Nodes != 2 || held.Full != 1 || len(held.Images) != 50 {
		t.Fatalf("%d nodes, %d full, %d images", held.Nodes, held.Full, len(held.Images))
	}
	if diff := cmp.Diff([]HeldImage{{"r/a:0", digest, 1000, 2}, {"r/a:1", digest, 999, 1}, {"r/a:2", digest, 998, 1}}, held.Images[:3], cmp.Options{}); diff != "" {
		// Two with as many bytes on their nodes stand in order of reference, then digest.
		t.Error(diff)
	}
	_, err := new(HistoryImporter).Read("in.json", strings.NewReader(`{"images":[{"size":"-1"}]}`), CrictlInput)
	if err == nil || !strings.Contains(err.Error(), `in.json:1: not what crictl images -o json prints: item 1: size "-1"`) {
		t.Error(err)
	}
}

// TestTraceTally: a trace of ten days, worked by hand: a start each hour, 30 together on
// each day at 6:00, which are no rhythm of the single ones.
func TestTraceTally(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("time_seconds,app,images,count,runtime_seconds\n")
	for hour := range 240 {
		fmt.Fprintf(&csv, "%d,web,r/web:%d r/sidecar:1,1,120\n", hour*3600, 1+hour/100)
		if hour%24 == 6 {
			fmt.Fprintf(&csv, "%d,web,r/web:%d r/sidecar:1,30,120\n", hour*3600+600, 1+hour/100)
		}
	}
	h := importText(t, PullOptions{}, csv.String())
	a := h.Workload.Apps[0]
	if len(h.Workload.Apps) != 1 || a.Name != "web" || !slices.Equal(a.Images, []string{"r/web:3", "r/sidecar:1"}) || math.Abs(a.StartsPerDay-24.1) > 0.05 || a.Runtime != 2*time.Minute || a.HourlyWeights != nil || !strings.HasPrefix(h.Origins[0].HourlyWeights, "none, as 240 starts tell no rhythm") {
		t.Errorf("%+v", a)
	}
	if diff := cmp.Diff([]Burst{{Count: 30, First: 6*time.Hour + 10*time.Minute, Every: day}}, a.Bursts); diff != "" {
		t.Error(diff)
	}
	if got := a.ReleasesPerMonth; math.Abs(got-2*30/(239./24)) > 0.05 {
		t.Errorf("%v releases a month, want 2 in %v", got, h.History.Window.Covered)
	}
	_, err := new(HistoryImporter).Read("t.csv", strings.NewReader("time_seconds,app,images,count\n1,a,,1\n"), "")
	if err == nil || !strings.HasPrefix(err.Error(), "t.csv:2: images: ") {
		t.Error(err)
	}
	var mixed HistoryImporter
	mixed.Read("t.csv", strings.NewReader(csv.String()), "")
	if _, err := mixed.Read("e.jsonl", strings.NewReader(plainEvent), ""); err == nil || !strings.Contains(err.Error(), "import them one by one") {
		t.Error(err)
	}
}

// TestEventLineFaults: what is no JSON is a fault with its line; what is no event is
// counted.
func TestEventLineFaults(t *testing.T) {
	_, err := new(HistoryImporter).Read("e.jsonl", strings.NewReader(plainEvent+"\n\n{\"a\":1}\n{\"involvedObject\":"), "")
	var fault *document.Error
	if !errors.As(err, &fault) || fault.Line != 4 {
		t.Errorf("%v, want a fault in line 4", err)
	}
	event := `{"involvedObject":{"kind":"Pod","namespace":"a","name":"p-5d4c8b7f6d-x4bcd"},"reason":"Scheduled","message":"Successfully assigned a/p to n1","lastTimestamp":"2026-11-20T10:00:00Z"}`
	pull := `{"involvedObject":{"kind":"Pod","namespace":"a","name":"p-5d4c8b7f6d-x4bcd"},"reason":"Pulled","message":"Container image \"i:1\" already present on machine","lastTimestamp":"2026-11-20T10:00:01Z"}`
	h := importText(t, PullOptions{ScaleToDay: true}, event+"\n"+pull+"\n"+`{"a":1}`+"\n"+plainEvent+"\n"+strings.Replace(pull, `"Pod"`, `"Widget"`, 1))
	want := []Dropped{{skipOtherEvent, 1}, {skipNoEvent, 1}, {skipNoTime, 1}}
	slices.SortFunc(want, compareDropped)
	if diff := cmp.Diff(want, h.History.Skipped); diff != "" {
		t.Error(diff)
	}
	if a := h.Workload.Apps; len(a) != 1 || a[0].Name != "a/p" || h.History.Starts != 1 || a[0].NodePool != "nodes" {
		t.Errorf("%+v, %+v", a, h.History)
	}
}

// TestJobsEnd: pods of a Job end with it, as no event of theirs tells, and a StatefulSet's
// have their names again and again.
func TestJobsEnd(t *testing.T) {
	line := func(kind, name, reason, message string, minute int) string {
		about, _ := json.Marshal(map[string]any{"kind": kind, "namespace": "a", "name": name})
		text, _ := json.Marshal(message)
		return fmt.Sprintf(`{"involvedObject":%s,"reason":"%s","message":%s,"lastTimestamp":"2026-11-20T%02d:%02d:00Z"}`, about, reason, text, minute/60, minute%60)
	}
	var lines []string
	for n := range 3 {
		job, pod := fmt.Sprintf("nightly-2938482%d", n), fmt.Sprintf("nightly-2938482%d-x%dbcd", n, n+4)
		at := 100 * n
		lines = append(lines,
			line("Job", job, "SuccessfulCreate", "Created pod: "+pod, at), line("Pod", pod, "Pulling", `Pulling image "i:1"`, at),
			line("Pod", pod, "Started", "Started container c", at+1), line("Job", job, "Completed", "Job completed", at+41),
			line("Job", "quick-"+job[8:], "SuccessfulCreate", "Created pod: quick-"+pod[8:], at+41), line("Pod", "quick-"+pod[8:], "Pulling", `Pulling image "q:1"`, at+41),
			line("Pod", "quick-"+pod[8:], "Started", "Started container c", at+41), line("Job", "quick-"+job[8:], []string{"Completed", "FailedIndexes", "BackoffLimitExceeded"}[n], "It is over", at+42),
			line("StatefulSet", "db", "SuccessfulCreate", "create Pod db-0 in StatefulSet db successful", at+42), line("Pod", "db-0", "Pulling", `Pulling image "db:1"`, at+42),
			line("Pod", "db-0", "Killing", "Stopping container db", at+92))
	}
	h := importText(t, PullOptions{ScaleToDay: true}, strings.Join(lines, "\n"))
	got := []string{}
	for n, a := range h.Workload.Apps {
		got = append(got, fmt.Sprintf("%s %s %v %v %d", h.Origins[n].Controller, a.Name, a.Images, a.Runtime, h.Origins[n].Pods))
	}
	want := []string{"StatefulSet a/db [db:1] 50m0s 3", "CronJob a/nightly [i:1] 40m0s 3", "CronJob a/quick [q:1] 1m0s 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzHistoryInputs: no input of any format brings a reader down, and what is made of one
// is a workload.
func FuzzHistoryInputs(f *testing.F) {
	for _, seed := range []string{plainEvent, slsEvent, kafkaEvent, elasticEvent, promText, groups, "time_seconds,app,images,count\n0,a,i,3\n90000,a,i:2,3\n",
		`{"images":[{"repoTags":["a:1"],"size":"3"}]}`, `[{"metric":{"__name__":"kube_pod_start_time","namespace":"a","pod":"b"},"values":[[9,"9"],[99999,"9"]]},{"metric":{"__name__":"kube_pod_container_info","namespace":"a","pod":"b","image":"i"},"value":[9,"1"]}]`,
		`{"involvedObject":{"kind":"Pod","name":"a-bcdfg"},"reason":"Scheduled","message":"x to n","eventTime":"2026-11-20T10:00:00.5Z"}` + "\n" + `{"involvedObject":{"kind":"Pod","name":"a-bcdfg"},"reason":"Pulled","message":"Container image \"i\" already present on machine","lastTimestamp":"2026-11-23T10:00:00Z"}`,
	} {
		for n := range InputFormats() {
			f.Add([]byte(seed), uint8(n))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, format uint8) {
		formats := append(InputFormats(), "")
		var i HistoryImporter
		if _, err := i.Read("in", bytes.NewReader(text), formats[int(format)%len(formats)]); err != nil {
			if len(err.Error()) == 0 {
				t.Error("an error without words")
			}
			return
		}
		h, err := i.History(PullOptions{ScaleToDay: true})
		if err != nil || len(h.Workload.Apps) == 0 || h.NoStarts != "" {
			return
		}
		if err := h.Workload.Validate(); err != nil {
			t.Errorf("%v of %q", err, text)
		}
	})
}

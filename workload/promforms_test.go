package workload

import (
	"strings"
	"testing"
	"time"
)

// TestPromForms holds the reading of results to the forms that Prometheus 3.4 writes
// (web/api/v1/api.go and json_codec.go, util/jsonutil: Response, marshalSeriesJSON,
// marshalSampleJSON, MarshalHistogram), with the labels of kube-state-metrics
// (docs/metrics/workload/pod-metrics.md).
func TestPromForms(t *testing.T) {
	const (
		labels = `"instance":"10.0.0.9:8080","job":"kube-state-metrics","namespace":"batch","pod":"report-29384820-x4bcd","uid":"u1"`
		values = `[[1795484850.123,"1"],[1795484910.123,"1"],[1795484970,"1"]]`
		// Two more pods tell that samples go on; a gap of stale samples is no sample.
		others = `{"metric":{"__name__":"kube_pod_info","namespace":"shop","pod":"web-5d4c8b7f6d-x4bcd","uid":"u2","host_ip":"10.0.0.2","pod_ip":"10.1.0.7","node":"n1","created_by_kind":"ReplicaSet","created_by_name":"web-5d4c8b7f6d","priority_class":"","host_network":"false"},"values":[[1795484790.123,"1"],[1795491990,"1"]]}`
	)
	matrix := `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join([]string{
		`{"metric":{"__name__":"kube_pod_container_info",` + labels + `,"container":"report","image":"registry.example.com/batch/report:1","image_id":"registry.example.com/batch/report@sha256:` + strings.Repeat("a", 64) + `","image_spec":"registry.example.com/batch/report:2026","container_id":"containerd://c1"},"values":` + values + `}`,
		// A second owner that is no controller.
		`{"metric":{"__name__":"kube_pod_owner",` + labels + `,"owner_kind":"Job","owner_name":"report-29384820","owner_is_controller":"true"},"values":` + values + `}`,
		`{"metric":{"__name__":"kube_pod_owner",` + labels + `,"owner_kind":"Holder","owner_name":"x","owner_is_controller":"false"},"values":` + values + `}`,
		`{"metric":{"__name__":"kube_pod_created",` + labels + `},"values":[[1795484850.123,"1795484848"]]}`,
		`{"metric":{"__name__":"kube_pod_start_time",` + labels + `},"values":[[1795484850.123,"1795484849"]]}`,
		`{"metric":{"__name__":"kube_pod_status_ready_time",` + labels + `},"values":[[1795484850.123,"NaN"],[1795484910.123,"1795484856"]]}`,
		`{"metric":{"__name__":"kube_pod_completion_time",` + labels + `},"values":[[1795484970,"1795484919"]]}`,
		`{"metric":{},"values":[[1795484970,"+Inf"],[1795485030,"-Inf"]]}`,
		`{"metric":{"__name__":"kubelet_image_pull_duration_seconds","image_size_in_bytes":"0-10MB","node":"n1"},"histograms":[[1795484970,{"count":"42","sum":"34593.34","buckets":[[3,"-0.25","0.25","3"],[0,"0.25","0.5","12"],[0,"2","+Inf","6"]]}]]}`,
		others,
	}, ",") + `]},"warnings":["store 10.0.0.4 is unavailable","\u0062oth"],"infos":["PromQL info: metric might not be a counter (1:1)"]}`
	h := importText(t, PullOptions{ScaleToDay: true}, matrix)
	if len(h.Workload.Apps) != 1 {
		t.Fatalf("apps %+v", h.Workload.Apps)
	}
	a := h.Workload.Apps[0]
	// It ran from its start time to its completion, and was ready 7 s after the start.
	if a.Name != "batch/report" || a.Images[0] != "registry.example.com/batch/report:2026" || a.Runtime != 70*time.Second || h.Origins[0].Controller != "CronJob" {
		t.Errorf("%+v, %+v", a, h.Origins[0])
	}
	if h.History.StartToReady == nil || *h.History.StartToReady != 7*time.Second {
		t.Errorf("start to ready %v", h.History.StartToReady)
	}
	doubts := strings.Join(h.Doubts, "\n")
	for _, want := range []string{`warned that the results may not be whole or right: "store 10.0.0.4 is unavailable, both"`, "kubelet_image_pull_duration_seconds as native histograms, which are not read: let it keep the classic ones"} {
		if !strings.Contains(doubts, want) {
			t.Errorf("%q is not in %s", want, doubts)
		}
	}
	if strings.Contains(doubts, "PromQL info") {
		t.Error(doubts)
	}
	skipped := map[string]int{}
	for _, d := range h.History.Skipped {
		skipped[d.Reason] = d.Count
	}
	if skipped["a series of native histograms, which are not read"] != 1 || skipped["a series of another metric, or of none"] != 1 {
		t.Errorf("skipped %v", skipped)
	}

	// A vector, with a histogram, and a series without samples of a metric that is read.
	vector := `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"kube_pod_start_time",` + labels + `},"value":[1795484850.123,"1795484850"]},{"metric":{"__name__":"kubelet_image_pull_duration_seconds"},"histogram":[1795484850.123,{"count":"0","sum":"0"}]},{"metric":{"__name__":"kube_pod_info"}}]},"isPartial":true}`
	var i HistoryImporter
	if format, err := i.Read("v.json", strings.NewReader(vector), ""); err != nil || format != PrometheusInput {
		t.Fatalf("%s: %v", format, err)
	}
	if _, err := i.Read("m.json", strings.NewReader(matrix), ""); err != nil {
		t.Fatal(err)
	}
	h, err := i.History(PullOptions{ScaleToDay: true})
	if err != nil || !strings.Contains(strings.Join(h.Doubts, "\n"), "isPartial is true") {
		t.Errorf("%v, %+v", err, h)
	}

	for text, want := range map[string]string{
		`{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}`: "x.json:1: Prometheus answered with an error (bad_data: exceeded maximum resolution",
		`{"status":"error","data":{"resultType":"","result":null},"errorType":"execution","error":"query timed out","warnings":["w"]}`:                                    "ask for a shorter time",
		`{"status":"error","errorType":"internal","error":"read chunk"}`:                                                                                                  "look at the server's log",
		`{"status":"success","data":{"resultType":"scalar","result":[1795484850.123,"1"]}}`:                                                                               "x.json:1: not the result of a range query: item 1 is no series of a matrix or a vector",
		`{"status":"success","data":{"resultType":"string","result":[1795484850.123,"a"]}}`:                                                                               "item 1 is no series of a matrix or a vector",
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"kube_pod_info"},"values":[[1795484850,"x"]]}]}}`:                              `item 1 (kube_pod_info): a sample is not [seconds, "value"]`,
	} {
		if _, err := new(HistoryImporter).Read("x.json", strings.NewReader(text), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
}

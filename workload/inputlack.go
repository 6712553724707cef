package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// ErrNothing is the error on inputs of which nothing can be made; it names each, with what
// it is, what it lacks and how to get that.
var ErrNothing = errors.New("nothing to import")

// readInputs is what was read of all inputs so far.
type readInputs struct {
	pods, nodes, events, others int // objects of kubectl
	records, skipped            int // of histories
	series, metrics             int // of Prometheus; metrics are those that are used
	images, groups              int
}

func (i *HistoryImporter) counts() readInputs {
	skipped := 0
	for _, n := range i.tally.skipped {
		skipped += n
	}
	return readInputs{
		len(i.pulls.pods), len(i.pulls.nodes), i.pulls.eventCount, i.pulls.others,
		i.tally.records, skipped, i.prom.all, i.prom.used, i.listedImages, i.groups,
	}
}

// A lack is an input that gave nothing.
type lack struct {
	name   string
	format InputFormat
	what   string
}

func (l lack) String() string { return fmt.Sprintf("%s (%s) %s", l.name, l.format, l.what) }

// How to get what an input lacks.
const (
	howToEvents = "export all events of pods, their controllers and nodes (reasons Scheduled, SuccessfulCreate, Pulling, Pulled, Started, Killing), one in a line"
	howToProm   = "query kube_pod_container_info and kube_pod_start_time, which kube-state-metrics gives, bare, over days: promtool query range -o json --start=… --end=… --step=1m http://prometheus:9090 kube_pod_container_info"
	howToCrictl = "run crictl images -o json as root on the node itself, with --runtime-endpoint unix:///run/containerd/containerd.sock where crictl does not find the runtime"
	howToECI    = "run aliyun eci DescribeContainerGroups --RegionId … --WithEvent true with the region in which the groups are, all pages, as a user with eci:DescribeContainerGroups: without that right the list is empty, too"
)

// lacking says what an input lacks of which nothing came; empty where something did.
func lacking(format InputFormat, before, now readInputs) string {
	switch format {
	case KubectlInput:
		if before.pods == now.pods && before.nodes == now.nodes && before.events == now.events {
			return fmt.Sprintf("holds no pod, no event and no node (%s): %s", count(now.others-before.others, "other item"), howToPulls)
		}
	case EventsInput:
		if before.records == now.records && before.pods == now.pods && before.nodes == now.nodes {
			return fmt.Sprintf("holds %s, none of which tells of a start: %s", count(now.skipped-before.skipped, "line"), howToEvents)
		}
	case PrometheusInput:
		switch {
		case before.series == now.series:
			return "holds no series: the query matched nothing in that time; " + howToProm
		case before.metrics == now.metrics:
			return fmt.Sprintf("holds %d series, none of a metric that is read, with samples: %s", now.series-before.series, howToProm)
		}
	case CrictlInput:
		if before.images == now.images {
			return "lists no image with a name: " + howToCrictl
		}
	case ECIInput:
		if before.groups == now.groups {
			return "lists no container group with a name and a time of creation: " + howToECI
		}
	}
	return ""
}

// refused is the fault of a text that is a server's error instead of its answer, or that is
// empty; the text is its beginning.
func refused(name string, head []byte) error {
	head = bytes.TrimSpace(bytes.TrimPrefix(head, byteOrderMark))
	fault := func(format string, args ...any) error {
		return &document.Error{File: name, Line: 1, Message: fmt.Sprintf(format, args...)}
	}
	switch string(head) {
	case "{}":
		return fault("an empty object, of no format: make it anew, and look at what the command says on its standard error")
	case "[]":
		return fault("an empty list, as promtool prints of a query that matched nothing: %s", howToProm)
	case "null":
		return fault("no more than null, of no format: make it anew, and look at what the command says on its standard error")
	}
	if err := refusedAsOther(name, head); err != nil {
		return err
	}
	var answer struct{ Status, ErrorType, Error, Code, Message, RequestID string }
	if len(head) == 0 || len(head) >= looked || head[0] != '{' || json.Unmarshal(head, &answer) != nil {
		return nil
	}
	switch {
	case answer.Status == "error" && answer.ErrorType+answer.Error != "":
		return fault("Prometheus answered with an error (%s: %s) instead of a result: %s", answer.ErrorType, answer.Error, promAdvice(answer.ErrorType))
	case answer.RequestID != "" && answer.Code != "" && answer.Message != "" && answer.Code != "200":
		return fault("Alibaba Cloud answered with an error (%s: %s) instead of container groups; %s", answer.Code, answer.Message, howToECI)
	}
	return nil
}

// promAdvice is what to do about an error of Prometheus' API.
func promAdvice(errorType string) string {
	switch errorType {
	case "internal":
		return "look at the server's log, and ask again"
	case "timeout", "canceled", "unavailable", "execution":
		return "ask for a shorter time, or a longer --step, and import the answers together"
	}
	return "mend the query, and ask again; a server gives at most 11,000 samples of a series, so take a longer --step or a shorter time"
}

// nothing is the error on inputs that gave nothing at all.
func (i *HistoryImporter) nothing(err error) error {
	if len(i.lacks) == 0 {
		if i.dated == "" && i.relative == "" {
			return err
		}
		words := i.prom.missing()
		if slices.Contains(i.formats, EventsInput) || slices.Contains(i.formats, KubectlInput) {
			words = append(words, err.Error())
		}
		if len(i.tally.skipped) > 0 {
			words = append(words, i.skips())
		}
		return fmt.Errorf("%w, as no start is told of: %s", ErrNothing, strings.Join(words, "; "))
	}
	if i.onlyKubectl() {
		return err
	}
	var words []string
	for _, l := range i.lacks {
		words = append(words, l.String())
	}
	if !slices.ContainsFunc(i.lacks, func(l lack) bool { return l.format == KubectlInput }) && slices.Contains(i.formats, KubectlInput) {
		words = append(words, err.Error())
	}
	return fmt.Errorf("%w: %s", ErrNothing, strings.Join(words, "; "))
}

// onlyKubectl says whether all inputs are of kubectl's format.
func (i *HistoryImporter) onlyKubectl() bool {
	return !slices.ContainsFunc(i.formats, func(f InputFormat) bool { return f != KubectlInput })
}

// missing are the metrics without which pods of results are no starts.
func (p *promTally) missing() []string {
	var words []string
	if len(p.warned) > 0 {
		words = append(words, fmt.Sprintf("Prometheus warned that the results may not be whole or right: %q", few(p.warned)))
	}
	if p.native && p.pulls.isEmpty() {
		words = append(words, "Prometheus holds "+pullHistogram+" as native histograms, which are not read: let it keep the classic ones (always_scrape_classic_histograms: true, or no convert_classic_histograms_to_nhcb), and query "+pullBuckets)
	}
	if p.starts+p.unstarted == 0 {
		return words
	}
	if p.unstarted > 0 && p.starts == 0 {
		words = append(words, "of no pod in Prometheus' results is it told when it started: query kube_pod_start_time (or kube_pod_created) over the same time")
	}
	if p.imaged == 0 {
		words = append(words, "of no pod in Prometheus' results is an image told: query kube_pod_container_info over the same time")
	}
	return words
}

package workload

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// A promTally keeps what range queries told: of each pod a few times, its images and its
// owner, and how long pulls took. Of the samples themselves nothing is kept.
type promTally struct {
	pods  map[string]*promPod
	pulls pullCounters
	ready durations
	// from and to are the first and last sample of all, step the least time between two.
	from, to, step float64
	skipped        map[string]int
	// all counts series, used those of metrics that are read.
	all, used int
	// native: how long pulls took is told by native histograms. warned are the warnings of
	// servers, each once.
	native bool
	warned []string
	// starts are pods whose start is told, unstarted the others; imaged have images.
	starts, unstarted, imaged int
}

// promPod is what is known of a pod.
type promPod struct {
	namespace, name   string
	kind, owner, node string
	images            []tallyImage
	// start, ready and ended are seconds since 1970; 0 is unknown.
	start, ready, ended float64
	first, last         float64 // samples
}

// promMetrics are the metrics that are read.
var promMetrics = []string{
	"kube_pod_container_info", "kube_pod_init_container_info", "kube_pod_start_time", "kube_pod_created",
	"kube_pod_status_ready_time", "kube_pod_completion_time", "kube_pod_info", "kube_pod_owner", pullBuckets,
}

// series takes a series of a result.
func (p *promTally) series(a *arrayReader, line, item int, text []byte) error {
	if p.pods == nil {
		p.pods, p.skipped = map[string]*promPod{}, map[string]int{}
	}
	var j jsonText
	labels := map[string]string{}
	var values []byte
	histograms := false
	ok := j.object(text, func(key, value []byte) bool {
		switch string(key) {
		case "metric":
			return j.object(value, func(key, value []byte) bool {
				labels[string(key)] = string(j.text(value))
				return true
			})
		case "values":
			values = value
		case "histogram", "histograms":
			histograms = true
		case "value":
			values = append(append([]byte{'['}, value...), ']')
		}
		return true
	})
	if !ok {
		return a.faultAt(line, "item %d is no series of a matrix or a vector: it has no metric that is an object; ask for the series of a metric, bare", item)
	}
	p.all++
	metric := labels["__name__"]
	if histograms && values == nil {
		p.skipped["a series of native histograms, which are not read"]++
		p.native = p.native || metric == pullHistogram
		return nil
	}
	if !slices.Contains(promMetrics, metric) {
		p.skipped["a series of another metric, or of none"]++
		return nil
	}
	var each func(at, value float64)
	if metric == pullBuckets {
		var err error
		if each, err = p.pulls.counter(labels); err != nil {
			return a.faultAt(line, "item %d: %v", item, err)
		}
	}
	if values == nil {
		values = []byte("[]")
	}
	first, last, value, samples, bad := p.samples(&j, values, each)
	if bad != "" {
		return a.faultAt(line, "item %d (%s): %s", item, metric, bad)
	}
	if samples == 0 {
		p.skipped["a series without samples"]++
		return nil
	}
	p.used++
	if metric == pullBuckets {
		p.pulls.done()
		return nil
	}
	pod := p.pod(labels)
	if pod == nil {
		p.skipped["a series without a pod"]++
		return nil
	}
	pod.take(metric, labels, value)
	if pod.first == 0 || first < pod.first {
		pod.first = first
	}
	pod.last = max(pod.last, last)
	return nil
}

// samples goes through the samples of a series: [seconds, "value"]; each, where it is not
// nil, is handed them.
func (p *promTally) samples(j *jsonText, values []byte, each func(at, value float64)) (first, last, value float64, n int, bad string) {
	ok := j.array(values, func(sample []byte) bool {
		j.reset()
		at, v, part := 0.0, 0.0, 0
		ok := j.array(sample, func(x []byte) bool {
			var err error
			switch part {
			case 0:
				at, err = strconv.ParseFloat(string(x), 64)
			case 1:
				v, err = strconv.ParseFloat(string(j.text(x)), 64)
			}
			part++
			return err == nil
		})
		if !ok || part != 2 || !(at > 0) || at >= float64(lastUsable) || at < last {
			return false
		}
		if n == 0 {
			first = at
		} else if step := at - last; step > 0 && (p.step == 0 || step < p.step) {
			p.step = step
		}
		n++
		last, value = at, v
		if each != nil {
			each(at, v)
		}
		return true
	})
	if !ok {
		return 0, 0, 0, 0, "a sample is not [seconds, \"value\"], in order of time"
	}
	if n > 0 {
		if p.from == 0 || first < p.from {
			p.from = first
		}
		p.to = max(p.to, last)
	}
	return first, last, value, n, ""
}

// warn takes a text of a list that stands beside the result.
func (p *promTally) warn(key, text string) {
	if key == "warnings" && text != "" && !slices.Contains(p.warned, text) {
		p.warned = append(p.warned, text)
	}
}

func (p *promTally) pod(labels map[string]string) *promPod {
	namespace, name := labels["namespace"], labels["pod"]
	// A scrape without honor_labels has those of kube-state-metrics itself there.
	if labels["exported_pod"] != "" {
		namespace, name = labels["exported_namespace"], labels["exported_pod"]
	}
	if !isObjectName([]byte(namespace)) || !isObjectName([]byte(name)) {
		return nil
	}
	key := cmp.Or(labels["uid"], namespace+"/"+name)
	pod := p.pods[key]
	if pod == nil {
		pod = &promPod{namespace: namespace, name: name}
		p.pods[key] = pod
	}
	return pod
}

// take takes what a metric tells of a pod.
func (p *promPod) take(metric string, labels map[string]string, value float64) {
	usable := value > 0 && value < float64(lastUsable)
	switch metric {
	case "kube_pod_container_info", "kube_pod_init_container_info":
		reference := cmp.Or(labels["image_spec"], labels["image"])
		i := tallyImage{labels["container"], reference, metric == "kube_pod_init_container_info"}
		if imageText.MatchString(reference) && len(p.images) < maxPodImages && !slices.ContainsFunc(p.images, func(o tallyImage) bool { return o.container == i.container && o.init == i.init }) {
			p.images = append(p.images, i)
		}
	case "kube_pod_start_time":
		if usable {
			p.start = value
		}
	case "kube_pod_created":
		if usable && p.start == 0 {
			p.start = value
		}
	case "kube_pod_status_ready_time":
		if usable {
			p.ready = value
		}
	case "kube_pod_completion_time":
		if usable {
			p.ended = value
		}
	case "kube_pod_info":
		p.node = labels["node"]
		p.setOwner(labels["created_by_kind"], labels["created_by_name"])
	case "kube_pod_owner":
		if labels["owner_is_controller"] == "false" {
			return
		}
		p.setOwner(labels["owner_kind"], labels["owner_name"])
	}
}

func (p *promPod) setOwner(kind, name string) {
	if isObjectName([]byte(name)) && kindName.MatchString(kind) && name != "<none>" {
		p.kind, p.owner = kind, name
	}
}

// count counts the pods' starts, once all series are read.
func (p *promTally) count(t *tally) {
	if p.skipped == nil {
		return
	}
	t.begin()
	for reason, n := range p.skipped {
		t.skipped[reason] += n
	}
	clear(p.skipped)
	// Samples tell of idle hours too.
	t.fill(int64(p.from), int64(p.to))
	keys := slices.Sorted(maps.Keys(p.pods))
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(p.pods[a].start, p.pods[b].start) })
	for _, key := range keys {
		p.countPod(t, p.pods[key])
	}
	p.pods = map[string]*promPod{}
	t.end()
}

// countPod counts a pod that started within the samples.
func (p *promTally) countPod(t *tally, pod *promPod) {
	if len(pod.images) > 0 {
		p.imaged++
	}
	if pod.start == 0 {
		p.unstarted++
	} else {
		p.starts++
	}
	switch {
	case pod.start == 0:
		t.skip("a pod whose start time is not told")
		return
	case pod.start < p.from-p.step:
		t.skip("a pod that started before the first sample")
		p.runsOn(t, t.nodes.runs(pod.node, int64(pod.first)), pod)
		return
	}
	at := int64(pod.start)
	t.tell(at)
	t.pass(at)
	t.placed = true
	app, kind := guessApp(pod.namespace, pod.name), ""
	if pod.owner != "" {
		app, kind = guessOwned(pod.namespace, pod.kind, pod.owner), rootKind(pod.kind, pod.owner)
	}
	slices.SortStableFunc(pod.images, func(a, b tallyImage) int { return cmp.Compare(a.container, b.container) })
	s := t.set(app, kind, pod.images, setKey{}, at)
	if s == nil {
		return
	}
	s.whole = true
	s.start(at, true, true)
	if on := t.nodes.start(pod.node, at); on != nil {
		s.onNode(pod.node, 1)
		p.runsOn(t, on, pod)
	}
	switch {
	case pod.ended > 0 && pod.ended >= pod.start:
		s.runtimes.add(seconds(pod.ended - pod.start))
	case p.hasEnded(pod) && pod.last >= pod.start:
		s.runtimes.add(seconds(pod.last - pod.start))
	}
	if took := pod.ready - pod.start; pod.ready > 0 && took >= 0 && seconds(took) <= readyWithin+longestPull {
		p.ready.add(seconds(took))
	}
}

// hasEnded: a pod whose samples end before the others' came to an end then.
func (p *promTally) hasEnded(pod *promPod) bool { return pod.last < p.to-5*p.step-1 }

// runsOn notes until when a pod tells of its node, and when it ends there.
func (p *promTally) runsOn(t *tally, on *tallyNode, pod *promPod) {
	if on == nil {
		return
	}
	on.last = max(on.last, int64(pod.last))
	if p.hasEnded(pod) {
		t.nodes.willEnd(on, int64(pod.last), 1)
	}
}

func seconds(v float64) time.Duration {
	return time.Duration(math.Round(v * float64(time.Second)))
}

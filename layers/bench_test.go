//go:build linux

package layers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cachebench/cachebench/layers/docstore"
)

// The workload of the benchmarks of Resolve: 5,000 images, 100 repositories with
// 50 tags each; 9.3 layers an image, of which a repository's tags share all but
// two; a manifest of 1.7 KB and a config of 3.6 KB. They are served from memory
// by another process, so that only the client's CPU counts.
const (
	benchRepositories = 100
	benchTags         = 50
)

// benchServerVariable makes the test binary the benchmarks' server; its value
// is the delay of every answer.
const benchServerVariable = "LAYERS_BENCH_SERVER"

func TestMain(m *testing.M) {
	if delay, ok := os.LookupEnv(benchServerVariable); ok {
		serveBench(delay)
		return
	}
	os.Exit(m.Run())
}

// benchDocuments are what the server holds, by path, the same in every process.
func benchDocuments() map[string][]byte {
	documents := make(map[string][]byte)
	random := rand.New(rand.NewPCG(1, 2))
	digest := func() string {
		var b [32]byte
		for i := range b {
			b[i] = byte(random.UintN(256))
		}
		return string(hash(b).digest())
	}
	for r := range benchRepositories {
		n := 9 + r%10/7
		layers, diffIDs := make([]string, n), make([]string, n)
		for i := range n {
			layers[i], diffIDs[i] = digest(), digest()
		}
		for tag := range benchTags {
			for i := n - 2; i < n; i++ {
				layers[i], diffIDs[i] = digest(), digest()
			}
			config := benchConfig(diffIDs, tag)
			path := fmt.Sprintf("/v2/team/app-%d", r)
			documents[path+"/blobs/"+string(digestOf(config))] = config
			documents[fmt.Sprintf("%s/manifests/1.%d", path, tag)] = benchManifest(config, layers)
		}
	}
	return documents
}

func benchManifest(config []byte, layers []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[`, digestOf(config), len(config))
	for i, l := range layers {
		fmt.Fprintf(&b, `%s{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%d}`, comma(i), l, 1000000+i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func benchConfig(diffIDs []string, tag int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"architecture":"amd64","os":"linux","created":"2026-11-01T10:%02d:00.123456789Z","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"],"Cmd":["/app/server","--listen=:8080"]},"rootfs":{"type":"layers","diff_ids":[`, tag)
	for i, d := range diffIDs {
		fmt.Fprintf(&b, `%s"%s"`, comma(i), d)
	}
	b.WriteString(`]},"history":[`)
	for i := range 2 * len(diffIDs) {
		fmt.Fprintf(&b, `%s{"created":"2026-11-01T10:00:00Z","created_by":"RUN /bin/sh -c apt-get update \u0026\u0026 apt-get install -y package-%d","empty_layer":%v}`, comma(i), i, i%2 == 1)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// serveBench serves the documents on loopback until its input ends.
func serveBench(delay string) {
	wait, err := time.ParseDuration(delay)
	if err != nil {
		panic(err)
	}
	documents := benchDocuments()
	hold := delayer(wait)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hold()
		body, ok := documents[r.URL.Path]
		if !ok && r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Docker-Content-Digest", string(digestOf(body)))
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	}))
	io.Copy(io.Discard, os.Stdin)
}

// delayer returns a function that returns wait after it was called. The
// runtime's timers are late by up to a millisecond, which would count against the
// client: one thread sleeps for all calls in turn, as they are due in turn.
func delayer(wait time.Duration) func() {
	if wait == 0 {
		return func() {}
	}
	type call struct {
		due  time.Time
		done chan struct{}
	}
	calls := make(chan call, 1024)
	go func() {
		runtime.LockOSThread()
		for c := range calls {
			if left := time.Until(c.due); left > 0 {
				ts := syscall.NsecToTimespec(int64(left))
				syscall.Nanosleep(&ts, nil)
			}
			close(c.done)
		}
	}()
	return func() {
		c := call{time.Now().Add(wait), make(chan struct{})}
		calls <- c
		<-c.done
	}
}

func startBenchServer(b *testing.B, delay time.Duration) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServerVariable+"="+delay.String())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func benchReferences(host string) []string {
	var references []string
	for tag := range benchTags {
		for r := range benchRepositories {
			references = append(references, fmt.Sprintf("%s/team/app-%d:1.%d", host, r, tag))
		}
	}
	return references
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// each calls fetch with every reference, n at once.
func each(references []string, n int, fetch func(reference string) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	var failed atomic.Value
	for range n {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(references); i = int(next.Add(1)) - 1 {
				if err := fetch(references[i]); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	group.Wait()
	err, _ := failed.Load().(error)
	return err
}

// floor is the least that a Go program does: net/http's client, both bodies
// read, nothing parsed or checked. It is told the configs' digests beforehand.
func floor(client *http.Client, references []string, configs map[string]string, n int) error {
	get := func(url string) error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	return each(references, n, func(reference string) error {
		path, tag, _ := strings.Cut(strings.TrimPrefix(reference, "127.0.0.1:"), ":")
		base := "http://127.0.0.1:" + strings.Replace(path, "/", "/v2/", 1)
		if err := get(base + "/manifests/" + tag); err != nil {
			return err
		}
		return get(base + "/blobs/" + configs[reference])
	})
}

// puller does the same with go-containerregistry.
func puller(references []string, n int) error {
	p, err := remote.NewPuller(remote.WithJobs(n))
	if err != nil {
		return err
	}
	return each(references, n, func(reference string) error {
		ref, err := name.ParseReference(reference)
		if err != nil {
			return err
		}
		desc, err := p.Get(context.Background(), ref)
		if err != nil {
			return err
		}
		img, err := desc.Image()
		if err != nil {
			return err
		}
		if _, err := img.Manifest(); err != nil {
			return err
		}
		_, err = img.ConfigFile()
		return err
	})
}

func resolveAll(references []string, opt Options) (*Inventory, error) {
	inv, err := Resolve(context.Background(), references, opt)
	if err == nil && len(inv.Images) != len(references) {
		err = fmt.Errorf("%d of %d images: %v", len(inv.Images), len(references), inv.Unresolved)
	}
	return inv, err
}

// withStore resolves with a new store, and then again from it.
func withStore(dir string, references []string, jobs int) (err error) {
	store, err := docstore.Open(dir, docstore.Options{})
	if err != nil {
		return err
	}
	if _, err = resolveAll(references, Options{Jobs: jobs, Store: store}); err != nil {
		return err
	}
	return store.Close()
}

// BenchmarkResolve compares the CPU time of this process, 16 requests at once,
// in turn: the floor; go-containerregistry's Puller; Resolve; Resolve that keeps
// documents in a new store; and Resolve with the documents there, which asks one
// HEAD an image. Its metrics are medians over the iterations.
//
//	go test ./layers -run '^$' -bench 'Resolve$' -benchtime 7x
func BenchmarkResolve(b *testing.B) {
	host := startBenchServer(b, 0)
	references := benchReferences(host)
	inv, err := resolveAll(references, Options{})
	if err != nil {
		b.Fatal(err)
	}
	configs := configsOf(inv)
	inv = nil
	const jobs = 16
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: jobs, DisableCompression: true}}
	dir := ""
	arms := []struct {
		name string
		run  func() error
		cpu  []time.Duration
	}{
		{name: "floor", run: func() error { return floor(client, references, configs, jobs) }},
		{name: "puller", run: func() error { return puller(references, jobs) }},
		{name: "resolve", run: func() error { _, err := resolveAll(references, Options{Jobs: jobs}); return err }},
		{name: "keep", run: func() error { dir = b.TempDir(); return withStore(dir, references, jobs) }},
		{name: "again", run: func() error { return withStore(dir, references, jobs) }},
	}
	for b.Loop() {
		for i := range arms {
			runtime.GC()
			before := cpuTime()
			if err := arms[i].run(); err != nil {
				b.Fatal(err)
			}
			arms[i].cpu = append(arms[i].cpu, cpuTime()-before)
		}
	}
	for _, arm := range arms {
		b.ReportMetric(median(arm.cpu).Seconds()*1e6/float64(len(references)), arm.name+"-cpu-us/image")
	}
	for _, arm := range arms[2:] {
		b.ReportMetric(float64(median(arm.cpu))/float64(median(arms[0].cpu)), arm.name+"/floor")
	}
	b.ReportMetric(float64(median(arms[2].cpu))/float64(median(arms[1].cpu)), "resolve/puller")
}

func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// BenchmarkResolveDelayed has 30 ms added to every answer and 64 requests at
// once, and reports the share of the ideal rate, 64 / (2 × 30 ms): of Resolve, and
// in turn of the floor with 64 goroutines.
//
//	go test ./layers -run '^$' -bench ResolveDelayed -benchtime 7x
func BenchmarkResolveDelayed(b *testing.B) {
	const delay, jobs = 30 * time.Millisecond, 64
	host := startBenchServer(b, delay)
	references := benchReferences(host)
	inv, err := resolveAll(references, Options{Jobs: jobs})
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: jobs, DisableCompression: true}}
	configs := configsOf(inv)
	arms := []struct {
		name string
		run  func() error
		took []time.Duration
	}{
		{name: "resolve", run: func() error { _, err := resolveAll(references, Options{Jobs: jobs}); return err }},
		{name: "floor", run: func() error { return floor(client, references, configs, jobs) }},
	}
	for b.Loop() {
		for i := range arms {
			start := time.Now()
			if err := arms[i].run(); err != nil {
				b.Fatal(err)
			}
			arms[i].took = append(arms[i].took, time.Since(start))
		}
	}
	ideal := time.Duration(2*len(references)) * delay / jobs
	for _, arm := range arms {
		b.ReportMetric(float64(ideal)/float64(median(arm.took)), arm.name+"-of-ideal-rate")
	}
}

// configsOf are the images' configs, which the floor is told.
func configsOf(inv *Inventory) map[string]string {
	configs := make(map[string]string)
	for _, img := range inv.Images {
		configs[img.Reference] = string(img.ConfigDigest)
	}
	return configs
}

// BenchmarkResolveMemory reports the most memory that Resolve held at once,
// sampled after garbage collections, besides the Inventory that it returned.
func BenchmarkResolveMemory(b *testing.B) {
	host := startBenchServer(b, 0)
	references := benchReferences(host)
	var worst float64
	for b.Loop() {
		runtime.GC()
		before := memoryInUse()
		stop, peak := make(chan struct{}), make(chan uint64)
		go func() {
			most := uint64(0)
			for {
				select {
				case <-stop:
					peak <- most
					return
				case <-time.After(5 * time.Millisecond):
					most = max(most, memoryInUse())
				}
			}
		}()
		inv, err := resolveAll(references, Options{})
		if err != nil {
			b.Fatal(err)
		}
		close(stop)
		most := <-peak
		runtime.GC()
		kept := memoryInUse() - before
		worst = max(worst, float64(most-before)-float64(kept))
		b.ReportMetric(float64(kept)/(1<<20), "inventory-MiB")
		runtime.KeepAlive(inv)
	}
	b.ReportMetric(worst/(1<<20), "besides-MiB")
}

// memoryInUse is the heap with what is garbage but not yet collected.
func memoryInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

package distribution

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The workload of the benchmarks: 5,000 images of 100 repositories, a manifest of
// 1.7 KB and a config of 3.6 KB each.
const (
	benchRepositories  = 100
	benchTags          = 50
	benchManifestBytes = 1700
	benchConfigBytes   = 3600
)

// benchServerVariable makes the test binary the benchmarks' server, so that the
// client's CPU can be told from the server's.
const benchServerVariable = "DISTRIBUTION_BENCH_SERVER_DELAY"

func TestMain(m *testing.M) {
	if delay, ok := os.LookupEnv(benchServerVariable); ok {
		serveBench(delay)
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

type benchImage struct {
	repo             Repository
	tag              string
	manifest, config []byte
	configDigest     string
}

// benchImages are the same in every process.
func benchImages(host string) []benchImage {
	random := rand.New(rand.NewPCG(1, 2))
	var all []benchImage
	for r := range benchRepositories {
		for t := range benchTags {
			img := benchImage{repo: Repository{host, fmt.Sprintf("team/app-%d", r)}, tag: fmt.Sprintf("1.%d", t)}
			img.config = benchDocument(random, benchConfigBytes)
			img.configDigest = digestOf(img.config, "")
			img.manifest = benchDocument(random, benchManifestBytes)
			all = append(all, img)
		}
	}
	return all
}

func benchDocument(random *rand.Rand, size int) []byte {
	b := []byte(`{"x":"`)
	for len(b) < size-2 {
		b = append(b, "0123456789abcdef"[random.IntN(16)])
	}
	return append(b, `"}`...)
}

// serveBench serves from memory on loopback until its input ends.
func serveBench(delay string) {
	wait, err := time.ParseDuration(delay)
	if err != nil {
		panic(err)
	}
	documents := make(map[string][]byte)
	for _, img := range benchImages("") {
		documents["/v2/"+img.repo.Path+"/manifests/"+img.tag] = img.manifest
		documents["/v2/"+img.repo.Path+"/blobs/"+img.configDigest] = img.config
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait > 0 {
			// time.Sleep is late by up to a millisecond, which would count against the client.
			ts := syscall.NsecToTimespec(int64(wait))
			syscall.Nanosleep(&ts, nil)
		}
		body, ok := documents[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	}))
	io.Copy(io.Discard, os.Stdin)
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
	line := make([]byte, 64)
	n, err := stdout.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

// fetchAll fetches every image with n goroutines.
func fetchAll(b *testing.B, images []benchImage, n int, fetch func(img *benchImage, buf *[2][]byte) error) {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			var buf [2][]byte
			for {
				i := int(next.Add(1)) - 1
				if i >= len(images) {
					return
				}
				if err := fetch(&images[i], &buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func fetchOurs(c *Client) func(*benchImage, *[2][]byte) error {
	return func(img *benchImage, buf *[2][]byte) error {
		doc, err := c.Manifest(context.Background(), img.repo, img.tag, buf[0])
		if err != nil {
			return err
		}
		buf[0] = doc.Body
		buf[1], err = c.Document(context.Background(), img.repo, img.configDigest, benchConfigBytes, buf[1])
		return err
	}
}

// fetchFloor is the least that a Go program does: net/http's client, both bodies
// read, nothing checked.
func fetchFloor(client *http.Client) func(*benchImage, *[2][]byte) error {
	get := func(url string) error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	return func(img *benchImage, _ *[2][]byte) error {
		base := "http://" + img.repo.Host + "/v2/" + img.repo.Path
		if err := get(base + "/manifests/" + img.tag); err != nil {
			return err
		}
		return get(base + "/blobs/" + img.configDigest)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkManifestAndConfig compares the client's CPU time, which checks digests,
// with that of bare net/http: 16 at once, server in another process, the two in
// turn. With -v it prints the medians and their ratio.
func BenchmarkManifestAndConfig(b *testing.B) {
	host := startBenchServer(b, 0)
	images := benchImages(host)
	c, err := New(Options{PlainHTTP: []string{host}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	floor := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
	arms := []struct {
		name  string
		fetch func(*benchImage, *[2][]byte) error
		cpu   []time.Duration
	}{{name: "floor", fetch: fetchFloor(floor)}, {name: "ours", fetch: fetchOurs(c)}}
	b.ReportAllocs()
	for b.Loop() {
		for i := range arms {
			before := cpuTime()
			fetchAll(b, images, 16, arms[i].fetch)
			arms[i].cpu = append(arms[i].cpu, cpuTime()-before)
		}
	}
	for _, arm := range arms {
		b.ReportMetric(float64(median(arm.cpu).Microseconds())/float64(len(images)), arm.name+"-cpu-us/image")
		b.Logf("%s: CPU %v", arm.name, arm.cpu)
	}
	b.ReportMetric(float64(median(arms[1].cpu))/float64(median(arms[0].cpu)), "ours/floor")
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// BenchmarkDelayedAnswers has 30 ms added to every answer and 64 requests at once.
// Ours has twice as many goroutines as slots, each of which parses what it got;
// the floor is bare net/http with 64 goroutines that parse nothing. Both report
// their share of the ideal rate, 64 / (2 × 30 ms).
func BenchmarkDelayedAnswers(b *testing.B) {
	const delay, slots = 30 * time.Millisecond, 64
	host := startBenchServer(b, delay)
	images := benchImages(host)
	c, err := New(Options{PlainHTTP: []string{host}, RequestsAtOnce: slots})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ours := fetchOurs(c)
	parsed := func(img *benchImage, buf *[2][]byte) error {
		err := ours(img, buf)
		var v any
		json.Unmarshal(buf[1], &v)
		return err
	}
	floor := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: slots, DisableCompression: true}}
	var walls [2][]time.Duration
	for b.Loop() {
		start := time.Now()
		fetchAll(b, images, slots, fetchFloor(floor))
		walls[0] = append(walls[0], time.Since(start))
		start = time.Now()
		fetchAll(b, images, 2*slots, parsed)
		walls[1] = append(walls[1], time.Since(start))
	}
	ideal := float64(len(images)) * 2 * delay.Seconds() / slots
	b.ReportMetric(100*ideal/median(walls[0]).Seconds(), "floor-%-of-ideal")
	b.ReportMetric(100*ideal/median(walls[1]).Seconds(), "ours-%-of-ideal")
	b.Logf("floor %v, ours %v", walls[0], walls[1])
}

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestServe: the process tells where it listens, lets a script look and drive, and
// ends when it is told to.
func TestServe(t *testing.T) {
	faults := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(faults, []byte("apiVersion: cachebench/v1\nkind: ECIFaults\nclockSkewSeconds: 60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--step", "2s", "--key", "id:secret", "--faults", faults}, w) }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSpace(line)
	ask := func(method, path string) string {
		request, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		data, _ := io.ReadAll(response.Body)
		return strings.TrimSpace(string(data))
	}
	if got := ask("POST", "/?Action=DescribeRegions"); !strings.Contains(got, `"Code":"InvalidVersion"`) {
		t.Errorf("the API answers %s", got)
	}
	ask("POST", "/_advance?by=1h")
	for path, want := range map[string]string{"/_now": "2026-03-01T01:00:02Z", "/_count?action=DescribeRegions": "1", "/_leftovers": ""} {
		if got := ask("GET", path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// The same program tells a script whether anything is left, also where nothing answers.
	var told strings.Builder
	if err := run(ctx, []string{"--left", base}, &told); err != nil || !strings.Contains(told.String(), "Nothing is left") {
		t.Errorf("%q, %v", told.String(), err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := run(context.Background(), []string{"--left", base}, io.Discard); err == nil {
		t.Error("nobody answers, and nothing is taken to be left")
	}
	other := ecitest.NewServer(ecitest.Options{})
	defer other.Close()
	front := httptest.NewServer(handler(other))
	defer front.Close()
	key := ecitest.TestKey()
	c, err := eci.New(eci.Config{RegionID: "cn-hangzhou", Endpoint: front.URL, Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}}); err != nil {
		t.Fatal(err)
	}
	told.Reset()
	if err := run(context.Background(), []string{"--left", front.URL}, &told); err == nil || !strings.Contains(told.String(), `"web"`) {
		t.Errorf("%q, %v", told.String(), err)
	}
}

func TestServeRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--key", "id"}, {"--start", "today"}, {"--profile", "none-such"}, {"--inventory", "none-such.json"}, {"--faults", "none-such.yaml"}, {"--policy", "none=such"}, {"--listen", "nowhere:x"}, {"--account", "rich"},
	} {
		if err := run(context.Background(), args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

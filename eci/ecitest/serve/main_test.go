package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--key", "id"}, {"--start", "today"}, {"--profile", "none-such"}, {"--inventory", "none-such.json"}, {"--faults", "none-such.yaml"}, {"--policy", "none=such"}, {"--listen", "nowhere:x"},
	} {
		if err := run(context.Background(), args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

package main

import (
	"bytes"
	"fmt"
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

// recorder keeps the bodies of answers.
type recorder struct {
	dir   string
	files []string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.dir, fmt.Sprintf("reply-%d.json", len(r.files)))
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, err
	}
	r.files = append(r.files, file)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// TestSavedReplies: a list of all pages of an account, and one of the replies that were
// saved of them, are the same; and no other file is taken for a reply.
func TestSavedReplies(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	for i := range 45 {
		if _, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: fmt.Sprintf("cache-%d", i), Images: []string{"nginx:1.27"}}); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	saved := &recorder{dir: dir}
	key := ecitest.TestKey()
	recording, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: server.URL, Transport: saved,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Advance(1 << 42) // an hour, so that nothing is being made any more
	if _, err := recording.AllImageCaches(t.Context(), eci.ImageCacheQuery{}); err != nil || len(saved.files) != 3 {
		t.Fatal(err, saved.files)
	}
	list := func(args ...string) string {
		code, out, errOut := program(server, append([]string{"cache", "list", "--no-drift", "--now", "2026-12-02T00:00:00Z"}, args...)...)
		if code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errOut)
		}
		return out
	}
	asked := list("--save", filepath.Join(dir, "asked.yaml"))
	server.Close()
	var from []string
	for _, file := range saved.files {
		from = append(from, "--from", file)
	}
	read := list(append(from, "--save", filepath.Join(dir, "read.yaml"))...)
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if want := strings.Replace(words(asked), " (the account has 45 of at most 50)", "", 1); words(read) != want {
		t.Errorf("of replies:\n%s\nof the account:\n%s", read, want)
	}
	// A page that is missing is missed, the last as well as one between.
	for _, pages := range [][]string{saved.files[:1], saved.files[:2], {saved.files[0], saved.files[2]}, saved.files[2:]} {
		args := []string{"cache", "list", "--no-drift"}
		for _, file := range pages {
			args = append(args, "--from", file)
		}
		if code, _, errOut := program(server, args...); code != exitUsage || !strings.Contains(errOut, "--from") {
			t.Errorf("%d of 3 pages: exit code %d: %s", len(pages), code, errOut)
		}
	}
	// So it is where the reply has no total.
	part := filepath.Join(dir, "part.json")
	if err := os.WriteFile(part, []byte(`{"RequestId": "1", "NextToken": "x", "ImageCaches": [{"ImageCacheId": "imc-1", "RegionId": "cn-hangzhou"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := program(server, "cache", "list", "--no-drift", "--from", part); code != exitUsage || !strings.Contains(errOut, "the page after "+part+" is missing") {
		t.Errorf("the first of some pages: exit code %d: %s", code, errOut)
	}
	one, err1 := os.ReadFile(filepath.Join(dir, "asked.yaml"))
	other, err2 := os.ReadFile(filepath.Join(dir, "read.yaml"))
	if err1 != nil || err2 != nil || !bytes.Equal(one, other) || bytes.Count(one, []byte("- id: imc-")) != 45 {
		t.Errorf("the saved caches differ (%v, %v):\n%s\n%s", err1, err2, one, other)
	}
	for _, text := range []string{`{}`, `[]`, `nothing`, `{"ImageCaches": 3}`} {
		file := filepath.Join(dir, "other.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errOut := program(server, "cache", "list", "--from", file); code != exitUsage || !strings.Contains(errOut, "no reply of DescribeImageCaches") {
			t.Errorf("%s: exit code %d: %s", text, code, errOut)
		}
	}
}

// TestUnreadRowListed: a row that cannot be read does not hide the caches beside it, but
// the list is not saved for the whole, and a cache may still be deleted by its ID.
func TestUnreadRowListed(t *testing.T) {
	restoreEnvironment(t)
	deleted := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("Action") == "DeleteImageCache" {
			deleted++
		}
		io.WriteString(w, `{"RequestId":"R","ImageCaches":["no row",{"ImageCacheId":"imc-1","ImageCacheName":"web","Images":["nginx:1.27"],"ImageCacheSize":20,"Status":"Ready","CreationTime":"2026-11-01T00:00:00Z"}]}`)
	}))
	defer front.Close()
	file := filepath.Join(t.TempDir(), "caches.json")
	code, out, errOut := program(&ecitest.Server{URL: front.URL}, "cache", "list", "--no-drift", "--save", file)
	if _, err := os.Stat(file); code != exitFailed || !strings.Contains(out, "imc-1") || !strings.Contains(errOut, "row 1 of 2 in ImageCaches is no object") || !os.IsNotExist(err) {
		t.Errorf("exit code %d, %v\n%s%s", code, err, out, errOut)
	}
	if code, _, errOut := program(&ecitest.Server{URL: front.URL}, "cache", "delete", "imc-1", "--yes"); code != exitDone || deleted != 1 {
		t.Errorf("exit code %d, %d deleted: %s", code, deleted, errOut)
	}
}

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// applied writes a set and applies it with --prune.
func applied(t *testing.T, server *ecitest.Server, set string, args ...string) (code int, out, errOut string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "set.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: cachebench/v1\nkind: CacheSet\n"+set), 0o600); err != nil {
		t.Fatal(err)
	}
	return program(server, append([]string{"cache", "apply", file, "--no-size-check", "--quiet", "--poll", "1us", "--yes"}, args...)...)
}

const (
	oldRelease = "name: shop\ncaches: [{name: web-1, images: [\"nginx:1.27\"], sizeGiB: 20}]\n"
	newRelease = "name: shop\ncaches: [{name: web-2, images: [\"nginx:1.28\"], sizeGiB: 20}]\n"
)

func namesOf(t *testing.T, client *eci.Client) string {
	t.Helper()
	all, err := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// TestPruneAfterReady: what an earlier release was started from goes only when what
// takes its place is Ready, in this apply or in a later one.
func TestPruneAfterReady(t *testing.T) {
	restoreEnvironment(t)
	t.Run("failed", func(t *testing.T) {
		server, client := newAccount(t)
		defer server.Close()
		if code, _, errOut := applied(t, server, oldRelease, "--wait"); code != exitDone {
			t.Fatal(code, errOut)
		}
		server.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Nth: 1}}})
		code, out, _ := applied(t, server, newRelease, "--prune", "--wait")
		if names := namesOf(t, client); code != exitFailed || !strings.Contains(names, "web-1") || !strings.Contains(out, "something failed before") {
			t.Errorf("exit code %d, left %s\n%s", code, names, out)
		}
	})
	t.Run("not waited for", func(t *testing.T) {
		server, client := newAccount(t)
		defer server.Close()
		applied(t, server, oldRelease, "--wait")
		// What will not be deleted is not announced, nor asked.
		if _, out, _ := applied(t, server, newRelease, "--prune", "--dry-run"); !strings.Contains(out, "skipped") {
			t.Error(out)
		}
		code, out, errOut := applied(t, server, newRelease, "--prune")
		if names := namesOf(t, client); code != exitDone || !strings.Contains(names, "web-1") || !strings.Contains(strings.Join(strings.Fields(out), " "), "web-2 is not Ready yet: apply again when it is") {
			t.Errorf("exit code %d, left %s\n%s%s", code, names, out, errOut)
		}
		server.Advance(time.Hour)
		code, out, errOut = applied(t, server, newRelease, "--prune")
		if names := namesOf(t, client); code != exitDone || names != "web-2" {
			t.Errorf("again: exit code %d, left %s\n%s%s", code, names, out, errOut)
		}
	})
	t.Run("ready", func(t *testing.T) {
		server, client := newAccount(t)
		defer server.Close()
		applied(t, server, oldRelease, "--wait")
		code, out, errOut := applied(t, server, newRelease, "--prune", "--wait")
		if names := namesOf(t, client); code != exitDone || names != "web-2" {
			t.Errorf("exit code %d, left %s\n%s%s", code, names, out, errOut)
		}
	})
	t.Run("no room", func(t *testing.T) {
		server, client := newAccount(t, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultError, Nth: 2, Status: 403, Code: "QuotaExceeded"})
		defer server.Close()
		applied(t, server, oldRelease, "--wait")
		code, _, errOut := applied(t, server, newRelease, "--prune", "--wait")
		if names := namesOf(t, client); code != exitFailed || names != "web-1" || !strings.Contains(errOut, "cachebench cache delete imc-") {
			t.Errorf("exit code %d, left %s\n%s", code, names, errOut)
		}
	})
}

// stale is a way to an account on which, once a cache was updated, lists stay for a time
// as they were. It counts the lists that it gave of before.
func stale(t *testing.T, server *ecitest.Server, lists int) string {
	t.Helper()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	var before []byte
	updated := false
	way := httputil.NewSingleHostReverseProxy(to)
	way.ModifyResponse = func(answer *http.Response) error {
		lock.Lock()
		defer lock.Unlock()
		switch answer.Request.URL.Query().Get("Action") {
		case "UpdateImageCache":
			updated = answer.StatusCode == http.StatusOK
		case "DescribeImageCaches":
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				return err
			}
			if !updated {
				before = body
			} else if lists > 0 {
				lists--
				body = before
			}
			answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
		}
		return nil
	}
	front := httptest.NewServer(way)
	t.Cleanup(front.Close)
	return front.URL
}

// TestPruneAfterUpdate: the Ready of before an update is not that of after it, however
// long it is listed; what the updated cache takes the place of stays until the update
// shows.
func TestPruneAfterUpdate(t *testing.T) {
	restoreEnvironment(t)
	const both = "name: shop\ncaches: [{name: web, images: [\"nginx:1.27\"], sizeGiB: 20}, {name: old, images: [\"nginx:1.28\"], sizeGiB: 20}]\n"
	const one = "name: shop\ncaches: [{name: web, images: [\"nginx:1.28\"], sizeGiB: 20}]\n"
	server, client := newAccount(t)
	defer server.Close()
	if code, _, errOut := applied(t, server, both, "--wait"); code != exitDone {
		t.Fatal(code, errOut)
	}
	// So many lists take longer than a cache may be listed as it was.
	code, out, errOut := applied(t, server, one, "--prune", "--wait", "--poll", "10ms", "--endpoint", stale(t, server, 1000))
	if names := namesOf(t, client); code != exitDone || !strings.Contains(names, "old") || !strings.Contains(strings.Join(strings.Fields(out), " "), "web may be yet to be updated") {
		t.Errorf("exit code %d, left %s\n%s%s", code, names, out, errOut)
	}
	server.Advance(time.Hour)
	code, out, errOut = applied(t, server, one, "--prune", "--wait")
	if names := namesOf(t, client); code != exitDone || names != "web" {
		t.Errorf("again: exit code %d, left %s\n%s%s", code, names, out, errOut)
	}
}

// TestTakenOverIsNotPruned: a cache that somebody else made is updated as the file says,
// and stays when the file no longer has it.
func TestTakenOverIsNotPruned(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	if _, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web-1", Images: []string{"redis:7"}}); err != nil {
		t.Fatal(err)
	}
	server.Advance(time.Hour)
	if code, out, errOut := applied(t, server, oldRelease, "--wait", "--prune"); code != exitDone || !strings.Contains(out, "1 updated") {
		t.Fatalf("exit code %d\n%s%s", code, out, errOut)
	}
	code, out, errOut := applied(t, server, newRelease, "--wait", "--prune")
	if names := namesOf(t, client); code != exitDone || names != "web-2 web-1" && names != "web-1 web-2" {
		t.Errorf("exit code %d, left %s\n%s%s", code, names, out, errOut)
	}
}

// TestNamedLater: a file that gets a name keeps the caches that it made without one. They
// are not pruned: every file without a name may have made them.
func TestNamedLater(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	if code, _, errOut := applied(t, server, strings.TrimPrefix(oldRelease, "name: shop\n"), "--wait"); code != exitDone {
		t.Fatal(errOut)
	}
	if code, out, errOut := applied(t, server, oldRelease, "--wait"); code != exitDone || !strings.Contains(out, "1 cache kept") {
		t.Fatalf("exit code %d\n%s%s", code, out, errOut)
	}
	code, out, errOut := applied(t, server, newRelease, "--wait", "--prune")
	if names := namesOf(t, client); code != exitDone || len(strings.Fields(names)) != 2 {
		t.Errorf("exit code %d, left %s\n%s%s", code, names, out, errOut)
	}
}

// TestFaultsBeforeEffects: what is wrong with the last cache of a file is known before
// the first is made, and by --dry-run too.
func TestFaultsBeforeEffects(t *testing.T) {
	restoreEnvironment(t)
	server, _ := newAccount(t)
	defer server.Close()
	const first = "caches:\n  - {name: a, images: [\"nginx:1.27\"], sizeGiB: 20}\n"
	for name, second := range map[string]string{
		"no login":  `  - {name: b, images: ["nginx:1.27"], sizeGiB: 20, registryLogins: [{server: a.example.com, from: "env:NO_SUCH_LOGIN"}]}`,
		"vSwitches": `  - {name: b, images: ["nginx:1.27"], sizeGiB: 20, vSwitchIds: [a, b, c, d, e, f, g, h, i, j, k]}`,
	} {
		for _, more := range [][]string{nil, {"--dry-run"}} {
			if code, _, errOut := applied(t, server, first+second, more...); code != exitUsage || server.Created("CreateImageCache") != 0 || !strings.Contains(errOut, "cache b") {
				t.Errorf("%s %v: exit code %d, %d made: %s", name, more, code, server.Created("CreateImageCache"), errOut)
			}
		}
	}
}

// TestSeveralOfASet: of several caches of a set that have one name the one that is as
// wanted is kept, and --prune deletes the rest.
func TestSeveralOfASet(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	tags := []eci.Tag{{Key: setTag, Value: "shop"}}
	var ids []string
	for _, image := range []string{"nginx:1.26", "nginx:1.27", "nginx:1.25"} {
		made, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web-1", Images: []string{image}, Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	server.Advance(time.Hour)
	if code, out, errOut := applied(t, server, oldRelease); code != exitDone || !strings.Contains(out, "1 cache kept") || !strings.Contains(out, "more of this name") {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
	// One of them is deleted by somebody else meanwhile, which is as good.
	server.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: "DeleteImageCache", Kind: ecitest.FaultError, Nth: 1, Status: 404, Code: "ImageCache.NotFound"}}})
	if code, out, errOut := applied(t, server, oldRelease, "--prune"); code != exitDone || !strings.Contains(out, "2 deleted and 1 kept") || !strings.Contains(out, ids[1]) {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
}

// TestNamedTwice: a cache that is named by its ID and its name is deleted once.
func TestNamedTwice(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	made, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}})
	if err != nil {
		t.Fatal(err)
	}
	code, out, errOut := program(server, "cache", "delete", "web", made.ID, "--yes")
	if code != exitDone || !strings.Contains(out, "1 deleted") || server.Count("DeleteImageCache") != 1 {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
}

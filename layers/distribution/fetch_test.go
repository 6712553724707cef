package distribution

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const registryHost = "registry.test"

func repository(path string) Repository { return Repository{registryHost, path} }

// TestFetch: both documents come whole, into the given room, with what the
// registry says of them.
func TestFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{})
		for _, reference := range []string{"1", img.digest} {
			buf := make([]byte, 0, 4096)
			doc, err := c.Manifest(t.Context(), repository(img.repo), reference, buf)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(doc.Body, img.manifest) || doc.Digest != img.digest || doc.ContentType != ociManifest {
				t.Errorf("%s: %+v", reference, doc)
			}
			if &doc.Body[0] != &buf[:1][0] {
				t.Errorf("%s: the body is not in the given room", reference)
			}
			digest, contentType, size, err := c.Head(t.Context(), repository(img.repo), reference)
			if err != nil || digest != img.digest || contentType != ociManifest || size != int64(len(img.manifest)) {
				t.Errorf("Head %s: %s %s %d %v", reference, digest, contentType, size, err)
			}
		}
		config, err := c.Document(t.Context(), repository(img.repo), img.configDigest, int64(len(img.config)), nil)
		if err != nil || !bytes.Equal(config, img.config) {
			t.Errorf("config %s %v", config, err)
		}
		if n := c.Requests()[registryHost]; n != 5 || len(f.Requests()) != 5 {
			t.Errorf("counted %d requests, the server %d", n, len(f.Requests()))
		}
	})
}

// TestPassingFaults: each is met once, and the answer is right after all.
func TestPassingFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []fault
		// requests counts the manifest's.
		requests int
		// least and most bound the time that passes.
		least, most time.Duration
	}{
		{"none", nil, 1, 0, 0},
		{"408", []fault{answers(408, "")}, 2, 0, firstBackOff},
		{"500", []fault{answers(500, "")}, 2, 0, firstBackOff},
		{"502", []fault{answers(502, "<html>")}, 2, 0, firstBackOff},
		{"504", []fault{answers(504, "")}, 2, 0, firstBackOff},
		{"503 without a time", []fault{answers(503, "")}, 2, 0, firstBackOff},
		{"429 without a time", []fault{answers(429, "")}, 2, 0, firstBackOff},
		{"503 in seconds", []fault{answers(503, "", "Retry-After", "7")}, 2, 7 * time.Second, 7 * time.Second},
		{"429 in seconds", []fault{answers(429, "", "Retry-After", "90")}, 2, 90 * time.Second, 90 * time.Second},
		// The bubble's clock begins at midnight UTC 2000-01-01.
		{"429 by date", []fault{answers(429, "", "Retry-After", "Sat, 01 Jan 2000 00:00:20 GMT")}, 2, 20 * time.Second, 20 * time.Second},
		{"429 by a date gone by", []fault{answers(429, "", "Retry-After", "Fri, 31 Dec 1999 00:00:20 GMT")}, 2, 0, firstBackOff},
		{"four faults", []fault{answers(500, ""), reset(), answers(502, ""), truncated(10)}, 5, 0, 15 * firstBackOff},
		{"connection broken", []fault{reset()}, 2, 0, firstBackOff},
		{"body cut off", []fault{truncated(40)}, 2, 0, firstBackOff},
		{"body empty and cut off", []fault{truncated(0)}, 2, 0, firstBackOff},
		{"no headers", []fault{stalled(-1)}, 2, defaultStallAfter, defaultStallAfter + firstBackOff},
		{"no body", []fault{stalled(0)}, 2, defaultStallAfter, defaultStallAfter + firstBackOff},
		{"body stalls", []fault{stalled(50)}, 2, defaultStallAfter, defaultStallAfter + firstBackOff},
		{"body is slow", []fault{slow(100, 29*time.Second)}, 1, 2 * 29 * time.Second, 10 * 29 * time.Second},
		{"digest wrong once", []fault{corrupted()}, 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := meeting(store(), nil, test.faults)
				img := put(t, f.Good, "team/app")
				w.serve(registryHost, f)
				start := time.Now()
				doc, err := w.client(Options{}).Manifest(t.Context(), repository(img.repo), "1", nil)
				if err != nil || !bytes.Equal(doc.Body, img.manifest) {
					t.Errorf("%s, %v", doc.Body, err)
				}
				if n := len(f.Requests()); n != test.requests {
					t.Errorf("%d requests, want %d", n, test.requests)
				}
				if took := time.Since(start); took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

// TestLastingFaults: each ends in one plain sentence after as many requests as
// can help.
func TestLastingFaults(t *testing.T) {
	const codes = `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"secret-in-message","detail":{"x":"secret-in-detail"}}]}`
	for _, test := range []struct {
		name     string
		fault    fault
		requests int
		want     string
		is       error
	}{
		{"404", answers(404, codes), 1, "the registry answers 404 Not Found, MANIFEST_UNKNOWN (no such repository or tag)", ErrNotFound},
		{"404 in HTML", answers(404, "<html>"), 1, "the registry answers 404 Not Found (no such repository or tag)", ErrNotFound},
		{"404 with odd codes", answers(404, `{"errors":[{"code":"a b"},{"code":"X"}]}`), 1, "the registry answers 404 Not Found, X (no such repository or tag)", ErrNotFound},
		{"403", answers(403, `{"errors":[{"code":"DENIED"}]}`), 1, "the registry answers 403 Forbidden, DENIED (log in with docker login, or check that the repository exists)", ErrUnauthorized},
		{"400", answers(400, ""), 1, "the registry answers 400 Bad Request", nil},
		{"418", answers(418, ""), 1, "the registry answers 418 I'm a teapot", nil},
		{"999", answers(999, ""), 1, "the registry answers 999", nil},
		{"204", answers(204, ""), 1, "the registry answers 204 No Content", nil},
		{"500", answers(500, ""), 5, "the registry answers 500 Internal Server Error, 5 times in a row", nil},
		{"429", answers(429, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`), 5, "the registry answers 429 Too Many Requests, TOOMANYREQUESTS, 5 times in a row (the registry limits requests: log in, or try later)", ErrRateLimited},
		{"429 for hours", answers(429, "", "Retry-After", "21600"), 1, "the registry answers 429 Too Many Requests (try again after 2000-01-01T06:00:00Z, in 6h0m0s)", ErrRateLimited},
		{"503 for ever", answers(503, "", "Retry-After", "99999999999999999999999"), 1, "the registry answers 503 Service Unavailable (try again after 2001-01-01T00:00:00Z, in 8784h0m0s)", nil},
		{"reset", reset(), 5, "the connection to registry.test breaks off, 5 times in a row", nil},
		{"cut off", truncated(40), 5, "the connection to registry.test breaks off, 5 times in a row", nil},
		{"no headers", stalled(-1), 5, "the registry sends nothing for 30s, 5 times in a row", nil},
		{"stalled", stalled(40), 5, "the registry sends nothing for 30s, 5 times in a row", nil},
		{"HTML", typed("text/html; charset=utf-8"), 1, "the registry answers with text/html, not with a manifest (is it a registry, and is there a proxy or a login page before it?)", nil},
		{"a picture", answers(200, "GIF89a", "Content-Type", "image/gif"), 1, "the registry answers with image/gif, not with a manifest (is it a registry, and is there a proxy or a login page before it?)", nil},
		{"a sentence as type", answers(200, "x", "Content-Type", "you should not see this"), 1, "the registry answers with no known type, not with a manifest (is it a registry, and is there a proxy or a login page before it?)", nil},
		{"nothing", answers(200, ""), 1, "the registry answers with no known type, not with a manifest", nil},
		{"too long", answers(200, strings.Repeat("{", MaxManifestBytes+1)), 1, "the registry sends more than 4194304 bytes", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := &faulty{Good: store(), Always: test.fault}
				img := put(t, f.Good, "team/app")
				w.serve(registryHost, f)
				_, err := w.client(Options{}).Manifest(t.Context(), repository(img.repo), "1", nil)
				if err == nil {
					t.Fatal("no error")
				}
				if want := "fetch manifest registry.test/team/app:1: " + test.want; !strings.HasPrefix(err.Error(), want) {
					t.Errorf("got  %s\nwant %s", err, want)
				}
				if n := len(f.Requests()); n != test.requests {
					t.Errorf("%d requests, want %d", n, test.requests)
				}
				for _, is := range []error{ErrNotFound, ErrUnauthorized, ErrRateLimited, ErrNoRanges, context.Canceled, context.DeadlineExceeded} {
					if errors.Is(err, is) != (is == test.is) {
						t.Errorf("errors.Is(%v) = %v", is, is != test.is)
					}
				}
			})
		})
	}
}

// TestWrongContent: what is not what its digest says is asked for once more, and
// then both digests are named.
func TestWrongContent(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store(), Always: corrupted()}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{})
		wrong := func(body []byte) string {
			body = bytes.Clone(body)
			body[len(body)/2] ^= 1
			return digestOf(body, "")
		}
		_, byTag := c.Manifest(t.Context(), repository(img.repo), "1", nil)
		_, byDigest := c.Manifest(t.Context(), repository(img.repo), img.digest, nil)
		_, ofConfig := c.Document(t.Context(), repository(img.repo), img.configDigest, -1, nil)
		for _, one := range []struct {
			err       error
			want, got string
		}{{byTag, img.digest, wrong(img.manifest)}, {byDigest, img.digest, wrong(img.manifest)}, {ofConfig, img.configDigest, wrong(img.config)}} {
			want := fmt.Sprintf("the content of %s has digest %s: it was changed or cut off on the way (try again, and if it stays so, push the image again)", one.want, one.got)
			if one.err == nil || !strings.HasSuffix(one.err.Error(), want) {
				t.Errorf("got %v\nwant %s", one.err, want)
			}
		}
		if n := len(f.Requests()); n != 6 {
			t.Errorf("%d requests, want 6", n)
		}
	})
}

// TestDescriptorSize: a blob that holds its digest but not its descriptor's size
// is the descriptor's fault.
func TestDescriptorSize(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{})
		_, err := c.Document(t.Context(), repository(img.repo), img.configDigest, 5, nil)
		want := fmt.Sprintf("fetch config registry.test/team/app@%s: it has %d bytes, its descriptor says 5 (the image's manifest is wrong: push the image again)", img.configDigest, len(img.config))
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := c.Document(t.Context(), repository(img.repo), img.configDigest, MaxConfigBytes+1, nil); err == nil {
			t.Error("a config of more than 16 MiB is fetched")
		}
		if n := len(f.Requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// TestSHA512 and the algorithms of the image specification.
func TestSHA512(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		body := []byte(`{"schemaVersion":2}`)
		w.serve(registryHost, &faulty{Always: answers(200, string(body), "Content-Type", ociManifest)})
		digest := digestOf(body, "sha512:")
		doc, err := w.client(Options{}).Manifest(t.Context(), repository("a"), digest, nil)
		if err != nil || doc.Digest != digest {
			t.Errorf("%v %v", doc, err)
		}
	})
}

// TestSchema1: the digest of a signed manifest is not that of its bytes, and its
// type comes back for the caller to refuse.
func TestSchema1(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		w.serve(registryHost, &faulty{Always: answers(200, `{"schemaVersion":1}`, "Content-Type", schema1, "Docker-Content-Digest", digestOf(nil, ""))})
		doc, err := w.client(Options{}).Manifest(t.Context(), repository("a"), "1", nil)
		if err != nil || doc.ContentType != schema1 {
			t.Errorf("%v %v", doc, err)
		}
	})
}

// TestPause: one goroutine's 429 keeps all of them from the host, and a wait that
// is too long keeps later requests from being sent at all.
func TestPause(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{})
		f.Meet(answers(429, "", "Retry-After", "60"))
		start := time.Now()
		var group sync.WaitGroup
		ask := func() {
			if _, err := c.Manifest(t.Context(), repository(img.repo), "1", nil); err != nil {
				t.Error(err)
			}
		}
		group.Go(ask)
		synctest.Wait()
		for range 5 {
			group.Go(ask)
		}
		group.Wait()
		for i, r := range f.Requests() {
			if at := r.At.Sub(start); i > 0 && at != time.Minute {
				t.Errorf("request %d at %v, want 1m", i, at)
			}
		}
		f.Meet(answers(429, "", "Retry-After", "121"))
		before := len(f.Requests())
		for range 3 {
			_, err := c.Manifest(t.Context(), repository(img.repo), "1", nil)
			var e *Error
			if !errors.Is(err, ErrRateLimited) || !errors.As(err, &e) || time.Until(e.RetryAt) != 121*time.Second {
				t.Errorf("got %v", err)
			}
		}
		if n := len(f.Requests()) - before; n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		time.Sleep(121 * time.Second)
		ask()
	})
}

// TestRequestsAtOnce: never more than the limit are in flight, a held stream among
// them, and the limit is reached.
func TestRequestsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		var now, most atomic.Int64
		f.Always = func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			n := now.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Second)
			now.Add(-1)
			h.ServeHTTP(w, r)
		}
		w.serve(registryHost, f)
		c := w.client(Options{RequestsAtOnce: 4})
		stream, err := c.Blob(t.Context(), repository(img.repo), img.configDigest, -1)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var group sync.WaitGroup
		for range 9 {
			group.Go(func() {
				if _, err := c.Manifest(t.Context(), repository(img.repo), "1", nil); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took != 3*time.Second || most.Load() != 3 {
			t.Errorf("9 requests took %v, at most %d at once; want 3s and 3 beside the stream", took, most.Load())
		}
		stream.Close()
		stream.Close()
		for range 4 {
			group.Go(func() { c.Manifest(t.Context(), repository(img.repo), "1", nil) })
		}
		group.Wait()
		if most.Load() != 4 {
			t.Errorf("at most %d at once after the stream is closed, want 4", most.Load())
		}
	})
}

// TestPace: requests leave at the stated rate.
func TestPace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{RequestsPerSecond: 4})
		start := time.Now()
		var group sync.WaitGroup
		for range 9 {
			group.Go(func() { c.Manifest(t.Context(), repository(img.repo), "1", nil) })
		}
		group.Wait()
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("9 requests took %v, want 2s", took)
		}
	})
}

// TestContext: its end wins over all else and comes back as it is, wherever the
// client waits.
func TestContext(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fault
	}{
		{"headers", stalled(-1)}, {"body", stalled(20)}, {"back-off", answers(500, "")}, {"pause", answers(429, "", "Retry-After", "100")},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := &faulty{Good: store(), Always: test.fault}
				img := put(t, f.Good, "team/app")
				w.serve(registryHost, f)
				c := w.client(Options{Attempts: 1000, RequestsAtOnce: 1})
				ctx, cancel := context.WithTimeout(t.Context(), 17*time.Second)
				defer cancel()
				start := time.Now()
				var group sync.WaitGroup
				// The second waits for the first one's slot.
				for range 2 {
					group.Go(func() {
						if _, err := c.Manifest(ctx, repository(img.repo), "1", nil); err != context.DeadlineExceeded {
							t.Errorf("got %v", err)
						}
					})
				}
				group.Wait()
				if took := time.Since(start); took != 17*time.Second {
					t.Errorf("took %v", took)
				}
				f.Meet(nil)
				time.Sleep(time.Hour)
				if _, err := c.Manifest(t.Context(), repository(img.repo), "1", nil); err != nil {
					t.Errorf("the slot is lost: %v", err)
				}
			})
		})
	}
}

// TestBadNames are refused before anything is asked.
func TestBadNames(t *testing.T) {
	c, err := New(Options{Keychain: keys{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ host, path, reference string }{
		{"registry.test", "a", ""}, {"registry.test", "a", "x/../../y"}, {"registry.test", "a", "sha256:12"}, {"registry.test", "a", "sha256:" + strings.Repeat("A", 64)},
		{"registry.test", "a", "-x"}, {"registry.test", "a", strings.Repeat("x", 129)}, {"registry.test", "a", "1?n=1"},
		{"registry.test", "", "1"}, {"registry.test", "../a", "1"}, {"registry.test", "a//b", "1"}, {"registry.test", "a/", "1"}, {"registry.test", "a b", "1"},
		{"registry.test", "a%2fb", "1"}, {"", "a", "1"}, {"a/b", "a", "1"}, {"user@host", "a", "1"}, {"host:port", "a", "1"}, {"::1", "a", "1"}, {"[x]", "a", "1"}, {"..", "a", "1"},
	} {
		if _, err := c.Manifest(t.Context(), Repository{test.host, test.path}, test.reference, nil); err == nil {
			t.Errorf("%+v is asked for", test)
		}
		if _, err := c.Document(t.Context(), Repository{test.host, test.path}, test.reference, -1, nil); err == nil {
			t.Errorf("%+v is asked for", test)
		}
	}
	if n := len(c.Requests()); n != 0 {
		t.Errorf("%v were asked", c.Requests())
	}
	for _, host := range []string{"localhost", "registry.test:5000", "[::1]", "[::1]:5000", "127.0.0.1:80", "my_registry"} {
		if !validHost(host) {
			t.Errorf("%s is refused", host)
		}
	}
}

// TestSlotsStayBusy: with 30 ms to every answer, 64 slots and twice as many
// goroutines, each of which spends 20 ms on what it got, the slots are never idle:
// in virtual time, where computing takes none, the rate is the ideal one.
func TestSlotsStayBusy(t *testing.T) {
	const delay, slots, images = 30 * time.Millisecond, 64, 1280
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		img := put(t, f.Good, "team/app")
		f.Always = func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			time.Sleep(delay)
			h.ServeHTTP(w, r)
		}
		w.serve(registryHost, f)
		c := w.client(Options{RequestsAtOnce: slots})
		var left atomic.Int64
		left.Store(images)
		start := time.Now()
		var last atomic.Int64
		var group sync.WaitGroup
		for range 2 * slots {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					_, manifest := c.Manifest(t.Context(), repository(img.repo), "1", nil)
					_, config := c.Document(t.Context(), repository(img.repo), img.configDigest, -1, nil)
					if manifest != nil || config != nil {
						t.Error(manifest, config)
					}
					last.Store(int64(time.Since(start)))
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		group.Wait()
		if took, ideal := time.Duration(last.Load()), 2*images*delay/slots; took != ideal {
			t.Errorf("took %v, ideal is %v", took, ideal)
		}
	})
}

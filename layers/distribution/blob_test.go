package distribution

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func randomBytes(n int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// TestBlob: a stream that breaks goes on where it was, and what cannot go on is
// an error, never an early end.
func TestBlob(t *testing.T) {
	const size = 100_000
	for _, test := range []struct {
		name   string
		faults []fault
		always fault
		stated int64
		want   string // of the error
		ranges []string
	}{
		{name: "whole", stated: size, ranges: []string{""}},
		{name: "whole, size not stated", stated: -1, ranges: []string{""}},
		{name: "opened at the second try", faults: []fault{answers(500, "")}, stated: size, ranges: []string{"", ""}},
		{name: "broken twice", faults: []fault{truncated(40_000), truncated(30_000)}, stated: size, ranges: []string{"", "bytes=40000-99999", "bytes=70000-99999"}},
		{name: "broken, size not stated", faults: []fault{truncated(40_000)}, stated: -1, ranges: []string{"", "bytes=40000-99999"}},
		{name: "broken at once", faults: []fault{truncated(0)}, stated: size, ranges: []string{"", ""}},
		{name: "stalled", faults: []fault{stalled(10_000)}, stated: size, ranges: []string{"", "bytes=10000-99999"}},
		{name: "broken, then 503", faults: []fault{truncated(10_000), answers(503, "", "Retry-After", "9")}, stated: size, ranges: []string{"", "bytes=10000-99999", "bytes=10000-99999"}},
		{name: "always broken", always: truncated(0), stated: size, want: "the connection to registry.test breaks off after 0 bytes", ranges: []string{"", "", "", "", ""}},
		{name: "no ranges", faults: []fault{truncated(10_000), withoutRange()}, stated: size,
			want: "the connection to registry.test broke off after 10000 bytes, and it does not serve the rest alone", ranges: []string{"", "bytes=10000-99999"}},
		{name: "wrong range", faults: []fault{truncated(10_000)}, always: rangeFrom(1), stated: size, want: "the registry answers with another part of the blob than was asked for", ranges: nil},
		{name: "another size", stated: size + 1, want: "the registry has 100000 bytes for it, the descriptor says 100001", ranges: []string{"", ""}},
		{name: "chunked and short", always: chunked(50_000), stated: size, want: "the registry serves only 50000 of", ranges: nil},
		{name: "chunked and long", always: chunked(size), stated: size - 1, want: "it is longer than 99999 bytes", ranges: []string{""}},
		{name: "404", always: answers(404, ""), stated: size, want: "the registry answers 404 Not Found (the registry does not hold this blob: push the image again)", ranges: []string{""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := meeting(store(), test.always, test.faults)
				blob := randomBytes(size)
				digest := putBlob(t, f.Good, "team/app", blob)
				w.serve(registryHost, f)
				got, err := readBlob(t.Context(), w.client(Options{}), digest, test.stated)
				switch {
				case test.want == "" && (err != nil || !bytes.Equal(got, blob)):
					t.Errorf("%d bytes, %v", len(got), err)
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), "fetch blob registry.test/team/app@"+digest+": ")):
					t.Errorf("got %v, want %s", err, test.want)
				case test.want != "" && !strings.Contains(err.Error(), test.want) && test.name != "chunked and short":
					t.Errorf("got %v, want %s", err, test.want)
				case !bytes.HasPrefix(blob, got):
					t.Error("what came is not the beginning of the blob")
				}
				for i, r := range f.Requests() {
					if test.ranges != nil && (i >= len(test.ranges) || r.Range != test.ranges[i]) {
						t.Errorf("request %d has range %q, want %q", i, r.Range, test.ranges)
					}
				}
			})
		})
	}
}

func readBlob(ctx context.Context, c *Client, digest string, size int64) ([]byte, error) {
	stream, err := c.Blob(ctx, repository("team/app"), digest, size)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(stream)
}

// withoutRange serves the whole whatever is asked for.
func withoutRange() fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.Header.Del("Range")
		h.ServeHTTP(w, r)
	}
}

// rangeFrom serves another part than was asked for.
func rangeFrom(first int) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, first+3))
		h.ServeHTTP(w, r)
	}
}

// chunked serves n bytes of a good body without a length.
func chunked(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.Header.Del("Range")
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		w.Write(a.Body.Bytes()[:n])
	}
}

// TestSlowReader: the time that a reader takes is not the host's stall.
func TestSlowReader(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store()}
		blob := randomBytes(100_000)
		digest := putBlob(t, f.Good, "team/app", blob)
		w.serve(registryHost, f)
		stream, err := w.client(Options{}).Blob(t.Context(), repository("team/app"), digest, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		part := make([]byte, 10_000)
		for range 10 {
			time.Sleep(time.Hour)
			if _, err := io.ReadFull(stream, part); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(f.Requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// TestBlobContext: the end of the context ends the stream.
func TestBlobContext(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store(), Always: stalled(10)}
		digest := putBlob(t, f.Good, "team/app", randomBytes(1000))
		w.serve(registryHost, f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := readBlob(ctx, w.client(Options{}), digest, 1000)
		if len(got) != 10 || err != context.DeadlineExceeded {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestDribble: a server that breaks after every few bytes is left in the end.
func TestDribble(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store(), Always: truncated(1)}
		digest := putBlob(t, f.Good, "team/app", randomBytes(1000))
		w.serve(registryHost, f)
		got, err := readBlob(t.Context(), w.client(Options{}), digest, 1000)
		if len(got) != 5 || err == nil || !strings.Contains(err.Error(), "breaks off after 5 bytes (") {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestRange: a part is what was asked for, and a registry that sends the whole is
// not listened to.
func TestRange(t *testing.T) {
	const size = 1000
	for _, test := range []struct {
		name    string
		always  fault
		from, n int64
		want    string
		is      error
	}{
		{name: "trailer", from: size - 8, n: 8},
		{name: "first", from: 0, n: 1},
		{name: "all", from: 0, n: size},
		{name: "once broken", from: 10, n: 500, always: nil},
		{name: "ignored", always: withoutRange(), from: 10, n: 5, want: "the registry serves the blob only whole", is: ErrNoRanges},
		{name: "several parts", always: answers(206, "", "Content-Type", "multipart/byteranges; boundary=x"), from: 10, n: 5, want: "the registry serves the blob only whole", is: ErrNoRanges},
		{name: "another part", always: rangeFrom(1), from: 10, n: 4, want: "the registry answers with another part of the blob than was asked for"},
		{name: "no Content-Range", always: answers(206, "12345"), from: 10, n: 5, want: "the registry answers with another part of the blob than was asked for"},
		{name: "shorter", always: answers(206, "1234", "Content-Range", "bytes 10-13/1000"), from: 10, n: 5, want: "the registry answers with another part of the blob than was asked for"},
		{name: "longer", always: answers(206, "123456", "Content-Range", "bytes 10-15/1000"), from: 10, n: 5, want: "the registry answers with another part of the blob than was asked for"},
		{name: "body longer than said", always: answers(206, "123456", "Content-Range", "bytes 10-14/1000"), from: 10, n: 5, want: "the registry sends more than 5 bytes (" + proxyAdvice + ")"},
		{name: "body shorter than said", always: answers(206, "1234", "Content-Range", "bytes 10-14/1000"), from: 10, n: 5, want: "the connection to registry.test breaks off, 5 times in a row (" + networkAdvice + ")"},
		{name: "beyond the end", from: size, n: 8, want: "the registry answers 416 Requested Range Not Satisfiable, BLOB_UNKNOWN"},
		{name: "negative", from: -1, n: 8, want: "8 bytes from byte -1 cannot be asked for: at most 67108864 at once"},
		{name: "too much", from: 0, n: MaxRangeBytes + 1, want: "67108865 bytes from byte 0 cannot be asked for: at most 67108864 at once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := &faulty{Good: store(), Always: test.always}
				if test.name == "once broken" {
					f.Meet(truncated(5))
				}
				blob := randomBytes(size)
				digest := putBlob(t, f.Good, "team/app", blob)
				w.serve(registryHost, f)
				part, total, err := w.client(Options{}).Range(t.Context(), repository("team/app"), digest, test.from, test.n)
				if test.want == "" {
					if err != nil || total != size || !bytes.Equal(part, blob[test.from:test.from+test.n]) {
						t.Errorf("%d bytes of %d, %v", len(part), total, err)
					}
					return
				}
				if err == nil || !strings.HasSuffix(err.Error(), ": "+test.want) || test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("got %v\nwant %s", err, test.want)
				}
			})
		})
	}
}

// TestRangeIgnored: a body without end is not read.
func TestRangeIgnored(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		sent := 0
		w.serve(registryHost, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for piece := make([]byte, 1<<16); ; sent += len(piece) {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}))
		c := w.client(Options{})
		if _, _, err := c.Range(t.Context(), repository("team/app"), digestOf(nil, ""), 0, 8); !errors.Is(err, ErrNoRanges) {
			t.Errorf("got %v", err)
		}
		c.Close()
		time.Sleep(time.Minute)
		if sent > 1<<20 {
			t.Errorf("%d bytes were sent", sent)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-7/100", "bytes 0-7/*", "bytes 7-0/100", "bytes 0-100/100", "bytes */100", "bytes  0-7/100", "items 0-7/100", "bytes 0-9223372036854775807/*", "bytes +1-2/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if !ok {
			return
		}
		if r.first < 0 || r.last < r.first || r.last-r.first+1 <= 0 || r.total >= 0 && r.total <= r.last {
			t.Fatalf("%q is read as %+v", s, r)
		}
		total := fmt.Sprint(r.total)
		if r.total < 0 {
			total = "*"
		}
		if again, ok := parseContentRange(fmt.Sprintf("bytes %d-%d/%s", r.first, r.last, total)); !ok || again != r {
			t.Fatalf("%+v does not come back: %+v", r, again)
		}
	})
}

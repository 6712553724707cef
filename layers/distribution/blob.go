package distribution

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// Blob opens a blob as a stream. The stream goes on after a broken connection
// where the registry serves ranges; what ends before sizeBytes, or before the
// length that the registry states when sizeBytes is negative, is an error. The
// digest is the reader's to check. The stream holds one of the host's slots and
// ends with ctx; close it.
func (c *Client) Blob(ctx context.Context, repo Repository, digest string, sizeBytes int64) (io.ReadCloser, error) {
	r, err := blobRequest("fetch blob", repo, digest)
	if err != nil {
		return nil, err
	}
	s := &stream{ctx: ctx, client: c, request: r, size: sizeBytes}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// stream is a blob on its way.
type stream struct {
	// ctx is the whole transfer's: an io.Reader has no other place for it.
	ctx     context.Context
	client  *Client
	request request

	resp *response // nil: to be opened at position at
	size int64     // negative: unknown
	at   int64
	// breaks counts the connections that broke since mark.
	breaks int
	mark   int64
	err    error
}

// freshBytes is how much must arrive for earlier breaks to be forgotten, so that a
// server that breaks after every byte does not keep us for ever.
const freshBytes = 1 << 20

func (s *stream) open() error {
	r := s.request
	if s.at > 0 {
		r.byteRange = "bytes=" + strconv.FormatInt(s.at, 10) + "-"
		// Some servers want the last byte named.
		if s.size > s.at {
			r.byteRange += strconv.FormatInt(s.size-1, 10)
		}
	}
	return s.client.ask(s.ctx, r, func(resp *response) error {
		if err := s.accept(resp); err != nil {
			resp.close()
			return err
		}
		s.resp = resp
		// How long the reader takes is its own affair.
		resp.watchdog.sleep()
		return nil
	})
}

// accept checks that an answer goes on where the stream stands.
func (s *stream) accept(resp *response) error {
	length := resp.ContentLength
	if s.at > 0 {
		if resp.StatusCode != http.StatusPartialContent {
			return &Error{Host: resp.host.host, Status: resp.StatusCode, Err: ErrNoRanges, Problem: fmt.Sprintf(
				"the connection to %s broke off after %d bytes, and it does not serve the rest alone", resp.host.host, s.at)}
		}
		part, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if !ok || part.first != s.at {
			return resp.wrongRange()
		}
		length = part.total
		if length >= 0 {
			length -= s.at
		}
	}
	switch {
	case length < 0:
		return nil
	case s.size < 0:
		s.size = s.at + length
	case s.size != s.at+length:
		return &Error{Host: resp.host.host, Status: resp.StatusCode, repeat: once, Problem: fmt.Sprintf(
			"%s has %d bytes for it, the descriptor says %d", resp.request.speaker(resp.host), s.at+length, s.size)}
	}
	return nil
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	for s.err == nil {
		if s.resp == nil {
			if s.err = s.open(); s.err != nil {
				break
			}
		}
		s.resp.watchdog.wake()
		n, err := s.resp.Body.Read(b)
		s.resp.watchdog.sleep()
		s.at += int64(n)
		if s.size >= 0 && s.at > s.size {
			s.fail(&Error{Host: s.resp.host.host, Problem: fmt.Sprintf("it is longer than %d bytes", s.size)})
			break
		}
		s.judge(err)
		if n > 0 || len(b) == 0 {
			return n, nil
		}
	}
	return 0, s.err
}

// judge decides what the end or the break of a connection means.
func (s *stream) judge(err error) {
	switch {
	case err == nil:
		return
	case s.at == s.size, err == io.EOF && s.size < 0:
		s.drop()
		s.err = io.EOF
		return
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	broken := s.resp.broken(err)
	if s.at-s.mark >= freshBytes {
		s.breaks, s.mark = 0, s.at
	}
	s.breaks++
	if broken.repeat == never || s.breaks >= s.client.opt.Attempts || s.ctx.Err() != nil {
		broken.Problem += fmt.Sprintf(" after %d bytes", s.at)
		s.fail(broken)
		return
	}
	s.drop()
	if err := sleep(s.ctx, backOff(s.breaks)); err != nil {
		s.err = err
	}
}

func (s *stream) fail(e *Error) {
	s.err = s.request.named(s.ctx, e)
	s.drop()
}

func (s *stream) drop() {
	if s.resp != nil {
		s.resp.close()
		s.resp = nil
	}
}

// Close frees the slot.
func (s *stream) Close() error {
	s.drop()
	if s.err == nil {
		s.err = io.ErrClosedPipe
	}
	return nil
}

// Range fetches n bytes of a blob beginning at from, and tells the blob's whole
// size (-1 where the registry does not say). It gets fewer bytes only where the
// blob ends. A part has no digest to check. A registry that serves blobs only
// whole is ErrNoRanges, and the blob is not transferred.
func (c *Client) Range(ctx context.Context, repo Repository, digest string, from, n int64) (part []byte, totalBytes int64, err error) {
	r, err := blobRequest("fetch part of blob", repo, digest)
	if err != nil {
		return nil, -1, err
	}
	if from < 0 || n <= 0 || from > math.MaxInt64-n || n > MaxRangeBytes {
		return nil, -1, &Error{Op: r.op(), Problem: fmt.Sprintf("%d bytes from byte %d cannot be asked for: at most %d at once", n, from, int64(MaxRangeBytes))}
	}
	r.byteRange = fmt.Sprintf("bytes=%d-%d", from, from+n-1)
	err = c.ask(ctx, r, func(resp *response) error {
		defer resp.close()
		part, totalBytes, err = resp.part(from, n)
		return err
	})
	if err != nil {
		return nil, -1, err
	}
	return part, totalBytes, nil
}

// MaxRangeBytes is the most that Range fetches at once.
const MaxRangeBytes = 64 << 20

func (r *response) part(from, n int64) ([]byte, int64, error) {
	if r.StatusCode != http.StatusPartialContent || strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, -1, &Error{Host: r.host.host, Status: r.StatusCode, Err: ErrNoRanges,
			Problem: r.request.speaker(r.host) + " serves the blob only whole"}
	}
	got, ok := parseContentRange(r.Header.Get("Content-Range"))
	if !ok || got.first != from || got.last >= from+n || got.last < from+n-1 && got.total >= 0 && got.last != got.total-1 {
		return nil, -1, r.wrongRange()
	}
	want := got.last - got.first + 1
	body, err := r.read(nil, want)
	if err != nil {
		return nil, -1, err
	}
	if int64(len(body)) != want {
		return nil, -1, r.broken(io.ErrUnexpectedEOF)
	}
	return body, got.total, nil
}

func (r *response) wrongRange() *Error {
	return &Error{Host: r.host.host, Status: r.StatusCode, repeat: once,
		Problem: r.request.speaker(r.host) + " answers with another part of the blob than was asked for"}
}

// contentRange is a Content-Range field: the first and the last byte, and the
// whole length or -1.
type contentRange struct{ first, last, total int64 }

// parseContentRange reads "bytes 0-7/100" and "bytes 0-7/*" (RFC 9110 section
// 14.4).
func parseContentRange(field string) (r contentRange, ok bool) {
	unit, rest, _ := strings.Cut(field, " ")
	span, total, slash := strings.Cut(rest, "/")
	first, last, dash := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !slash || !dash {
		return contentRange{}, false
	}
	var a, b, c bool
	r.first, a = parseDigits(first)
	r.last, b = parseDigits(last)
	if total == "*" {
		r.total, c = -1, true
	} else {
		r.total, c = parseDigits(total)
	}
	if !a || !b || !c || r.first > r.last || r.last == math.MaxInt64 || r.total >= 0 && r.last >= r.total {
		return contentRange{}, false
	}
	return r, true
}

func parseDigits(s string) (int64, bool) {
	if !isDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

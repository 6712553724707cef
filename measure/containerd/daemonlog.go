//go:build linux

package containerd

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"

	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
)

// request is one that a registry was asked.
type request struct {
	at time.Time
	// repository is the one asked in.
	repository string
	// digest is the blob's; empty for manifests.
	digest layers.Digest
	// opened is when its ingest was opened, where that was seen and the request was
	// not; until then it waited for a slot.
	opened time.Time
}

// begun is when the first thing was done for it.
func (r *request) begun() time.Time {
	if r.opened.IsZero() {
		return r.at
	}
	return r.opened
}

// applied is the unpacking of one layer, without its snapshot's preparation and
// commit.
type applied struct {
	digest     layers.Digest
	begin, end time.Time
}

// daemonLog is what a daemon's log tells of pulls.
type daemonLog struct {
	requests []request
	applied  []applied
}

// logLine is a line of containerd's log in JSON.
type logLine struct {
	Message string `json:"msg"`
	Time    string `json:"time"`
	Method  string `json:"request.method"`
	URL     string `json:"url"`
	Digest  string `json:"digest"`
	// Took is how long a layer was applied, in nanoseconds.
	Took int64 `json:"d"`
}

// readLog reads the lines of a daemon's log (containerd 1.6 to 2.4:
// remotes/docker/resolver.go, diff/apply/apply.go). Lines of other forms tell
// nothing.
func readLog(raw []byte) daemonLog {
	var l daemonLog
	for line := range bytes.Lines(raw) {
		// Most lines are of no interest and not worth parsing.
		if bytes.Contains(line, []byte(`"do request"`)) || bytes.Contains(line, []byte(`"diff applied"`)) {
			l.take(line)
		}
	}
	return l
}

func (l *daemonLog) take(raw []byte) {
	var line logLine
	if json.Unmarshal(raw, &line) != nil {
		return
	}
	at, err := time.Parse(time.RFC3339Nano, line.Time)
	if err != nil {
		return
	}
	switch line.Message {
	case "diff applied":
		if line.Took >= 0 && line.Took < int64(24*time.Hour) {
			l.applied = append(l.applied, applied{layers.Digest(line.Digest), at.Add(-time.Duration(line.Took)), at})
		}
	case "do request":
		if r, ok := requestOf(line.URL); ok && line.Method != "HEAD" {
			r.at = at
			l.requests = append(l.requests, r)
		}
	}
}

// requestOf reads what a request is for from its URL or path.
func requestOf(text string) (request, bool) {
	u, err := url.Parse(text)
	if err != nil {
		return request{}, false
	}
	asked, ok := registry.RequestOf(u.Path)
	r := request{repository: asked.Repository}
	if asked.Blob {
		r.digest = layers.Digest(asked.Reference)
	}
	return r, ok
}

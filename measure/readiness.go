package measure

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// What a started container is ready by.
const (
	ReadyStarted = "started" // its first process was started
	ReadyOutput  = "output"  // its first byte of output
	ReadyLog     = "log"     // a line of its output that matches Pattern
	ReadyTCP     = "tcp"     // Port accepts a connection
	ReadyHTTP    = "http"    // GET Path on Port is answered with a status below 400
	ReadyExit    = "exit"    // it ended with status 0
)

// DefaultReadyTimeout is how long a start may take to be ready.
const DefaultReadyTimeout = 2 * time.Minute

// Readiness says when a start is ready, where more is waited for than that it was
// started. Ports are those of the container on its node.
type Readiness struct {
	By string `json:"by" document:"required,enum=started|output|log|tcp|http|exit"`
	// Pattern is a regular expression (Go's), for log.
	Pattern string `json:"pattern,omitempty"`
	// Port is for tcp and http.
	Port int `json:"port,omitempty"`
	// Path is for http; empty is /.
	Path string `json:"path,omitempty"`
	// Timeout after which the start is void; 0 is DefaultReadyTimeout.
	Timeout time.Duration `json:"timeoutSeconds,omitempty"`
}

// Validate reports what cannot be waited for.
func (r *Readiness) Validate() error {
	all := []string{ReadyStarted, ReadyOutput, ReadyLog, ReadyTCP, ReadyHTTP, ReadyExit}
	switch {
	case !slices.Contains(all, r.By):
		return fmt.Errorf("readiness by %q: a start is ready by one of %q", r.By, all)
	case r.By == ReadyLog && r.Pattern == "":
		return fmt.Errorf("readiness by log needs a pattern")
	case (r.By == ReadyTCP || r.By == ReadyHTTP) && (r.Port < 1 || r.Port > 65535):
		return fmt.Errorf("readiness by %s needs a port from 1 to 65535, not %d", r.By, r.Port)
	case r.By != ReadyLog && r.Pattern != "":
		return fmt.Errorf("readiness by %s looks for no pattern: leave it out, or wait for it by log", r.By)
	case r.By != ReadyTCP && r.By != ReadyHTTP && r.Port != 0:
		return fmt.Errorf("readiness by %s asks no port: leave it out, or wait for it by tcp or http", r.By)
	case r.By != ReadyHTTP && r.Path != "":
		return fmt.Errorf("readiness by %s asks for no path: leave it out, or wait for it by http", r.By)
	case r.Timeout < 0:
		return fmt.Errorf("readiness within %v cannot be", r.Timeout)
	}
	if _, err := regexp.Compile(r.Pattern); err != nil {
		return fmt.Errorf("readiness by log: %w", err)
	}
	return nil
}

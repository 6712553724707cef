package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestCapacityInterrupted: a search that is stopped ends with 130.
func TestCapacityInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	var out, errOut bytes.Buffer
	code := run(ctx, []string{"capacity", "burst", "--scenario", "../../deploy/kubernetes/scenario.yaml", "--app", "web", "--count", "20000", "--within", "30s", "--repeats", "400"}, strings.NewReader(""), &out, &errOut)
	if code != exitInterrupted || !strings.Contains(errOut.String(), "interrupted") || out.Len() > 0 && !strings.Contains(out.String(), "Interrupted") {
		t.Errorf("exit code %d, %q, %q", code, out.String(), errOut.String())
	}
}

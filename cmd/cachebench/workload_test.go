package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// waitingReader tells when it is asked, and answers never.
type waitingReader struct{ asked chan struct{} }

func (w *waitingReader) Read([]byte) (int, error) {
	close(w.asked)
	select {}
}

// TestImportInterrupted: Ctrl-C ends an import that waits for its input, and writes
// nothing.
func TestImportInterrupted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	saved := filepath.Join(t.TempDir(), "pulls.json")
	ctx, cancel := context.WithCancel(t.Context())
	stdin := &waitingReader{make(chan struct{})}
	go func() {
		<-stdin.asked
		cancel()
	}()
	var out, errOut bytes.Buffer
	from := io.MultiReader(strings.NewReader(`{"kind":"List","items":[`), stdin)
	code := run(ctx, []string{"workload", "import", "-", "--save-timeline", saved}, from, &out, &errOut)
	if code != exitInterrupted || errOut.String() != "cachebench: interrupted\n" || out.Len() > 0 {
		t.Errorf("exit code %d, %q on stderr, %q on stdout", code, errOut.String(), out.String())
	}
	if _, err := os.Stat(saved); err == nil {
		t.Error("a timeline was written")
	}
}

//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package layers_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cachebench/cachebench/layers"
)

// TestCopyWaits: while another copies to the directory, a copy writes nothing, and can
// be cancelled.
func TestCopyWaits(t *testing.T) {
	_, inv := copyLayout(t, map[string]v1.Image{"a:1": randomImage(t)})
	to := t.TempDir()
	f, err := os.Create(filepath.Join(to, ".copying"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := inv.Copy(ctx, to, tagOf, layers.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another copies: %v", err)
	}
	if found := files(t, to); len(found) != 1 {
		t.Errorf("it wrote %v", found)
	}
	time.AfterFunc(100*time.Millisecond, func() { f.Close() })
	if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err != nil {
		t.Errorf("once the other is done: %v", err)
	}
}

// Command imagebuild builds the images of the demo and of the tests: real ones,
// from Debian packages, with everything a registry can hold that differs in
// kind. See catalog.go for the list.
//
//	go run ./internal/imagebuild -out build/images -record testdata/images
//	go run ./internal/imagebuild -out build/images -push 127.0.0.1:5000
//	go run ./internal/imagebuild -out build/images -compare 127.0.0.1:5000
//
// The first form makes an OCI layout with all layers, and layers.csv beside
// them; it needs root on Debian 12, 6 GB of disk and about two minutes. Each layer is what one apt run, or one
// COPY, leaves in an overlayfs upper directory, in mount and process namespaces
// of its own, so that nothing stays mounted or running however a step ends. The
// documents of the images, without layers, go to the -record directory. The
// archive and the proxy are those of the machine's own apt set-up.
//
// The second form pushes a built layout to a registry on plain HTTP and reads
// every tag back. It needs no root.
//
// The third form compares what cachebench says of the images pushed with what
// crane and skopeo say, and fails where they differ (see compare.go).
//
// It does not sign images, and it does not make the same bytes from newer
// packages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// imageDate is the creation date of the images unless SOURCE_DATE_EPOCH says
// otherwise: the day they were first recorded.
var imageDate = time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole command. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("imagebuild", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", filepath.Join("build", "images"), "`directory` of the OCI layout with all layers")
	recordDir := flags.String("record", "", "`directory` for the documents without layers; empty: none")
	pushTo := flags.String("push", "", "do not build: push the layout to the registry at `HOST:PORT`, plain HTTP")
	compareAt := flags.String("compare", "", "do not build: compare cachebench with crane and skopeo on the layout as pushed to `HOST:PORT`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "imagebuild: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	var err error
	switch {
	case *pushTo != "":
		err = pushLayout(ctx, layout(*out), *pushTo, stdout)
	case *compareAt != "":
		err = compareClients(ctx, layout(*out), *compareAt, stdout)
	default:
		err = buildLayout(ctx, *out, *recordDir, stdout)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "imagebuild: interrupted")
		return 130
	}
	fmt.Fprintln(stderr, "imagebuild:", err)
	return 1
}

// buildLayout builds all images, and records them unless recordDir is empty.
func buildLayout(ctx context.Context, out, recordDir string, stdout io.Writer) error {
	start := time.Now()
	created, err := sourceDate()
	if err != nil {
		return err
	}
	work, err := makeWork(out)
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer removeWork(work, stdout)

	log, err := os.Create(filepath.Join(out, "build.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	rows, err := buildAll(ctx, work, layout(out), created, log, stdout)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w (output of the tools: %s)", err, log.Name())
	}
	fmt.Fprintf(stdout, "%d layers in %s, %.0f s\n", len(rows), out, time.Since(start).Seconds())
	if recordDir == "" {
		return nil
	}
	if err := record(layout(out), recordDir, rows, created); err != nil {
		return fmt.Errorf("record the documents: %w", err)
	}
	return nil
}

// buildAll builds the catalogue into a new layout.
func buildAll(ctx context.Context, work string, out layout, created time.Time, log, stdout io.Writer) ([]layerRow, error) {
	h, err := newHost(ctx, work, created.Unix(), log)
	if err != nil {
		return nil, err
	}
	if _, err := newLayout(string(out)); err != nil {
		return nil, err
	}
	report := func(format string, args ...any) { fmt.Fprintf(stdout, format, args...) }
	rows, err := newBuilder(h, out, created, report).build(ctx, catalog())
	if err != nil {
		return nil, err
	}
	return rows, saveLayers(filepath.Join(string(out), "layers.csv"), rows)
}

// makeWork makes a directory for everything temporary, beside the layout and
// not in /tmp, which may be too small or a file system that overlayfs refuses.
func makeWork(out string) (string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	parent, err := filepath.Abs(filepath.Dir(out))
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(parent, "imagework-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return work, err
	}
	return work, os.Mkdir(filepath.Join(work, "empty"), 0o755)
}

// removeWork removes the work directory. After an interrupt the processes of a
// step may take a moment to die, and still write: hence the repetition. Nothing
// is mounted there as seen from this process.
func removeWork(work string, stdout io.Writer) {
	var err error
	for range 20 {
		if err = os.RemoveAll(work); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Fprintln(stdout, "imagebuild: remove this directory:", err)
}

// sourceDate returns the creation date of the images.
// See https://reproducible-builds.org/specs/source-date-epoch/
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return imageDate, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pushLayout pushes every reference of a layout to the registry at host, under
// its own repository and tag, and reads each tag back.
//
// crane pushes, from a layout of one entry that borrows the blobs. skopeo 1.9
// was tried first: it does not find Docker media types in an OCI layout.
func pushLayout(ctx context.Context, l layout, host string, stdout io.Writer) error {
	entries, err := l.entries()
	if err != nil {
		return fmt.Errorf("read the layout %s: %w", l, err)
	}
	crane, err := craneCommand(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	for _, entry := range entries {
		reference := entry.Annotations[refNameAnnotation]
		name := strings.TrimPrefix(reference, registryHost+"/")
		if err := pushEntry(ctx, crane, l, entry, host+"/"+name); err != nil {
			return fmt.Errorf("push %s to %s: %w", reference, host, err)
		}
		if err := checkTag(ctx, host, name, entry); err != nil {
			return fmt.Errorf("check %s on %s: %w", reference, host, err)
		}
		fmt.Fprintf(stdout, "%s/%s %s\n", host, name, entry.Digest)
	}
	fmt.Fprintf(stdout, "%d references pushed and checked, %.0f s\n", len(entries), time.Since(start).Seconds())
	return nil
}

// craneCommand returns the file of crane, in the version that go.mod names. It
// is run itself, not through `go tool`, so that an interrupt reaches it.
func craneCommand(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", "crane")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find crane with `go tool -n crane`: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// pushEntry pushes one entry of a layout, an index with all that it names.
func pushEntry(ctx context.Context, crane string, l layout, entry v1.Descriptor, target string) error {
	dir, err := os.MkdirTemp("", "imagebuild-push-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := singleEntry(l, entry, dir); err != nil {
		return err
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, crane, "push", "--insecure", dir, target)
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+dir) // nobody's credentials
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("crane push: %w\n%s", err, log.Bytes())
	}
	return nil
}

// singleEntry makes dir a layout of one entry, with the blobs of l.
func singleEntry(l layout, entry v1.Descriptor, dir string) error {
	blobs, err := filepath.Abs(filepath.Join(string(l), "blobs"))
	if err != nil {
		return err
	}
	single := layout(dir)
	if err := single.writeMarker(); err != nil {
		return err
	}
	if err := single.writeIndex([]v1.Descriptor{entry}); err != nil {
		return err
	}
	return os.Symlink(blobs, filepath.Join(dir, "blobs"))
}

// checkTag fetches the manifest of a tag and compares it with the entry.
func checkTag(ctx context.Context, host, name string, entry v1.Descriptor) error {
	repository, tag, _ := strings.Cut(name, ":")
	address := fmt.Sprintf("http://%s/v2/%s/manifests/%s", host, repository, tag)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", string(entry.MediaType))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, response.Status)
	}
	digest, _, err := v1.SHA256(response.Body)
	if err != nil {
		return err
	}
	if digest != entry.Digest {
		return fmt.Errorf("the registry has %s, the layout %s", digest, entry.Digest)
	}
	if got := response.Header.Get("Content-Type"); got != string(entry.MediaType) {
		return errors.New("the registry gives the media type " + got + ", the layout " + string(entry.MediaType))
	}
	return nil
}

//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWriteFile: a regular file is replaced and keeps its mode, links stay and lead
// to what is written, and a pipe is written to and stays a pipe.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	content := func(name string) string {
		t.Helper()
		data, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	write := func(name, text string) {
		t.Helper()
		if err := checkPlace(at(name)); err != nil {
			t.Fatal(err)
		}
		if err := writeFile(at(name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("new", "1")
	if err := os.Chmod(at("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("new", "2")
	if info, err := os.Stat(at("new")); err != nil || info.Mode().Perm() != 0o600 || content("new") != "2" {
		t.Errorf("replaced: %v, %v, %q", info.Mode(), err, content("new"))
	}
	for link, to := range map[string]string{"link": "new", "dangling": "made"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
		write(link, link)
		if info, err := os.Lstat(at(link)); err != nil || info.Mode()&fs.ModeSymlink == 0 || content(to) != link {
			t.Errorf("%s is %v (%v), and %s holds %q", link, info.Mode(), err, to, content(to))
		}
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		data, _ := os.ReadFile(at("pipe"))
		read <- string(data)
	}()
	write("pipe", "through")
	if got := <-read; got != "through" {
		t.Errorf("the pipe carried %q", got)
	}
	if info, err := os.Lstat(at("pipe")); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe has become %v (%v)", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for name, want := range map[string]string{
		dir:           "it is a directory",
		at("no/file"): "there is no directory " + at("no"),
		at("new/x"):   "not a directory",
	} {
		if err := checkPlace(name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "/.") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

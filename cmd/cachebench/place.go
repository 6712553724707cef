package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is where a file is to be written.
type place struct {
	// name is the file itself, behind whatever links lead to it.
	name string
	mode fs.FileMode
	// replaced: a new file takes its place when it is whole. A device, a pipe or
	// the like is written to as it is.
	replaced bool
}

// placeOf finds the file that a name means. A name of nothing is a file to be
// made.
func placeOf(name string) (place, error) {
	p := place{name: name, mode: 0o644, replaced: true}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		link, err := os.Lstat(name)
		// A link to nothing makes what it names.
		p.replaced = err != nil || link.Mode()&fs.ModeSymlink == 0
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("write %s: %w", name, cause(err))
	}
	if info.IsDir() {
		return p, usagef("write %s: it is a directory: name a file", name)
	}
	if p.replaced = info.Mode().IsRegular(); !p.replaced {
		return p, nil
	}
	p.mode = info.Mode().Perm()
	if p.name, err = filepath.EvalSymlinks(name); err != nil {
		return p, fmt.Errorf("write %s: %w", name, cause(err))
	}
	return p, nil
}

// checkPlace says before the work whether a file can be written.
func checkPlace(name string) error {
	p, err := placeOf(name)
	if err != nil || !p.replaced {
		return err
	}
	f, err := p.beside()
	if err != nil {
		return err
	}
	f.Close()
	os.Remove(f.Name())
	return nil
}

// beside makes the file that is to take p's place.
func (p place) beside() (*os.File, error) {
	dir := filepath.Dir(p.name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(p.name)+".*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// /proc and its like are there, and say the same of every new file.
		if info, serr := os.Stat(dir); serr == nil && info.IsDir() {
			return nil, fmt.Errorf("write %s: directory %s takes no new files: name another", p.name, dir)
		}
		return nil, fmt.Errorf("write %s: there is no directory %s", p.name, dir)
	case err != nil:
		return nil, fmt.Errorf("write %s: directory %s: %w", p.name, dir, cause(err))
	}
	return f, nil
}

// besideHeld makes the file that is to take p's place, held until release, so that another
// process for the same file does not take it for one that was left.
func (p place) besideHeld() (f *os.File, release func(), err error) {
	const tries = 10
	for range tries {
		if f, err = p.beside(); err != nil {
			return nil, nil, err
		}
		release, held := hold(f.Name())
		if held {
			return f, release, nil
		}
		release()
		f.Close()
	}
	return nil, nil, fmt.Errorf("write %s: each file beside it is removed at once: does something clean up there?", p.name)
}

// removeBeside removes what processes that were killed left beside a file that they were to
// replace: nothing else has such a name. What a process that lives writes stays.
func removeBeside(name string) error {
	left, err := filepath.Glob(filepath.Join(globLiteral(filepath.Dir(name)), globLiteral("."+filepath.Base(name))+".*"))
	if err != nil {
		return fmt.Errorf("look for what is left of %s: %w", name, err)
	}
	for _, file := range left {
		if suffix := strings.TrimPrefix(filepath.Base(file), "."+filepath.Base(name)+"."); suffix == "" || strings.Trim(suffix, "0123456789") != "" {
			continue
		}
		if err := removeUnheld(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s, left by a run that was ended: %w: remove it by hand", file, cause(err))
		}
	}
	return nil
}

// cause is what went wrong, without the name of a file that nobody named.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// writeFile writes a file whole or not at all; what is no regular file is written
// to as it is.
func writeFile(name string, data []byte) error {
	p, err := placeOf(name)
	if err != nil {
		return err
	}
	if !p.replaced {
		return p.fill(data)
	}
	f, err := p.beside()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(f.Name(), p.mode)
	}
	if err == nil {
		err = os.Rename(f.Name(), p.name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	return nil
}

// fill writes to a device, a pipe, or through a link to what is not there yet.
func (p place) fill(data []byte) error {
	f, err := os.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, p.mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", p.name, cause(err))
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", p.name, cause(err))
	}
	return nil
}

// sameFile says whether two names mean one file, there or to be made.
func sameFile(a, b string) bool {
	x, xErr := os.Stat(a)
	y, yErr := os.Stat(b)
	if xErr == nil && yErr == nil {
		return x.Mode().IsRegular() && os.SameFile(x, y)
	}
	p, pErr := filepath.Abs(a)
	q, qErr := filepath.Abs(b)
	return pErr == nil && qErr == nil && p == q
}

// eachOnce refuses inputs of which two are one file: what it holds would count twice.
func eachOnce(files []string) error {
	for n, name := range files {
		for _, earlier := range files[:n] {
			switch {
			case name == earlier:
				return usagef("%s is named twice", name)
			case sameFile(name, earlier):
				return usagef("%s and %s are one file: name it once", earlier, name)
			}
		}
	}
	return nil
}

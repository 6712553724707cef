package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// stream writes a result that is not in memory whole: to stdout as it comes, a file whole
// or not at all.
func (o *outputs) stream(write func(io.Writer) error) error {
	if o.file != "" && !o.toStdout(o.file) {
		return streamFile(o.file, write)
	}
	w := bufio.NewWriter(&clearing{o.io})
	return errors.Join(write(w), w.Flush())
}

// clearing writes to stdout and removes a line of progress before.
type clearing struct{ io *streams }

func (c *clearing) Write(data []byte) (int, error) {
	c.io.clear()
	return c.io.out.Write(data)
}

// streamFile writes a file piece by piece, as writeFile does a whole one.
func streamFile(name string, write func(io.Writer) error) error {
	p, err := placeOf(name)
	if err != nil {
		return err
	}
	var f *os.File
	if p.replaced {
		var release func()
		if f, release, err = p.besideHeld(); err != nil {
			return err
		}
		defer release() // once it has its name
		defer os.Remove(f.Name())
	} else if f, err = os.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, p.mode); err != nil {
		return fmt.Errorf("write %s: %w", p.name, cause(err))
	}
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		f.Close()
		return err
	}
	err = w.Flush()
	if err == nil && p.replaced {
		// A machine that dies leaves the whole file or none.
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil && p.replaced {
		err = os.Chmod(f.Name(), p.mode)
	}
	if err == nil && p.replaced {
		err = os.Rename(f.Name(), p.name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	return nil
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
)

// outputs are the flags of where a result goes.
type outputs struct {
	io     *streams
	format string
	file   string
	save   string
	// formats are those of the command's result; nil means those of a report.
	formats []reports.Format
}

func (o *outputs) addFlags(cmd *cobra.Command, saved string) {
	f := cmd.Flags()
	f.StringVarP(&o.format, "output", "o", "text", "`format` of the result: "+formatWords(o.formats))
	f.StringVar(&o.file, "output-file", "", "write the result to this `file` instead of stdout")
	if saved != "" {
		f.StringVar(&o.save, "save", "", "also save "+saved+" to this `file`, for the next stage")
	}
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formatNames(o.formats), cobra.ShellCompDirectiveNoFileComp))
}

func formatNames(formats []reports.Format) []string {
	if formats == nil {
		formats = reports.Formats()
	}
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return names
}

// formatWords lists formats as text, json or html.
func formatWords(formats []reports.Format) string {
	names := formatNames(formats)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// check refuses an unknown format before any work is done.
func (o *outputs) check() error {
	if _, err := reports.ParseFormat(o.format, o.formats...); err != nil {
		return usageError{fmt.Errorf("--output: %w", err)}
	}
	return nil
}

// stage writes a stage's value: as its own document in JSON, else as a report,
// which is made only then; and saves the document where asked to.
func (o *outputs) stage(kind string, value any, report func() *reports.Report) error {
	data, err := o.keep(kind, value)
	if err != nil {
		return err
	}
	if o.format == string(reports.JSON) {
		return o.write(data)
	}
	return o.report(report())
}

// keep returns a stage's value as a document, saved where asked to.
func (o *outputs) keep(kind string, value any) ([]byte, error) {
	data, err := document.Marshal(kind, value)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", kind, err)
	}
	if o.save == "" {
		return data, nil
	}
	return data, writeFile(o.save, data)
}

func (o *outputs) report(r *reports.Report) error {
	format, err := reports.ParseFormat(o.format, o.formats...)
	if err != nil {
		return usageError{err}
	}
	var b bytes.Buffer
	if err := reports.Write(&b, format, r, reports.Options{Color: o.file == "" && useColor(o.io.out)}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return o.write(b.Bytes())
}

// diff writes a diff in its format; and saves it as a document where asked to.
func (o *outputs) diff(d *reports.Diff) error {
	if o.save != "" {
		data, err := document.Marshal(reports.DiffKind, d)
		if err != nil {
			return fmt.Errorf("write %s: %w", reports.DiffKind, err)
		}
		if err := writeFile(o.save, data); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := reports.WriteDiff(&b, reports.Format(o.format), d, reports.Options{Color: o.file == "" && useColor(o.io.out)}); err != nil {
		return err
	}
	return o.write(b.Bytes())
}

func (o *outputs) write(data []byte) error {
	o.io.clear()
	if o.file != "" && o.file != "-" {
		return writeFile(o.file, data)
	}
	_, err := o.io.out.Write(data)
	return err
}

// writeFile writes a file whole or not at all.
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write %s: there is no directory %s", name, filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func useColor(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

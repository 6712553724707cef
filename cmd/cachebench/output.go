package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// outputs are the flags of where a result goes.
type outputs struct {
	io     *streams
	format string
	file   string
	save   string
	// plots is the directory that the charts go to, each as a file; empty for none.
	plots string
	// timeline has the starts of the report that is written; nil where it has none.
	timeline *simulate.Timeline
	// formats are those of the command's result; nil means those of a report.
	formats []reports.Format
}

func (o *outputs) addFlags(cmd *cobra.Command, saved string) {
	f := cmd.Flags()
	f.StringVarP(&o.format, "output", "o", "", "`format` of the result: "+formatWords(o.formats)+" (default what the ending of --output-file tells, else text)")
	f.StringVar(&o.file, "output-file", "", "write the result to this `file` instead of stdout; - is stdout")
	if saved != "" {
		f.StringVar(&o.save, "save", "", "also save "+saved+" to this `file`, for the next stage; - is stdout")
	}
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formatNames(o.formats), cobra.ShellCompDirectiveNoFileComp))
}

// startFormats are the formats of a result that may have a timeline.
func startFormats() []reports.Format { return append(reports.StartupFormats(), reports.Starts) }

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

// otherFormats are endings of files that hold another format than a result's: who names one
// without --output expects that.
var otherFormats = []string{
	".doc", ".docx", ".gz", ".jpeg", ".jpg", ".jsonl", ".ndjson", ".ods", ".odt", ".parquet", ".pdf", ".png", ".ppt", ".pptx",
	".rtf", ".svg", ".tex", ".tsv", ".xls", ".xlsx", ".xml", ".zip",
}

// check finds the format, and refuses one that the result has not and files that
// cannot be written, before any work is done.
func (o *outputs) check() error {
	if o.format == "" {
		if end := strings.ToLower(filepath.Ext(o.file)); slices.Contains(otherFormats, end) {
			return usagef("--output-file %s: no result is written as %s; --output is one of %s", o.file, end, formatWords(o.formats))
		}
		if o.format = cachebench.OutputFormat(o.file); o.format == "" {
			o.format = string(reports.Text)
		}
	}
	if _, err := reports.ParseFormat(o.format, o.formats...); err != nil {
		return usageError{fmt.Errorf("--output: %w", err)}
	}
	if o.save != "" && o.toStdout(o.save) && (o.file == "" || o.toStdout(o.file)) {
		return usagef("--save %s and the result would both go to stdout: name a file for one of them, or leave --save out and take --output json", o.save)
	}
	if o.save != "" && o.file != "" && sameFile(o.save, o.file) {
		return usagef("--save and --output-file are both %s: one would replace the other", o.file)
	}
	for _, name := range []string{o.file, o.save} {
		if name == "" || o.toStdout(name) {
			continue
		}
		if err := checkPlace(name); err != nil {
			return err
		}
	}
	return o.checkPlots()
}

// spares refuses to replace what is read: the names of input files, empty ones
// left out.
func (o *outputs) spares(inputs ...string) error {
	for flag, name := range map[string]string{"output-file": o.file, "save": o.save} {
		if name == "" || o.toStdout(name) {
			continue
		}
		for _, input := range inputs {
			if input != "" && sameFile(name, input) {
				return usagef("--%s %s would replace an input: give it another name", flag, name)
			}
		}
	}
	for _, input := range inputs {
		if err := o.plotsSpare("the input", input); err != nil {
			return err
		}
	}
	return nil
}

// toStdout says whether a file's name is the standard output: -, or the file or pipe
// that the shell made it. A terminal or /dev/null takes both as they are.
func (o *outputs) toStdout(name string) bool {
	if name == "-" {
		return true
	}
	out, ok := o.io.out.(*os.File)
	if !ok {
		return false
	}
	its, err := out.Stat()
	given, otherErr := os.Stat(name)
	return err == nil && otherErr == nil && os.SameFile(its, given) && its.Mode()&os.ModeCharDevice == 0
}

// stage writes a stage's value: as its own document in JSON, else as a report,
// which is made only then; and saves the document where asked to.
func (o *outputs) stage(kind string, value any, report func() *reports.Report) error {
	data, err := o.keep(kind, value)
	if err != nil {
		return err
	}
	if t, ok := value.(*simulate.Timeline); ok {
		o.timeline = t
	}
	if o.format == string(reports.JSON) {
		if err := o.write(data); err != nil || o.plots == "" {
			return err
		}
		return o.drawPlots(reports.Plots(report()))
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
	return data, o.writeTo(o.save, data)
}

func (o *outputs) report(r *reports.Report) error {
	format, err := reports.ParseFormat(o.format, o.formats...)
	if err != nil {
		return usageError{err}
	}
	var b bytes.Buffer
	switch {
	case format == reports.Starts && o.timeline == nil:
		return usagef("--output %s: a saved report has no single starts: give the timeline (simulate --save, or report TIMELINE)", format)
	case format == reports.Starts:
		err = reports.WriteStarts(&b, o.timeline)
	default:
		err = reports.Write(&b, format, r, reports.Options{Color: o.file == "" && useColor(o.io.out)})
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := o.write(b.Bytes()); err != nil || o.plots == "" {
		return err
	}
	return o.drawPlots(reports.Plots(r))
}

// diff writes a diff in its format; and saves it as a document where asked to.
func (o *outputs) diff(d *reports.Diff) error {
	if o.save != "" {
		data, err := document.Marshal(reports.DiffKind, d)
		if err != nil {
			return fmt.Errorf("write %s: %w", reports.DiffKind, err)
		}
		if err := o.writeTo(o.save, data); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := reports.WriteDiff(&b, reports.Format(o.format), d, reports.Options{Color: o.file == "" && useColor(o.io.out)}); err != nil {
		return err
	}
	if err := o.write(b.Bytes()); err != nil || o.plots == "" {
		return err
	}
	return o.drawPlots(reports.DiffPlots(d))
}

// capacity writes the answer to a question of capacity, and saves it where asked to.
func (o *outputs) capacity(c *reports.Capacity) error {
	return o.tables(reports.CapacityKind, c, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
		return reports.WriteCapacity(b, f, c, opt)
	})
}

func (o *outputs) write(data []byte) error { return o.writeTo(o.file, data) }

// writeTo writes to the file of that name; to stdout where there is none.
func (o *outputs) writeTo(name string, data []byte) error {
	o.io.clear()
	if name != "" && !o.toStdout(name) {
		return writeFile(name, data)
	}
	return o.io.write(o.io.out, data)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// isLive says whether a line can be written again and again: on a terminal that knows
// escape sequences.
func isLive(w io.Writer) bool { return isTerminal(w) && !isDumb() }

func isDumb() bool { return os.Getenv("TERM") == "dumb" }

func useColor(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && !isDumb()
}

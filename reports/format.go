package reports

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// Format is a way to write a Report.
type Format string

// The formats.
const (
	// Text is for a terminal, at most 100 columns wide.
	Text Format = "text"
	// JSON is the document that Read reads.
	JSON Format = "json"
	// HTML is one page that needs no network, and no script to say what it says.
	HTML Format = "html"
	// GitHub are annotations of a GitHub Actions run, as workflow commands.
	GitHub Format = "github"
	// Markdown is a comment of a few lines for a pull request.
	Markdown Format = "markdown"
	// CSV has a row for each figure of the startups.
	CSV Format = "csv"
	// Bench is the text of Go's benchmarks, for benchstat and compare.
	Bench Format = "benchfmt"
)

// StartupFormats lists the formats of a Report that has startup times.
func StartupFormats() []Format { return append(Formats(), Markdown, CSV, Bench) }

// Formats lists the formats of any Report; a Diff has its own.
func Formats() []Format { return []Format{Text, JSON, HTML} }

// ParseFormat returns the format called name, which must be one of the given
// ones; of Formats when none are given.
func ParseFormat(name string, of ...Format) (Format, error) {
	if len(of) == 0 {
		of = Formats()
	}
	var known []string
	for _, f := range of {
		if string(f) == name {
			return f, nil
		}
		known = append(known, string(f))
	}
	return "", fmt.Errorf("unknown format %q%s: known are %s", name, document.DidYouMean(name, known), strings.Join(known, ", "))
}

// Options are choices of how a Report looks; the zero value is plain.
type Options struct {
	// Color marks the headline and a few words with terminal colours. Only
	// format text looks at it.
	Color bool
}

// Write writes r to w.
func Write(w io.Writer, format Format, r *Report, opt Options) error {
	var data []byte
	var err error
	switch format {
	case Text:
		data = text(r, opt)
	case JSON:
		data, err = document.Marshal(Kind, r)
	case HTML:
		data, err = page(r)
	case Markdown:
		data = reportMarkdown(r)
	case CSV:
		data, err = csvTable(r)
	case Bench:
		data, err = benchReport(r)
	case GitHub:
		if r.Gate == nil {
			err = errors.New("format github has what became of the budgets of a scenario's apps, and none was judged (run --check)")
			break
		}
		data = GateAnnotations(r.Gate)
	default:
		_, err = ParseFormat(string(format), StartupFormats()...)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

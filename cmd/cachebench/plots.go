package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/picture"
	"github.com/cachebench/cachebench/reports"
)

// plotScale is how many pixels of a PNG are a unit of its SVG: enough for a slide.
const plotScale = 2

// addPlotsFlag adds the flag of a command whose result has charts.
func (o *outputs) addPlotsFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.plots, "plots", "", "also write each chart of the HTML form as SVG and PNG into this `directory`")
	cmd.MarkFlagDirname("plots")
}

// checkPlots refuses a directory that cannot be written to, and other results that a chart
// might replace, before any work is done. A directory that is not there is made when there
// is something to put into it.
func (o *outputs) checkPlots() error {
	if o.plots == "" {
		return nil
	}
	if err := o.plotsSpare("--output-file", o.file, "--save", o.save); err != nil {
		return err
	}
	info, err := os.Stat(o.plots)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkDirectoryPlace(o.plots)
	case err != nil:
		return fmt.Errorf("--plots %s: %w", o.plots, cause(err))
	case !info.IsDir():
		return usagef("--plots %s is a file: name a directory", o.plots)
	}
	return checkPlace(filepath.Join(o.plots, "startups.svg"))
}

// plotsSpare refuses files, each behind its flag, that a chart might replace: which charts
// there are is known only when the work is done, and their names all end so.
func (o *outputs) plotsSpare(named ...string) error {
	for i := 0; i+1 < len(named); i += 2 {
		flag, name := named[i], named[i+1]
		if o.plots == "" || name == "" || o.toStdout(name) {
			continue
		}
		if its, err := filepath.EvalSymlinks(name); err == nil {
			name = its
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".svg", ".png":
			if sameDirectory(filepath.Dir(name), o.plots) {
				return usagef("%s %s stands among the charts of --plots %s, and one of them may replace it: give it another directory or another ending", flag, named[i+1], o.plots)
			}
		}
	}
	return nil
}

// checkDirectoryPlace says before the work whether a directory that is not there can be
// made: in the nearest of those above it that is there.
func checkDirectoryPlace(name string) error {
	above := name
	for {
		if link, err := os.Lstat(above); err == nil && link.Mode()&fs.ModeSymlink != 0 {
			if _, err := os.Stat(above); err != nil {
				return usagef("--plots %s: %s is a link to nothing: name a directory", name, above)
			}
		}
		above = filepath.Dir(above)
		info, err := os.Stat(above)
		if errors.Is(err, fs.ErrNotExist) && above != filepath.Dir(above) {
			continue
		}
		if err != nil {
			return fmt.Errorf("--plots %s: %s: %w", name, above, cause(err))
		}
		if !info.IsDir() {
			return usagef("--plots %s: %s is no directory", name, above)
		}
		break
	}
	tried, err := os.MkdirTemp(above, ".plots.*")
	if err != nil {
		return fmt.Errorf("--plots %s: make it in directory %s: %w", name, above, cause(err))
	}
	os.Remove(tried)
	return nil
}

// sameDirectory says whether two names are of one directory, whether or not it is there.
func sameDirectory(a, b string) bool {
	x, xErr := os.Stat(a)
	y, yErr := os.Stat(b)
	if xErr == nil && yErr == nil {
		return os.SameFile(x, y)
	}
	p, pErr := filepath.Abs(a)
	q, qErr := filepath.Abs(b)
	return pErr == nil && qErr == nil && p == q
}

// noPlots refuses --plots for a result that never has charts.
func (o *outputs) noPlots(what string) error {
	if o.plots == "" {
		return nil
	}
	return usagef("--plots %s: %s has no charts: leave --plots out", o.plots, what)
}

// drawPlots writes each plot as two files, and says which on the standard error. Files of
// other names are left as they are.
func (o *outputs) drawPlots(plots []reports.Plot, err error) error {
	if err != nil {
		return fmt.Errorf("--plots %s: %w", o.plots, err)
	}
	o.io.clear()
	if len(plots) == 0 {
		fmt.Fprintf(o.io.err, "cachebench: --plots %s: this result has no charts\n", o.plots)
		return nil
	}
	if err := os.MkdirAll(o.plots, 0o777); err != nil {
		return fmt.Errorf("--plots %s: %w", o.plots, cause(err))
	}
	missing := make(map[rune]bool)
	var lacking []string
	for _, p := range plots {
		drawn, boxes, err := picture.PNG(p.SVG, plotScale)
		if err != nil {
			return fmt.Errorf("--plots %s: %s.png: %w", o.plots, p.Name, err)
		}
		name := filepath.Join(o.plots, p.Name)
		if err := writeFile(name+".svg", p.SVG); err != nil {
			return err
		}
		if err := writeFile(name+".png", drawn); err != nil {
			return err
		}
		fmt.Fprintf(o.io.err, "%s.svg, %s.png: %s\n", name, name, p.Title)
		for _, letter := range boxes {
			missing[letter] = true
		}
		if len(boxes) > 0 {
			lacking = append(lacking, p.Name+".png")
		}
	}
	if len(lacking) > 0 {
		fmt.Fprintf(o.io.err, "cachebench: --plots %s: the fonts of PNG have no %s: a box stands for each in %s; the .svg beside has the letters\n", o.plots, lettersWords(missing), strings.Join(lacking, ", "))
	}
	return nil
}

// lettersWords lists letters, the first of many.
func lettersWords(letters map[rune]bool) string {
	const most = 12
	list := slices.Sorted(maps.Keys(letters))
	var words []string
	for _, r := range list[:min(len(list), most)] {
		word := fmt.Sprintf("%U", r)
		if unicode.IsGraphic(r) {
			word = string(r)
		}
		words = append(words, word)
	}
	if rest := len(list) - most; rest > 0 {
		words = append(words, fmt.Sprintf("and %d more letters", rest))
	}
	return strings.Join(words, " ")
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

// storeAsks are the flags that ask match about other stores and pairs of images
// than ECI's choice, or about the service's own answers.
type storeAsks struct {
	stores, against string
	matrix, nearest bool
}

func (a *storeAsks) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.stores, "stores", "", "say what the nodes, caches, disks and mirrors of this `file` spare each app, and how long a pull takes with each")
	f.BoolVar(&a.matrix, "matrix", false, "say what each of the images spares each other")
	f.BoolVar(&a.nearest, "nearest", false, "say which other image of the inventory each image is built on, or nearest to")
	f.StringVar(&a.against, "against", "", "compare with the service's own answers (DescribeImageCaches with MatchImage) in this `file`")
}

// given says whether any of them is asked.
func (a *storeAsks) given() bool {
	return a.stores != "" || a.against != "" || a.matrix || a.nearest
}

// choiceFlags are about ECI's choice, or ask another question.
var choiceFlags = [...]string{"explain", "sensitivity", "cache-id", "region", "perfect-match", "match-count", "no-matching", "job", "each", "create", "plan"}

// check refuses flags that have nothing to do with what is asked.
func (a *storeAsks) check(cmd *cobra.Command, images []string) error {
	flags := cmd.Flags()
	for _, name := range choiceFlags {
		if flags.Changed(name) {
			return usagef("--%s does not go with --stores, --matrix, --nearest or --against: ask one after the other", name)
		}
	}
	switch {
	case a.against == "":
		return nil
	case a.stores != "" || a.matrix || a.nearest:
		return usagef("--against does not go with --stores, --matrix or --nearest: ask one after the other")
	case len(images) > 0:
		return usagef("--against takes the images from %s, which says what the service was asked: name none", a.against)
	}
	return nil
}

func (a *storeAsks) run(cmd *cobra.Command, images []string, in *inputs, out *outputs, ask *asks) error {
	if err := errors.Join(a.check(cmd, images), ask.check(cmd, images), out.spares(a.stores, a.against)); err != nil {
		return err
	}
	out.formats = reports.TableFormats()
	if a.against != "" {
		return compareService(cmd, a.against, in, out)
	}
	var stores *matcher.Holders
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) error {
		ask.apply(s, images)
		s.Explain, s.Sensitivity = false, false
		if len(images) == 0 && s.Workload == nil && a.stores == "" {
			s.Workload = everyImage(s)
		}
		if a.stores == "" {
			return nil
		}
		var rerr error
		if stores, rerr = readMore(s, a.stores, matcher.ReadHolders); rerr == nil {
			s.Images = append(s.Images, stores.References()...)
		}
		return rerr
	})
	if job == nil {
		return err
	}
	parts := cachebench.ScoreParts{Matrix: a.matrix, Nearest: a.nearest}
	if stores != nil {
		parts.Stores = stores.Stores
	}
	scores, serr := job.Scores(parts)
	if serr != nil {
		return serr
	}
	if werr := out.tables(reports.ScoresKind, scores, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
		return reports.WriteScores(b, f, scores, opt)
	}); werr != nil {
		return werr
	}
	return err
}

// readMore reads a further file of the command line and notes it as an input.
func readMore[T any](s *cachebench.Scenario, name string, read func(string, []byte) (*T, error)) (*T, error) {
	data, err := readInput(name)
	if err != nil {
		return nil, err
	}
	s.Inputs = append(s.Inputs, cachebench.InputOf(filepath.ToSlash(name), data))
	return read(name, data)
}

// everyImage makes an app of each reference of a saved inventory; nil without
// one.
func everyImage(s *cachebench.Scenario) *workload.Workload {
	if s.Inventory == nil {
		return nil
	}
	w := &workload.Workload{}
	seen := make(map[string]bool)
	for i := range s.Inventory.Images {
		if ref := s.Inventory.Images[i].Reference; !seen[ref] && s.Inventory.Find(ref, s.Platform, s.Now) >= 0 {
			seen[ref] = true
			w.Apps = append(w.Apps, workload.App{Name: ref, Images: []string{ref}})
		}
	}
	return w
}

// compareService compares ours with the service's answers.
func compareService(cmd *cobra.Command, name string, in *inputs, out *outputs) error {
	var answers *matcher.ServiceAnswers
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) (rerr error) {
		if answers, rerr = readMore(s, name, matcher.ReadServiceAnswers); rerr != nil {
			return rerr
		}
		if len(s.Caches) == 0 {
			return usagef("there are no caches to compare the service's answers with: give --caches, the list as it was when the service was asked")
		}
		if s.Workload == nil {
			s.Workload = &workload.Workload{}
		}
		return askedApps(s.Workload, answers, name)
	})
	if job == nil {
		return err
	}
	service, serr := job.CompareService(answers)
	if serr != nil {
		return serr
	}
	if werr := out.tables(reports.ServiceKind, service, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
		return reports.WriteService(b, f, service, opt)
	}); werr != nil {
		return werr
	}
	return err
}

// askedApps adds to the workload what the service was asked about by images, so
// that they are looked up, and refuses apps that it lacks.
func askedApps(w *workload.Workload, answers *matcher.ServiceAnswers, name string) error {
	if _, err := answers.For(w.Apps); err != nil {
		return usagef("%s: %w", name, err)
	}
	apps := make([]workload.App, len(w.Apps), len(w.Apps)+len(answers.Answers))
	copy(apps, w.Apps)
	for i := range answers.Answers {
		if a := &answers.Answers[i]; len(a.Images) > 0 {
			apps = append(apps, workload.App{Name: fmt.Sprintf("answers[%d]: %s", i, strings.Join(a.Images, " ")), Images: a.Images})
		}
	}
	w.Apps = apps
	return nil
}

// tables writes what has tables and a document of its own; and saves the document
// where asked to.
func (o *outputs) tables(kind string, value any, write func(*bytes.Buffer, reports.Format, reports.Options) error) error {
	if o.save != "" {
		data, err := document.Marshal(kind, value)
		if err != nil {
			return fmt.Errorf("write %s: %w", kind, err)
		}
		if err := o.writeTo(o.save, data); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := write(&b, reports.Format(o.format), reports.Options{Color: o.file == "" && useColor(o.io.out)}); err != nil {
		return err
	}
	if err := o.write(b.Bytes()); err != nil || o.plots == "" {
		return err
	}
	switch c := value.(type) {
	case *calibrate.Calibration:
		return o.drawPlots(reports.CalibrationPlots(c))
	case *reports.Capacity:
		return o.drawPlots(reports.CapacityPlots(c))
	}
	return o.drawPlots(nil, nil)
}

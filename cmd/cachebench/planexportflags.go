package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench/matcher/plan/export"
)

// flagForms are the flags of plan export that mean something for some forms only, in the
// order of the help.
var flagForms = []struct {
	flag  string
	forms []export.Format
}{
	{"inventory", []export.Format{export.DaemonSet, export.ImagePullJob, export.ImageList, export.ImageListGKE, export.ImageListCtr, export.List}},
	{"namespace", []export.Format{export.PodPatches, export.DaemonSet, export.ImagePullJob}},
	{"image-pull-secret", []export.Format{export.ImageCacheCRD, export.DaemonSet, export.ImagePullJob}},
	{"retention-days", []export.Format{export.CacheApply, export.ImageCacheCRD}},
	{"reuse", []export.Format{export.CacheApply, export.ImageCacheCRD}},
	{"flash", []export.Format{export.CacheApply, export.ImageCacheCRD}},
	{"set", []export.Format{export.CacheApply}},
	{"caches", []export.Format{export.PodPatches}},
	{"kind", []export.Format{export.PodPatches}},
	{"allow-placeholders", []export.Format{export.PodPatches}},
	{"pool", []export.Format{export.DaemonSet, export.ImagePullJob, export.ImageList, export.ImageListGKE, export.ImageListCtr, export.List}},
	{"node-selector", []export.Format{export.DaemonSet, export.ImagePullJob}},
	{"all-nodes", []export.Format{export.DaemonSet, export.ImagePullJob}},
	// ECI matches by the names that starts have, and ctr's script names images both ways.
	{"pin", []export.Format{export.DaemonSet, export.ImagePullJob, export.ImageList, export.ImageListGKE, export.List}},
	{"max-unavailable", []export.Format{export.DaemonSet}},
	{"empty", []export.Format{export.DaemonSet}},
	{"parallelism", []export.Format{export.ImagePullJob}},
	{"priority-class", []export.Format{export.DaemonSet}},
	{"helper-image", []export.Format{export.DaemonSet}},
	{"pause-image", []export.Format{export.DaemonSet}},
}

// fitting refuses flags on the command line that mean nothing for the form, and numbers
// that would take nothing.
func fitting(flags *pflag.FlagSet, format export.Format) error {
	for _, x := range flagForms {
		if given(flags, x.flag) && !slices.Contains(x.forms, format) {
			var names []string
			for _, f := range x.forms {
				names = append(names, string(f))
			}
			return usagef("--%s has no meaning for --as %s: it is of %s", x.flag, format, strings.Join(names, ", "))
		}
	}
	for _, name := range []string{"first", "retention-days", "parallelism"} {
		if n, err := flags.GetInt(name); err == nil && n == 0 && given(flags, name) {
			return usagef("--%s 0 takes nothing: give 1 or more, or leave it out", name)
		}
	}
	return nil
}

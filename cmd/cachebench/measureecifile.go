package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/simulate"
)

// fromECIFile takes what --experiment states where no flag does, and gives what it states
// of network, registries and tags. Its images are the file's alone: which of them a name on
// the command line would replace nobody could tell.
func (m *eciMeasuring) fromECIFile(cmd *cobra.Command, images []string) (place export.CacheParameters, err error) {
	if m.file == "" {
		return place, nil
	}
	if len(images) > 0 {
		return place, usagef("the experiment of --experiment names its images: leave %s out", strings.Join(images, " "))
	}
	if given(cmd.Flags(), "together") {
		return place, usagef("which images are started together the experiment says: leave --together out")
	}
	data, err := readInput(m.file)
	if err != nil {
		return place, err
	}
	file, err := ecigroup.ReadFile(m.file, data)
	if err != nil {
		return place, err
	}
	m.inputs = []simulate.Input{cachebench.InputOf(filepath.ToSlash(m.file), data)}
	m.fileRegion = file.Region
	m.under(cmd, file)
	return file.CacheParameters, nil
}

// under puts the values that a file states in place of defaults: those of flags that are
// given stay.
func (m *eciMeasuring) under(cmd *cobra.Command, file *ecigroup.File) {
	from, to := file.Experiment(), &m.exp
	to.Apps = from.Apps
	for flag, value := range map[string]struct {
		stated bool
		put    func()
	}{
		"arms":          {len(file.Arms) > 0, func() { to.Arms = from.Arms }},
		"repeats":       {file.Repeats != 0, func() { to.Repeats = from.Repeats }},
		"warmup":        {file.Warmup != nil, func() { m.warmup = *file.Warmup }},
		"retries":       {file.Retries != nil, func() { m.retries = *file.Retries }},
		"seed":          {file.Seed != 0, func() { to.Seed = from.Seed }},
		"concurrency":   {file.Concurrency != 0, func() { to.Concurrency = from.Concurrency }},
		"cpu":           {file.Group.VCPU != 0, func() { to.Group.VCPU = from.Group.VCPU }},
		"memory":        {file.Group.MemoryGiB != 0, func() { to.Group.MemoryGiB = from.Group.MemoryGiB }},
		"extra-storage": {file.Group.ExtraStorageGiB != 0, func() { to.Group.EphemeralStorageGiB = from.Group.EphemeralStorageGiB }},
		"accelerate":    {file.Group.Accelerate != "", func() { to.Group.AccelerateMode = from.Group.AccelerateMode }},
		"arg":           {len(file.Args) > 0, func() { to.Args = from.Args }},
		"pull-policy":   {file.PullPolicy != "", func() { to.PullPolicy = from.PullPolicy }},
		"cache":         {file.Cache.ID != "", func() { to.CacheID = from.CacheID }},
		"cache-size":    {file.Cache.SizeGiB != 0, func() { to.Cache.SizeGiB = from.Cache.SizeGiB }},
		"ready":         {file.Readiness != "", func() { to.Readiness = from.Readiness }},
		"timeout":       {file.Timeout != 0, func() { to.Timeout = from.Timeout }},
		"cache-timeout": {file.CacheTimeout != 0, func() { to.CacheTimeout = from.CacheTimeout }},
		"max-cost":      {file.MaxCost != nil, func() { m.maxCost, m.maxCurrency = file.MaxCost.Amount, file.MaxCost.Currency }},
		"max-duration":  {file.MaxDuration != 0, func() { m.maxDuration = file.MaxDuration }},
	} {
		if value.stated && !given(cmd.Flags(), flag) {
			value.put()
		}
	}
}

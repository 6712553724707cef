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

// under puts the values of a file under those of flags that are given.
func (m *eciMeasuring) under(cmd *cobra.Command, file *ecigroup.File) {
	flags, warmup, retries, maxCost, maxDuration := m.exp, m.warmup, m.retries, m.maxCost, m.maxDuration
	m.exp, m.maxDuration = *file.Experiment(), file.MaxDuration
	if file.Warmup != nil {
		m.warmup = *file.Warmup
	}
	if file.Retries != nil {
		m.retries = *file.Retries
	}
	if file.MaxCost != nil {
		m.maxCost, m.maxCurrency = file.MaxCost.Amount, file.MaxCost.Currency
	}
	f, to := cmd.Flags(), &m.exp
	// What the file leaves open is the flag's default, as without a file.
	for flag, put := range map[string]struct {
		open bool
		do   func()
	}{
		"arms":          {len(file.Arms) == 0, func() { to.Arms = flags.Arms }},
		"repeats":       {file.Repeats == 0, func() { to.Repeats = flags.Repeats }},
		"warmup":        {file.Warmup == nil, func() { m.warmup = warmup }},
		"retries":       {file.Retries == nil, func() { m.retries = retries }},
		"seed":          {file.Seed == 0, func() { to.Seed = flags.Seed }},
		"concurrency":   {file.Concurrency == 0, func() { to.Concurrency = flags.Concurrency }},
		"cpu":           {file.Group.VCPU == 0, func() { to.Group.VCPU = flags.Group.VCPU }},
		"memory":        {file.Group.MemoryGiB == 0, func() { to.Group.MemoryGiB = flags.Group.MemoryGiB }},
		"extra-storage": {file.Group.ExtraStorageGiB == 0, func() { to.Group.EphemeralStorageGiB = flags.Group.EphemeralStorageGiB }},
		"accelerate":    {file.Group.Accelerate == "", func() { to.Group.AccelerateMode = flags.Group.AccelerateMode }},
		"arg":           {len(file.Args) == 0, func() { to.Args = flags.Args }},
		"pull-policy":   {file.PullPolicy == "", func() { to.PullPolicy = flags.PullPolicy }},
		"cache":         {file.Cache.ID == "", func() { to.CacheID = flags.CacheID }},
		"cache-size":    {file.Cache.SizeGiB == 0, func() { to.Cache.SizeGiB = flags.Cache.SizeGiB }},
		"ready":         {file.Readiness == "", func() { to.Readiness = flags.Readiness }},
		"timeout":       {file.Timeout == 0, func() { to.Timeout = flags.Timeout }},
		"cache-timeout": {file.CacheTimeout == 0, func() { to.CacheTimeout = flags.CacheTimeout }},
		"max-cost":      {file.MaxCost == nil, func() { m.maxCost, m.maxCurrency = maxCost, "" }},
		"max-duration":  {file.MaxDuration == 0, func() { m.maxDuration = maxDuration }},
	} {
		if put.open || given(f, flag) {
			put.do()
		}
	}
}

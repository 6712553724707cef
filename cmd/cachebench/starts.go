package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/simulate"
)

// addStartFlags adds the flags of what is started in place of the workload's
// month, and of what goes wrong meanwhile.
func (in *inputs) addStartFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&in.file.Images, "image", nil, "with --burst and without --workload: an image of the app that is started; given again, another container of that app")
	f.StringArrayVar(&in.bursts, "burst", nil, "simulate these starts in place of the month's, as `APP=COUNT` or 'APP=COUNT@30s over 10s', from the window's beginning; repeatable")
	f.StringArrayVar(&in.faults, "fault", nil, "what goes wrong, as `'KIND at=60s for=2m'`, from the beginning of the window or trace: registry-down, registry-slow with rate=10MB/s, node-lost with node=NAME, of a pool's nodes node=POOL/1; repeatable")
}

// checkImages refuses --image without a burst that starts it, or beside a workload.
func (in *inputs) checkImages(s *cachebench.Scenario) error {
	switch {
	case len(in.file.Images) == 0:
		return nil
	case in.file.Workload != "" || s.Trace != nil:
		return usagef("--image is the app of a --burst where there is no workload: leave one of them out")
	case len(s.Bursts) == 0:
		return usagef("--image needs --burst: how many starts of it, as --burst 1000")
	}
	if n := len(in.file.Images); n > 1 && s.Workload != nil && len(s.Workload.Apps) == 1 {
		in.say([]string{fmt.Sprintf("the %d images are containers of one app, %s: for an app of each, cachebench init --image A --image B writes a workload", n, s.Workload.Apps[0].Name)})
	}
	return nil
}

// overrideStarts takes the bursts and faults of flags in place of the file's.
func (in *inputs) overrideStarts(file *cachebench.ScenarioFile) error {
	if len(in.bursts) > 0 {
		file.Bursts = nil
	}
	for _, text := range in.bursts {
		b, err := cachebench.ParseBurst(text)
		if err != nil {
			return usageError{err}
		}
		file.Bursts = append(file.Bursts, b)
	}
	if len(in.faults) > 0 {
		file.Faults = nil
	}
	for _, text := range in.faults {
		f, err := simulate.ParseFault(text)
		if err != nil {
			return usageError{err}
		}
		file.Faults = append(file.Faults, f)
	}
	return nil
}

//go:build !linux

package containerd

import (
	"context"
	"errors"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// Runner makes starts on containerd, on Linux.
type Runner struct{}

var _ measure.Runner = (*Runner)(nil)

var errLinux = errors.New("measure with containerd: that takes Linux; measure pull works here")

// NewRunner fails: containerd's snapshots and containers are Linux's.
func NewRunner(context.Context, Options) (*Runner, error) { return nil, errLinux }

// Check fails as NewRunner does.
func Check(context.Context, Options) error { return errLinux }

// CheckArm implements what the Runner has on Linux.
func (*Runner) CheckArm(*measure.Arm) error { return errLinux }

// Doubts has none.
func (*Runner) Doubts() []string { return nil }

// CleanUp finds nothing.
func CleanUp(context.Context, string) ([]string, error) { return nil, nil }

// Tool implements measure.Runner.
func (*Runner) Tool() string { return "containerd" }

// Facts implements measure.Runner.
func (*Runner) Facts(context.Context) ([]simulate.Fact, error) { return nil, errLinux }

// Settings implements measure.Runner.
func (*Runner) Settings(*measure.Arm) string { return "" }

// Prepare implements measure.Runner.
func (*Runner) Prepare(context.Context, *measure.Arm) error { return errLinux }

// Run implements measure.Runner.
func (*Runner) Run(context.Context, *measure.Arm) ([]simulate.Startup, error) { return nil, errLinux }

// Finish implements measure.Runner.
func (*Runner) Finish(context.Context) error { return errLinux }

// Processes implements measure.Runner.
func (*Runner) Processes() []int { return nil }

// Close implements measure.Runner.
func (*Runner) Close() error { return nil }

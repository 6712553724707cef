package cachebench

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/workload"
)

// validateTrace refuses what is of traces where there is none.
func (f *ScenarioFile) validateTrace() error {
	a := &f.Assume
	switch traced := f.Trace != "" || workload.IsTrace(f.Workload); {
	case f.TraceSpan < 0:
		return document.At("traceSpanSeconds", "%v cannot have been recorded: give a time above 0", f.TraceSpan)
	case a.Runtime < 0:
		return document.At("assume.runtimeSeconds", "starts cannot run for %v", a.Runtime)
	case !(a.CPU >= 0 && a.CPU <= mostMoney):
		return document.At("assume.cpu", "an instance cannot have %v vCPUs", a.CPU)
	case !(a.MemoryGiB >= 0 && a.MemoryGiB <= mostMoney):
		return document.At("assume.memoryGiB", "an instance cannot have %v GiB of memory", a.MemoryGiB)
	case (a.CPU > 0) != (a.MemoryGiB > 0):
		return document.At("assume", "the size of an instance is its vCPUs and its memory: give both cpu and memoryGiB, or none")
	case !traced && f.TraceSpan > 0:
		return document.At("traceSpanSeconds", "there is no trace: name one (trace, --trace), or leave this out")
	case !traced && *a != (Assumed{}):
		return document.At("assume", "it is of a trace's apps, and there is no trace: name one (trace, --trace), or leave this out")
	}
	return nil
}

// scales are the rules of Scale.
func (f *ScenarioFile) scales() ([]workload.Scale, error) {
	var rules []workload.Scale
	for i, text := range f.Scale {
		rule, err := workload.ParseScale(text)
		if err != nil {
			return nil, document.At(fmt.Sprintf("scale[%d]", i), "%v", err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// scale makes apps start more often, or less. What was asked for counts as an input: the
// same files scaled otherwise give other results.
func (l *loader) scale(f *ScenarioFile, s *Scenario) {
	if l.err != nil || len(f.Scale) == 0 {
		return
	}
	rules, err := f.scales()
	switch {
	case err != nil:
	case s.Workload == nil && s.Trace == nil:
		err = fmt.Errorf("there is nothing to scale: name a workload or a trace (workload, trace)")
	default:
		s.Workload, s.Trace, err = workload.Scaled(s.Workload, s.Trace, rules)
	}
	if err != nil {
		l.err = l.at("scale", err)
		return
	}
	text := strings.Join(f.Scale, " ")
	l.inputs = append(l.inputs, InputOf("scale "+text, []byte(text)))
}

// loadStarts reads what is started: a workload, a trace, or a workload beside a trace.
func (l *loader) loadStarts(f *ScenarioFile, s *Scenario) {
	readTrace := func(path string, data []byte) (err error) {
		s.Trace, err = workload.ReadTrace(path, bytes.NewReader(data))
		return err
	}
	l.file("trace", f.Trace, func(path string, data []byte) error {
		if !workload.IsTrace(path) {
			return fmt.Errorf("%s is no trace by its name, which ends in .csv, .jsonl or .ndjson", f.Trace)
		}
		return readTrace(path, data)
	})
	l.file("workload", f.Workload, func(path string, data []byte) (err error) {
		switch traced := workload.IsTrace(path); {
		case traced && s.Trace != nil:
			return fmt.Errorf("%s is a trace too: beside a trace give a Workload of its apps", f.Workload)
		case traced:
			return readTrace(path, data)
		}
		s.Workload, err = workload.Read(path, data)
		return err
	})
}

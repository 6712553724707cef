package ecitest

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// container is one container of a group with its schedule.
type container struct {
	name, image, pullPolicy string
	cpu, memory             float64
	command, args           []string
	environment             []object
	ports                   []object
	init                    bool
	runtime                 Runtime
	// position is what the image meant, -1 for one that cannot be pulled.
	position int
	// asks says that the registry is asked though the image is present.
	asks   bool
	digest string
	// started is when it runs, finished when it ends for the first time; zero for
	// never.
	started, finished time.Time
	// waiting says why it does not start; empty while it is on its way.
	waiting, message string
	// restarts says that it is started again each time.
	restarts bool
}

// Runtime is how long a container runs.
type Runtime struct {
	// Forever runs until the group is deleted; otherwise the container ends After
	// its group is ready, with ExitCode. An init container ends After its start.
	Forever  bool          `json:"forever,omitempty"`
	After    time.Duration `json:"afterSeconds,omitempty"`
	ExitCode int           `json:"exitCode,omitempty"`
}

// runtimeOf is how long a container runs: as Options say of its image, else as its
// command does where that is sleep, true, false, echo or exit, in a shell too; else
// for ever, as a server does.
func (s *Server) runtimeOf(c *container) Runtime {
	if r, ok := s.opt.Runtimes[c.image]; ok {
		return r
	}
	words := strings.FieldsFunc(strings.Join(slices.Concat(c.command, c.args), " "), func(r rune) bool { return r == ' ' || r == ';' || r == '&' })
	r, known := Runtime{}, false
	for i, word := range words {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch path.Base(word) {
		case "sleep":
			d, ok := sleepTime(value)
			if !ok {
				return Runtime{Forever: true}
			}
			r.After, known = r.After+d, true
		case "exit":
			r.ExitCode, _ = strconv.Atoi(value)
			known = true
		case "false":
			r.ExitCode, known = 1, true
		case "true", "echo":
			known = true
		}
	}
	r.Forever = !known && !c.init
	return r
}

// longestSleep is what counts as for ever.
const longestSleep = 10 * 365 * day

// sleepTime reads what sleep(1) is told: seconds, or a number with s, m, h or d.
func sleepTime(text string) (time.Duration, bool) {
	text = strings.TrimRight(text, `'"`)
	unit := time.Second
	for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = number, u
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	nanoseconds := x * float64(unit)
	if err != nil || !(nanoseconds >= 0 && nanoseconds < float64(longestSleep)) {
		return 0, false
	}
	return time.Duration(nanoseconds), true
}

// state is how a container stands at a time.
type state struct {
	// kind is Waiting, Running or Terminated.
	kind              string
	reason, message   string
	started, finished time.Time
	exitCode          int
	restarts          int
}

// The kubelet's back-off before a container is started again.
const (
	firstBackOff = 10 * time.Second
	lastBackOff  = 5 * time.Minute
)

// at is the state at a time, and the one before it where it was restarted.
func (c *container) at(now, ended time.Time) (current, previous state) {
	if ended.IsZero() || now.Before(ended) {
		return c.whileRunning(now)
	}
	if current, previous = c.whileRunning(ended); current.kind == "Running" {
		// What a deadline ends is killed.
		current.kind, current.reason, current.exitCode, current.finished = "Terminated", "Error", killed, ended
	}
	return current, previous
}

// killed is the exit code of what SIGKILL ends.
const killed = 128 + 9

func (c *container) whileRunning(now time.Time) (current, previous state) {
	switch {
	case c.waiting != "":
		return state{kind: "Waiting", reason: c.waiting, message: c.message}, previous
	case c.started.IsZero() || now.Before(c.started):
		return state{kind: "Waiting", reason: "ContainerCreating"}, previous
	case c.finished.IsZero() || now.Before(c.finished):
		return state{kind: "Running", started: c.started}, previous
	}
	terminated := c.terminated(c.started, c.finished)
	if !c.restarts {
		return terminated, previous
	}
	ran, pause := max(c.finished.Sub(c.started), time.Second), firstBackOff
	for n := 1; ; n++ {
		again := terminated.finished.Add(pause)
		if now.Before(again) {
			return state{kind: "Waiting", reason: "CrashLoopBackOff", restarts: n - 1}, terminated
		}
		if end := again.Add(ran); now.Before(end) {
			return state{kind: "Running", started: again, restarts: n}, terminated
		}
		terminated = c.terminated(again, again.Add(ran))
		pause = min(2*pause, lastBackOff)
	}
}

func (c *container) terminated(started, finished time.Time) state {
	s := state{kind: "Terminated", reason: "Completed", started: started, finished: finished, exitCode: c.runtime.ExitCode}
	if s.exitCode != 0 {
		s.reason = "Error"
	}
	return s
}

// described is a state as DescribeContainerGroups shows it (eci §2.7).
func (s *state) described() object {
	if s.kind == "" {
		return object{}
	}
	o := object{"State": s.kind, "DetailStatus": s.reason, "Reason": s.reason, "Message": s.message}
	if !s.started.IsZero() {
		o["StartTime"] = shown(s.started)
	}
	if s.kind == "Terminated" {
		o["FinishTime"], o["ExitCode"] = shown(s.finished), s.exitCode
	}
	return o
}

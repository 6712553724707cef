package ecitest

import (
	"fmt"
	"time"
)

// tellPulls gives the events of pulls (eci §3.2).
func (g *group) tellPulls(pulled []*container, p played) {
	for i, k := range pulled {
		w := p.pulls[i]
		from, to := g.created.Add(w.from), g.created.Add(w.to)
		if !w.asked {
			g.tell(to, "Pulled", false, fromKubelet, fmt.Sprintf("Container image %q already present on machine", k.image))
			continue
		}
		took := w.to - w.from
		g.tell(from, "Pulling", false, fromKubelet, fmt.Sprintf("Pulling image %q", k.image))
		g.tell(to, "Pulled", false, fromKubelet, fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting)", k.image, took, took))
	}
}

// cannotPull leaves a container waiting for its image, and the group Pending.
func (g *group) cannotPull(k *container, at time.Time) {
	if k.waiting == "" {
		k.waiting = "ImagePullBackOff"
		g.tell(at, "Pulling", false, fromKubelet, fmt.Sprintf("Pulling image %q", k.image))
		at = at.Add(time.Second)
		g.tell(at, "Failed", true, fromKubelet, fmt.Sprintf("Failed to pull image %q: rpc error: code = NotFound desc = %s", k.image, k.message))
		g.tell(at, "Failed", true, fromKubelet, "Error: ErrImagePull")
		g.tell(at.Add(time.Second), "BackOff", false, fromKubelet, fmt.Sprintf("Back-off pulling image %q", k.image))
	} else {
		g.tell(at, "ErrImageNeverPull", true, fromKubelet, k.message)
		g.tell(at, "Failed", true, fromKubelet, "Error: ErrImageNeverPull")
	}
	g.tellDeadline()
}

// run starts the containers one after another, init containers first, each of which
// ends before the next begins; then lets them run.
func (g *group) run(p played, fault *rule) {
	each := (p.created - p.pulled) / time.Duration(len(g.containers))
	at := g.created.Add(p.pulled)
	var waited time.Duration
	for _, k := range g.containers {
		g.tell(at.Add(each/2), "Created", false, fromKubelet, "Created container "+k.name)
		at = at.Add(each)
		g.tell(at, "Started", false, fromKubelet, "Started container "+k.name)
		k.started = at
		if !k.init {
			continue
		}
		k.finished = at.Add(k.runtime.After)
		if k.runtime.ExitCode != 0 {
			g.failInit(k)
			return
		}
		waited += k.runtime.After
		at = k.finished
	}
	g.running = at
	g.ready = g.created.Add(p.ready + waited)
	g.end(fault)
	g.tellDeadline()
}

// failInit ends a group whose init container fails; with a policy other than Never
// the container is tried again, for ever in vain.
func (g *group) failInit(k *container) {
	if g.restart != "Never" {
		k.restarts = true
		g.tellDeadline()
		return
	}
	g.endAt(k.finished, "Error")
}

// end says when the containers end, and the group with the last of them unless one
// is started again (eci §3.1).
func (g *group) end(fault *rule) {
	last, failed, all := g.ready, "", true
	for _, k := range g.containers {
		if k.init {
			continue
		}
		if fault.is(FaultFailed) {
			k.runtime = Runtime{ExitCode: 1}
		}
		if k.runtime.Forever {
			all = false
			continue
		}
		k.finished = g.ready.Add(k.runtime.After)
		if g.restart == "Always" || g.restart == "OnFailure" && k.runtime.ExitCode != 0 {
			k.restarts, all = true, false
		}
		if k.runtime.ExitCode != 0 {
			failed = "Error"
		}
		last = later(last, k.finished)
	}
	if all {
		g.endAt(last, failed)
	}
}

// endAt ends the group, unless its deadline does before.
func (g *group) endAt(at time.Time, failed string) {
	if g.ended.IsZero() || at.Before(g.ended) {
		g.ended, g.failed = at, failed
	}
}

func (g *group) tellDeadline() {
	if g.failed == "DeadlineExceeded" {
		g.tell(g.ended, "DeadlineExceeded", false, fromKubelet, "Pod was active on the node longer than the specified deadline")
	}
}

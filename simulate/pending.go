package simulate

import "fmt"

// tooLong is the error of a run in which the next that happens is beyond all
// measure: it says what that is.
func (e *engine) tooLong() error {
	app, what := e.pending()
	if app == "" {
		return fmt.Errorf("simulate: %s would go on for more than %v after the beginning: take a shorter time", what, longest)
	}
	return fmt.Errorf("simulate app %s: %s would go on for more than %v after the beginning: a rate of profile %s is too low for it, or a time too long",
		app, what, longest, e.w.profile.Name)
}

// pending is what happens next, and of which app; of none where it is no start's.
func (e *engine) pending() (app, what string) {
	if f, at, ok := e.net.Next(); ok && (len(e.queue) == 0 || at <= e.queue[0].at) {
		pid, i := tagOf(f.Tag)
		if pid < 0 {
			return e.appOf(-1 - pid), "the first read of its cache's disk"
		}
		p := e.pulls.At(pid)
		return e.appOf(p.startup), "the transfer of " + e.layerOf(p, p.steps.fetch[i])
	}
	switch x := e.queue[0]; x.kind {
	case admitted:
		return e.appOf(x.id), "its wait to be admitted (start.admitPerSecond)"
	case provisioned, attached, created, becameReady:
		return e.appOf(x.id), map[eventKind]string{
			provisioned: "its provision", attached: "the attaching of its cache", created: "the creating of its containers", becameReady: "the program's own start, or its first reads",
		}[x.kind]
	case pulled:
		p := e.pulls.At(x.id)
		return e.appOf(p.startup), "the unpacking of image " + e.imageOf(p)
	case unpacked:
		tag, _, _ := e.nodes[x.id].unpack.Next()
		p := e.pulls.At(int32(tag >> 16))
		return e.appOf(p.startup), "the unpacking of " + e.layerOf(p, ^p.steps.units[tag&0xffff].layer)
	case faultEnds:
		return "", fmt.Sprintf("fault %q", e.opt.Faults[x.arg])
	default:
		p := e.pulls.At(x.id)
		return e.appOf(p.startup), "the wait for the registry in the pull of image " + e.imageOf(p)
	}
}

func (e *engine) appOf(id int32) string { return e.templates.At(e.startups.At(id).template).app }

func (e *engine) layerOf(p *pull, layer int32) string {
	return fmt.Sprintf("layer %s of image %s", e.w.inv.Layers[layer].Digest, e.imageOf(p))
}

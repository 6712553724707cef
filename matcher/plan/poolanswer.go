package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// pool is the whole answer.
func (a *poolAnswer) pool(ctx context.Context) (*Pool, error) {
	a.rank()
	heldBy := a.heldBy()
	c := a.choices[heldBy]
	out := &Pool{
		Name: a.Pool.Name, Platform: a.Pool.Platform, NodeClass: a.Pool.NodeClass, Nodes: a.Pool.Count,
		Verdict: a.arms[0].Arm, DiskBudgetBytes: a.DiskBudgetBytes, HeldBy: heldBy,
		Objective:   "most seconds of pulling spared a month by images within the disk budget",
		PullSeconds: a.pullTime(), ObjectiveSeconds: durationOf(c.gain), BoundSeconds: durationOf(c.bound),
		Status: c.status, Candidates: len(a.Images), LeftOut: a.leftOut(), StartsPerMonth: a.StartsPerMonth,
		Arms: a.arms,
	}
	if a.Limit > 0 {
		out.LimitSeconds = &a.Limit
	}
	if c.bound > c.gain {
		out.GapFraction = (c.bound - c.gain) / c.bound
	}
	for i := range a.Pulls {
		out.PullsPerMonth += a.Pulls[i].PerMonth
	}
	out.Images = a.planned(c)
	out.Reason = a.reason()
	out.Warnings = append(slices.Clone(a.Warnings), a.warnings(a.held[heldBy])...)
	if n := len(a.held[heldBy].images); n > 0 && n < len(c.images) {
		out.Warnings = append(out.Warnings, fmt.Sprintf("Of the images that the disk has room for, those after the first %d cost more than the time that they save is worth: the arm holds %d.", n, n))
	}
	out.Assumptions = append(slices.Clone(a.Assumptions), a.assumptions()...)
	if err := a.addBeside(ctx, out, c); err != nil {
		return nil, err
	}
	if out.StoppedBy = StoppedBy(ctx); out.StoppedBy == "" && out.Status == Stopped {
		out.StoppedBy = BySteps
	}
	return out, nil
}

// StoppedBy says what ended a search with ctx: its deadline, a time limit, or an interrupt;
// empty where it has not ended.
func StoppedBy(ctx context.Context) string {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ByTimeLimit
	case ctx.Err() != nil:
		return ByInterrupt
	}
	return ""
}

// leaveOut says that the plan of a pool leaves something out.
func (p *Pool) leaveOut(what string) {
	p.LeftOut = strings.TrimPrefix(p.LeftOut+"; "+what, "; ")
}

// heldBy is the arm whose images are listed.
func (a *poolAnswer) heldBy() string {
	for i := range a.arms {
		if a.choices[a.arms[i].Arm] != nil {
			return a.arms[i].Arm
		}
	}
	return PoolPrePull
}

func (a *poolAnswer) planned(c *poolChoice) []PlannedImage {
	var list []PlannedImage
	var bytes int64
	var saved float64
	for n, k := range c.images {
		bytes += c.added[n]
		saved += c.saved[n]
		img := a.image(k)
		x := PlannedImage{
			Reference: img.Reference, Digest: string(img.Digest), UnpackedBytes: a.unpackedUpTo(k, a.layers(k)),
			AddedBytes: c.added[n], CumulativeBytes: bytes, SavedSeconds: durationOf(c.saved[n]), CumulativeSeconds: durationOf(saved),
			Apps: a.appsOf(c.arm, k),
		}
		for _, l := range img.Layers {
			x.CompressedBytes += a.Inventory.Layers[l].CompressedBytes
		}
		for i := range a.Pulls {
			if p := &a.Pulls[i]; p.Image == k && (c.arm == PoolPrePull || p.Cause == Fresh) {
				x.PullsPerMonth += p.PerMonth
			}
		}
		list = append(list, x)
	}
	return list
}

// appsOf are the apps whose pulls an image shortens.
func (a *poolAnswer) appsOf(arm string, k int) []string {
	apps := []string{}
	for i := range a.Pulls {
		if x := &a.Pulls[i]; x.PerMonth > 0 && a.gainOf(a.gains(arm, i), x.Image, k) > 0 {
			apps = append(apps, a.Images[x.Image].Apps...)
		}
	}
	slices.Sort(apps)
	return slices.Compact(apps)
}

func (a *poolAnswer) leftOut() string {
	var parts []string
	if a.tooLarge > 0 {
		parts = append(parts, fmt.Sprintf("%s larger than the whole disk budget", countedNoun(a.tooLarge, "image")))
	}
	for _, x := range a.unplayed {
		parts = append(parts, fmt.Sprintf("%s (%s)", poolArmWords[x.arm], x.why))
	}
	if a.LeftOut != "" {
		parts = append(parts, a.LeftOut)
	}
	return strings.Join(parts, "; ")
}

func countedNoun(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// armReason says what an arm takes.
func (a *poolAnswer) armReason(arm string, c *poolChoice) string {
	switch arm {
	case PoolParallel:
		return "settings of the kubelet: serializeImagePulls false, and no maxParallelImagePulls; several starts on a node pull at once, each its images one after another"
	case PoolPrePull:
		return fmt.Sprintf("a DaemonSet pulls %s on every node, one after another, again after each release; its pods go on running, so that the kubelet keeps the images", countedNoun(len(c.images), "image"))
	case PoolBaked:
		return fmt.Sprintf("%s on the disk that new nodes are made from, which is built anew every %s", countedNoun(len(c.images), "image"), everyDays(a.Rebuild))
	}
	return "the pool as it is"
}

func everyDays(d time.Duration) string {
	if n := d.Hours() / 24; n != 1 {
		return fmt.Sprintf("%.3g days", n)
	}
	return "day"
}

var poolArmWords = map[string]string{
	PoolNothing: "leaving the pool as it is", PoolParallel: "pulling in parallel", PoolPrePull: "pre-pulling", PoolBaked: "a baked disk",
}

// reason says why the first arm is advised.
func (a *poolAnswer) reason() string {
	first := &a.arms[0]
	if a.Limit > 0 && a.StartsPerMonth > 0 {
		return a.limitReason(first)
	}
	return a.worthReason(first)
}

// worthReason says what an arm is worth, whatever the limit is.
func (a *poolAnswer) worthReason(first *PoolArm) string {
	what := capital(poolArmWords[first.Arm])
	if first.Arm == PoolNothing {
		return a.nothingReason()
	}
	s := fmt.Sprintf("%s makes the starts of a month ready %s sooner than now and %s", what, SpellTime(first.SavedSeconds), costWords(first))
	if first.Source == "estimated" {
		s += ", by estimate alone"
	}
	if a.WorthPerHour > 0 {
		s += fmt.Sprintf("; at %s an hour of waiting that is worth %s net", spellMoney(a.Prices.Money(a.WorthPerHour)), spellMoney(first.NetSaved))
	}
	if len(a.arms) > 1 {
		second := &a.arms[1]
		s += fmt.Sprintf(", and the next best, %s, %s", poolArmWords[second.Arm], a.worthWords(second))
	}
	return s + "."
}

// costWords say what an arm costs, or saves.
func costWords(x *PoolArm) string {
	if x.Cost.Total.Amount < 0 {
		return "saves " + spellMoney(x.Cost.Total.Times(-1))
	}
	return "costs " + spellMoney(x.Cost.Total)
}

func (a *poolAnswer) worthWords(x *PoolArm) string {
	if a.WorthPerHour > 0 {
		return spellMoney(x.NetSaved)
	}
	return "saves " + SpellTime(x.SavedSeconds)
}

// noPullsReason says that there is nothing to spare, and where the simulated arms pull
// nevertheless, that they do.
func (a *poolAnswer) noPullsReason() string {
	for i := range a.arms {
		if x := &a.arms[i]; x.Arm == PoolNothing && x.Source == "simulated" && x.PullSeconds > 0 {
			return fmt.Sprintf("No start of a month pulls, as counted and by what a cluster told of it (pulledFraction): there is nothing to spare. The arms are simulated on the replay alone, which pulls for %s.", SpellTime(x.PullSeconds))
		}
	}
	return "No start of a month pulls: nodes hold all images already."
}

func (a *poolAnswer) nothingReason() string {
	pulls := 0.0
	for i := range a.Pulls {
		pulls += a.Pulls[i].PerMonth
	}
	switch {
	case a.StartsPerMonth == 0:
		return "Nothing starts on the pool."
	case pulls == 0:
		return a.noPullsReason()
	case len(a.choices[PoolPrePull].images) > 0 && len(a.held[PoolPrePull].images)+len(a.held[PoolBaked].images) == 0:
		return "Holding any image costs more than the time that it saves is worth."
	case len(a.held[PoolPrePull].images)+len(a.held[PoolBaked].images) == 0:
		return fmt.Sprintf("No image fits the disk budget of %.3g GiB and spares a pull.", gibOfBytes(a.DiskBudgetBytes))
	}
	tried := "nothing tried"
	if played, ok := a.unplayedPulls(); ok {
		tried = fmt.Sprintf("in a simulation, which pulls for %s only, nothing tried", SpellTime(played))
	}
	return fmt.Sprintf("Of %s starts a month %s pull, for %s in all as counted; %s saves more than it costs.", wholeCount(a.StartsPerMonth), wholeCount(pulls), SpellTime(a.pullTime()), tried)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// warnings are what may undo the choice.
func (a *poolAnswer) warnings(c *poolChoice) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if played, ok := a.unplayedPulls(); ok {
		add("A month's pulls on the pool as it is take %s as counted, and %s as simulated: no arm can save more than is simulated, so the advice may be wrong.%s", SpellTime(a.pullTime()), SpellTime(played), a.lifetimeAdvice())
	}
	if len(c.images) == 0 {
		return list
	}
	if all := a.withApps(c); all > a.FreeBytes {
		add("The images and those that the pool's apps start take %.3g GiB a node, more than the %.3g GiB at which the kubelet removes images, down to %.3g GiB: least recently used ones go, of a baked disk too; a DaemonSet's stay while its pods run, and others go sooner.", gibOfBytes(all), gibOfBytes(a.FreeBytes), gibOfBytes(a.LowBytes))
	}
	if _, ok := a.unplayedPulls(); !ok {
		list = append(list, a.lateWarning()...)
	}
	if c.arm == PoolBaked {
		add("No container uses baked images until an app starts: the kubelet removes those unused for longer than imageMaximumGCAge where that is set, and any of them, once older than imageMinimumGCAge, on a disk above its high mark.")
		list = append(list, a.staleWarning(c)...)
	}
	return list
}

// unplayedPulls is what the pulls of the pool as it is take where it is simulated; false
// unless that is less than half of what the counted ones do.
func (a *poolAnswer) unplayedPulls() (time.Duration, bool) {
	for i := range a.arms {
		if x := &a.arms[i]; x.Arm == PoolNothing && x.Source == "simulated" {
			return x.PullSeconds, x.PullSeconds < a.pullTime()/2
		}
	}
	return 0, false
}

// lifetimeAdvice is what a pool lacks whose nodes never go.
func (a *poolAnswer) lifetimeAdvice() string {
	if a.Pool.Lifetime() > 0 {
		return ""
	}
	return " Its nodes live for ever there and keep what they have pulled: give the pool lifetimeHours or newNodesPerDay."
}

// withApps is what a node's disk holds with the choice and all images of the pool's apps.
func (a *poolAnswer) withApps(c *poolChoice) int64 {
	have := make(map[int]bool)
	var bytes int64
	for k := range a.Images {
		if len(a.Images[k].Apps) == 0 && !slices.Contains(c.images, k) {
			continue
		}
		for _, item := range a.items[k] {
			if !have[item] {
				have[item] = true
				bytes += a.bytes[item]
			}
		}
	}
	return bytes
}

// lateWarning says that pre-pulls come too late for many starts.
func (a *poolAnswer) lateWarning() []string {
	for i := range a.arms {
		x := &a.arms[i]
		c := a.held[PoolPrePull]
		if x.Arm != PoolPrePull || x.Source != "simulated" || x.SavedSeconds >= durationOf(c.gain/2) {
			continue
		}
		return []string{fmt.Sprintf("Pre-pulls come too late for many starts: of %s that the images could spare, %s are saved, for new nodes get starts before they are done. A taint that is taken off when they are done would keep starts away until then.", SpellTime(durationOf(c.gain)), SpellTime(x.SavedSeconds))}
	}
	return nil
}

// staleWarning names the image that is stale most often.
func (a *poolAnswer) staleWarning(c *poolChoice) []string {
	if len(c.images) == 0 {
		return nil
	}
	worst := slices.MaxFunc(c.images, func(x, y int) int { return cmp.Compare(a.staleFraction(x), a.staleFraction(y)) })
	share := a.staleFraction(worst)
	if share < 0.1 {
		return nil
	}
	return []string{fmt.Sprintf("A disk built every %s has an older version of %s on %.0f %% of new nodes: it is released %.3g times a month.", everyDays(a.Rebuild), a.reference(worst), 100*share, a.Images[worst].ReleasesPerMonth)}
}

func (a *poolAnswer) assumptions() []string {
	list := []string{
		"Images of a pool are chosen by counted pulls times the estimate of one pull on an idle node; arms are simulated, with all that starts, nodes and pre-pulls do to each other.",
	}
	if a.KeepBlobs {
		list = append(list, "The runtime keeps compressed blobs: they count on the disk, and a blob that another image brought above other layers is not counted as spared.")
	}
	if a.trafficPrice() == 0 {
		list = append(list, "Traffic to nodes is not charged: the price book has neither node.registryEgressGB nor node.natEgressGB.")
	}
	if a.held[PoolBaked] != nil && len(a.held[PoolBaked].images) > 0 {
		if a.Prices.Node.SnapshotGiBMonth == nil && a.snapshotPrice() != nil {
			list = append(list, "A baked disk is stored at snapshotGiBMonth, for the price book has no node.snapshotGiBMonth; the machine that builds it is not priced.")
		}
	}
	return list
}

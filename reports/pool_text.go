package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// pools prints a section for each node pool.
func (p *printer) pools(pl *plan.Plan) {
	if pl == nil {
		return
	}
	for i := range pl.Pools {
		p.pool(&pl.Pools[i], onlyPools(pl) && len(pl.Pools) == 1)
	}
}

// pool prints one; where it is the only thing planned, the verdict has said why.
func (p *printer) pool(x *plan.Pool, only bool) {
	p.heading(poolHeading(x))
	if !only {
		p.lines("", wrap(x.Reason, tableIndent))
	}
	p.table(poolArmTable(x))
	p.lines("", wrap(poolArmNote(x), tableIndent))
	if len(x.Images) > 0 {
		p.heading(poolImagesTitle(x))
		p.table(poolImageTable(x))
	}
	p.lines("", wrap(poolGap(x), tableIndent))
	if stopped := poolStopped(x); stopped != "" {
		p.lines("", wrap(stopped, tableIndent))
	}
	if x.LeftOut != "" {
		p.lines("", wrap("Not considered: "+x.LeftOut+".", tableIndent))
	}
	for _, w := range x.Warnings {
		p.lines(yellow, wrap("Warning: "+w, tableIndent))
	}
	p.tables(poolTables(x))
}

func poolArmTable(x *plan.Pool) *textTable {
	limit := hasLimit(x)
	t := &textTable{heads: []string{"arm", ">p99", ">mean", ">pulling/month", ">saved/month", ">cost/month", ">net saved"}}
	if limit {
		t.heads = append(t.heads, "within limit")
	}
	pulling, saved := poolArmTimes(x)
	for i := range x.Arms {
		a := &x.Arms[i]
		cells := []string{poolArmWords(a.Arm), optionalBeside(a.P99Seconds, x.LimitSeconds), optional(a.MeanSeconds), pulling[i], saved[i], money(a.Cost.Total), signedMoney(a.NetSaved)}
		if limit {
			cells = append(cells, yesNo(a.MeetsLimit))
		}
		t.add(a.Reason, cells...)
	}
	return t
}

// poolArmTimes are what is pulled and saved by arm, each column in one unit.
func poolArmTimes(x *plan.Pool) (pulling, saved []string) {
	return evenTimesOf(x.Arms, func(a *plan.PoolArm) time.Duration { return a.PullSeconds }),
		evenTimesOf(x.Arms, func(a *plan.PoolArm) time.Duration { return a.SavedSeconds })
}

// poolImageTimes are what images spare, alone and so far.
func poolImageTimes(list []plan.PlannedImage) (spares, soFar []string) {
	return evenSums(list, func(i *plan.PlannedImage) time.Duration { return i.SavedSeconds },
		func(i *plan.PlannedImage) time.Duration { return i.CumulativeSeconds })
}

// poolArmNote says where the figures of arms come from.
func poolArmNote(x *plan.Pool) string {
	var words []string
	for i := range x.Arms {
		if a := &x.Arms[i]; a.Source == "simulated" {
			words = append(words, fmt.Sprintf("simulated: %s over %s of the month", count(int(a.Starts), "start"), longTime(a.SimulatedSeconds)))
			break
		}
	}
	for i := range x.Arms {
		if a := &x.Arms[i]; a.Source != "simulated" {
			words = append(words, poolArmWords(a.Arm)+": "+a.Source+" only, for the simulation was stopped")
		}
	}
	words = append(words, "pulling: of starts, without what comes ahead; saved: how much sooner all starts are ready; net saved: what that is worth less the cost")
	note := strings.Join(words, "; ")
	if counts := poolCounts(x); counts != "" {
		note += ". " + counts
	}
	return note
}

// poolCounts say why what all pulls take is told as two numbers, where they differ by more
// than a hundredth.
func poolCounts(x *plan.Pool) string {
	nothing := x.Arm(plan.PoolNothing)
	if nothing == nil || nothing.Source != "simulated" {
		return ""
	}
	simulated, counted := nothing.PullSeconds, x.PullSeconds
	if (simulated - counted).Abs() <= max(simulated, counted)/100 {
		return ""
	}
	both := evenTimes([]time.Duration{simulated, counted})
	return fmt.Sprintf("As the pool is, pulls take %s as simulated, where they share links, disks and turns, and %s as counted, each as long as on an idle node and as many as a cluster told where it did (pulledFraction): images are chosen by the counted ones", both[0], both[1])
}

func poolImageTable(x *plan.Pool) *textTable {
	t := &textTable{heads: []string{"image", ">pulls", ">adds", ">so far", ">spares", ">so far", ">of bound"}}
	list := x.Images[:min(len(x.Images), maxTextApps)]
	shares := sharePercents(column(list, func(i *plan.PlannedImage) float64 { return shareOfBound(i.CumulativeSeconds, x.BoundSeconds) }))
	spares, soFar := poolImageTimes(list)
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Reference
	}
	names = shortReferences(names)
	for i := range list {
		img := &list[i]
		t.add("for "+some(img.Apps, 6), names[i], number(math.Round(img.PullsPerMonth)), size(img.AddedBytes), size(img.CumulativeBytes),
			spares[i], soFar[i], shares[i])
	}
	if rest := len(x.Images) - len(list); rest > 0 {
		t.add("", fmt.Sprintf("and %s more: see --output json or csv", count(rest, "image")), "", "", "", "", "", "")
	}
	return t
}

// poolsMarkdown writes a section for each node pool.
func poolsMarkdown(b *bytes.Buffer, pl *plan.Plan) {
	if pl == nil {
		return
	}
	for i := range pl.Pools {
		x := &pl.Pools[i]
		fmt.Fprintf(b, "\n**%s**\n\n", markdownText(poolHeading(x)))
		b.WriteString("| arm | p99 | mean | pulling a month | saved a month | cost a month | net saved | within limit |\n|---|--:|--:|--:|--:|--:|--:|---|\n")
		pulling, saved := poolArmTimes(x)
		for k := range x.Arms {
			a := &x.Arms[k]
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", poolArmWords(a.Arm), optionalBeside(a.P99Seconds, x.LimitSeconds), optional(a.MeanSeconds),
				pulling[k], saved[k], money(a.Cost.Total), signedMoney(a.NetSaved), yesNo(a.MeetsLimit))
		}
		fmt.Fprintf(b, "\n%s\n", markdownText(sentence(poolArmNote(x))))
		spares, soFar := poolImageTimes(x.Images)
		if len(x.Images) > 0 {
			fmt.Fprintf(b, "\n%s:\n\n| image | pulls | adds | so far | spares | so far |\n|---|--:|--:|--:|--:|--:|\n", poolImagesTitle(x))
		}
		for k := range x.Images {
			img := &x.Images[k]
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", codeSpan(img.Reference), number(math.Round(img.PullsPerMonth)), size(img.AddedBytes),
				size(img.CumulativeBytes), spares[k], soFar[k])
		}
		fmt.Fprintf(b, "\n%s\n", markdownText(poolGap(x)))
		if stopped := poolStopped(x); stopped != "" {
			fmt.Fprintf(b, "\n%s\n", markdownText(stopped))
		}
		if x.LeftOut != "" {
			fmt.Fprintf(b, "\n%s\n", markdownText(sentence("Not considered: "+x.LeftOut)))
		}
		for _, w := range x.Warnings {
			fmt.Fprintf(b, "\n- %s\n", markdownText(w))
		}
		tablesMarkdown(b, poolTables(x))
	}
}

// poolsCSV writes the images of all pools in their order, a row each (RFC 4180), numbers
// in full.
func poolsCSV(pools []plan.Pool) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"pool", "verdict", "held_by", "position", "reference", "digest", "pulls_per_month", "unpacked_bytes", "compressed_bytes",
		"added_bytes", "cumulative_bytes", "saved_seconds", "cumulative_seconds", "apps"})
	for i := range pools {
		x := &pools[i]
		for k := range x.Images {
			img := &x.Images[k]
			w.Write([]string{x.Name, x.Verdict, x.HeldBy, strconv.Itoa(k + 1), img.Reference, img.Digest, exact(img.PullsPerMonth),
				strconv.FormatInt(img.UnpackedBytes, 10), strconv.FormatInt(img.CompressedBytes, 10), strconv.FormatInt(img.AddedBytes, 10), strconv.FormatInt(img.CumulativeBytes, 10),
				exact(img.SavedSeconds.Seconds()), exact(img.CumulativeSeconds.Seconds()), strings.Join(img.Apps, " ")})
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

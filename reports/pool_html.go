package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// poolView is the section of one node pool.
type poolView struct {
	ID, Heading, Reason string
	Arms, Images        *table
	Note, Gap, LeftOut  string
	Stopped             string
	Warnings            []string
	Beside              []*table
	Gain                *figure
}

func poolViews(p *plan.Plan) []poolView {
	var list []poolView
	for i := range p.Pools {
		x := &p.Pools[i]
		v := poolView{
			ID: fmt.Sprintf("pool-%d", i+1), Heading: poolHeading(x), Reason: x.Reason, Arms: poolArmHTML(x), Images: poolImageHTML(x),
			Note: sentence(poolArmNote(x)), Gap: poolGap(x), Warnings: x.Warnings,
			Stopped: poolStopped(x), Beside: poolTables(x),
			Gain: poolFigure(fmt.Sprintf("chart-pool-%d", i+1), x),
		}
		if x.LeftOut != "" {
			v.LeftOut = sentence("Not considered: " + x.LeftOut)
		}
		list = append(list, v)
	}
	return list
}

func poolArmHTML(x *plan.Pool) *table {
	heads := []string{"arm", ">p99", ">mean", ">slowest", ">pulling a month", ">saved a month", ">cost a month", ">net saved"}
	limit := hasLimit(x)
	if limit {
		heads = append(heads, "within limit")
	}
	t := newTable("What can be done", append(heads, "what it takes")...)
	for i := range x.Arms {
		a := &x.Arms[i]
		cells := []cell{wordCell(poolArmWords(a.Arm))}
		cells = append(cells, besideCell(a.P99Seconds, x.LimitSeconds), optionalCell(a.MeanSeconds), optionalCell(a.SlowestSeconds),
			longTimeCell(a.PullSeconds), longTimeCell(a.SavedSeconds), moneyCell(a.Cost.Total), signedCell(a.NetSaved))
		if limit {
			cells = append(cells, wordCell(yesNo(a.MeetsLimit)))
		}
		t.add(append(cells, longCell(a.Reason))...)
	}
	return t.evenTimes().unlessEmpty()
}

func poolImageHTML(x *plan.Pool) *table {
	t := newTable(poolImagesTitle(x), "image", ">pulls", ">unpacked", ">adds", ">so far", ">spares a month", ">so far", ">of bound", "for")
	for i := range x.Images {
		img := &x.Images[i]
		share := cell{Text: "–", Number: true}
		if x.BoundSeconds > 0 {
			share = fractionCell(shareOfBound(img.CumulativeSeconds, x.BoundSeconds))
		}
		t.add(namedCell(fmt.Sprintf("%d. %s", i+1, img.Reference), img.Digest), numberCell(math.Round(img.PullsPerMonth)),
			bytesCell(img.UnpackedBytes), bytesCell(img.AddedBytes), bytesCell(img.CumulativeBytes),
			longTimeCell(img.SavedSeconds), longTimeCell(img.CumulativeSeconds), share, longCell(strings.Join(img.Apps, ", ")))
	}
	t.evenShares("of bound")
	return t.evenTimes().evenSums("spares a month", "so far").unlessEmpty()
}

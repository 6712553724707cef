package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// causeWords say what each cause is to a reader, and as what phase it is drawn.
var causeWords = map[simulate.Cause]struct {
	words string
	phase simulate.Phase
}{
	simulate.ByNodeLost:         {"its node was lost", waitPhase},
	simulate.ByAdmission:        {"admission of starts by the service", simulate.Admit},
	simulate.ByProvision:        {"provisioning the instance or sandbox", simulate.Provision},
	simulate.ByBoot:             {"its node boots", simulate.Provision},
	simulate.ByAttach:           {"making and attaching the cache's disk", simulate.Attach},
	simulate.ByTurn:             {"its turn among the node's pulls", waitPhase},
	simulate.ByRegistryRequests: {"the registry's requests a second", simulate.Resolve},
	simulate.ByRoundTrip:        {"round trips: requests and their answers", simulate.Resolve},
	simulate.ByBackOff:          {"back-off", waitPhase},
	simulate.BySync:             {"until the client looks at it again", waitPhase},
	simulate.BySlot:             {"download slots, taken by other starts", waitPhase},
	simulate.ByOrder:            {"order: later layers first", simulate.Fetch},
	simulate.ByLink:             {"link", simulate.Fetch},
	simulate.ByNodeLink:         {"the node's own network interface", simulate.Fetch},
	simulate.ByConnection:       {"the cap of one connection", simulate.Fetch},
	simulate.ByOtherPull:        {"another start's pull of a layer", waitPhase},
	simulate.ByUnpackSlot:       {"unpacks of other starts, at the limit", waitPhase},
	simulate.ByLayer:            {"fixed cost of unpacking a layer", simulate.Unpack},
	simulate.ByCore:             {"one core: decompressing a layer", simulate.Unpack},
	simulate.ByCores:            {"cores, too few for the unpacks at once", simulate.Unpack},
	simulate.ByDisk:             {"the disk's write speed", simulate.Unpack},
	simulate.ByFiles:            {"creating files", simulate.Unpack},
	simulate.ByCreate:           {"creating the containers", simulate.Create},
	simulate.ByFirstRead:        {"first reads of a disk made from a snapshot", simulate.Ready},
	simulate.ByCopy:             {"the snapshot's copies that fill disks", simulate.Ready},
	simulate.ByProgram:          {"the program's own start", simulate.Ready},
}

// waitPhase is drawn for what is no phase of a start's own: it waits for others.
const waitPhase simulate.Phase = "wait"

func holdWords(h *simulate.Hold) string {
	if h.Through != "" {
		own := *h
		own.Through = ""
		return holdWords(&own) + throughWords[h.Through]
	}
	switch h.By {
	case simulate.ByLink:
		return lower(linkName(h.Link)) + ", shared by transfers"
	case simulate.ByOrder:
		return causeWords[h.By].words + meanwhileWords(h)
	case simulate.ByBackOff:
		return causeWords[h.By].words + afterWords[h.After]
	}
	if w, ok := causeWords[h.By]; ok {
		return w.words
	}
	return string(h.By)
}

// meanwhileWords say at what rate the later layers are fetched.
func meanwhileWords(h *simulate.Hold) string {
	switch h.Meanwhile {
	case simulate.ByLink:
		return ", over the " + lower(linkName(h.Link))
	case simulate.ByNodeLink:
		return ", over the node's interface"
	case simulate.ByConnection:
		return ", over one connection each"
	}
	return ""
}

// throughWords say whose pull a cause held up, where it is another start's on the node.
var throughWords = map[simulate.Cause]string{
	simulate.ByTurn: ", in pulls before its turn", simulate.ByOtherPull: ", in another start's pull of a layer",
	simulate.BySlot: ", in pulls with the download slots", simulate.ByUnpackSlot: ", in unpacks at the limit",
}

var afterWords = map[simulate.Failure]string{
	simulate.Refused: " after 429 Too Many Requests", simulate.Failed: " after an error of the registry", simulate.Down: ", the registry being down",
}

// heldSum is one cause of an explained start with all the time that it took.
type heldSum struct {
	words string
	phase simulate.Phase
	total time.Duration
}

// heldSums are the causes, the one that took longest first.
func heldSums(x *simulate.Explanation) []heldSum {
	var list []heldSum
	for i := range x.Holds {
		h := &x.Holds[i]
		words := holdWords(h)
		k := slices.IndexFunc(list, func(s heldSum) bool { return s.words == words })
		if k < 0 {
			k = len(list)
			list = append(list, heldSum{words: words, phase: causeWords[h.By].phase})
		}
		list[k].total += h.End - h.Start
	}
	slices.SortStableFunc(list, func(a, b heldSum) int { return cmp.Compare(b.total, a.total) })
	return list
}

func (r *Report) explanationTitle(x *simulate.Explanation) string {
	if x.Void != "" {
		return fmt.Sprintf("Where the time of a start of %s went, %s (%s)", x.App, r.armLabel(x.Arm), x.Source)
	}
	which := quantileWords(x) + " of its " + count(x.Starts, "start")
	if len(r.Repeats) > 0 {
		which += " of the first repeat"
	}
	words := fmt.Sprintf("Where the time of a start of %s went, %s: ready after %s (%s; %s, requested at %s",
		x.App, r.armLabel(x.Arm), seconds(x.Ready), x.Source, which, longTime(x.Requested))
	if x.Node != "" {
		words += " on node " + x.Node
	}
	return words + ")"
}

// quantileWords name which of the app's starts it is.
func quantileWords(x *simulate.Explanation) string {
	if x.QuantileFraction == 0.5 {
		return "the median"
	}
	return "p" + strconv.FormatFloat(100*x.QuantileFraction, 'f', -1, 64)
}

// leverWords are a lever's parameter and change, as network.nodeBytesPerSecond, twice.
func leverWords(l *simulate.Lever) string {
	switch l.Change {
	case "x2":
		return l.Parameter + ", twice"
	case "x0.5":
		return l.Parameter + ", half"
	}
	return l.Parameter + ": " + l.Change
}

// leverSentence says what would shorten the app's starts most.
func leverSentence(x *simulate.Explanation) string {
	if x.Void != "" {
		return sentence("None of its " + count(x.Starts, "start") + " becomes ready: " + x.Void)
	}
	if len(x.Levers) == 0 || !helps(x, &x.Levers[0]) {
		return "No single change of the profile's parameters shortens it by 0.5 % or more."
	}
	l := &x.Levers[0]
	return fmt.Sprintf("What would shorten it most: %s: %s is then ready after %s instead of %s (%s less%s).",
		leverWords(l), quantileWords(x), seconds(l.Ready), seconds(x.Now), percent(1-float64(l.Ready)/float64(x.Now)), overRepeats(x))
}

// overRepeats says over how many repeats levers were tried, if over several.
func overRepeats(x *simulate.Explanation) string {
	if x.LeverRepeats < 2 {
		return ""
	}
	return fmt.Sprintf(", over %d repeats", x.LeverRepeats)
}

// helpful are the levers that shorten a start noticeably, by 0.5 % of it or more.
func helpful(x *simulate.Explanation) []simulate.Lever {
	return slices.DeleteFunc(slices.Clone(x.Levers), func(l simulate.Lever) bool { return !helps(x, &l) })
}

func helps(x *simulate.Explanation, l *simulate.Lever) bool {
	return (x.Now-l.Ready)*200 >= x.Now && l.Ready < x.Now
}

// useless names the levers that do not.
func useless(x *simulate.Explanation) string {
	var words []string
	for i := range x.Levers {
		if l := &x.Levers[i]; !helps(x, l) {
			words = append(words, leverWords(l))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "Would shorten it by less than 0.5 %: " + strings.Join(words, "; ") + "."
}

// leverNote says what the levers' figures are.
func leverNote(x *simulate.Explanation) string {
	return "each change by itself, simulated with the same draws" + overRepeats(x) + "; " + quantileWords(x) + " of the app's starts"
}

// explanationSentence is an explained start in few words: what held it up longest,
// and what would shorten it most.
func (r *Report) explanationSentence(i int) string {
	x := &r.Explanations[i]
	if arm := r.explainedAs(i); arm != "" {
		return r.explanationTitle(x) + ": just as in arm " + arm + "."
	}
	if x.Void != "" {
		return r.explanationTitle(x) + ": " + leverSentence(x)
	}
	const most = 4
	var words []string
	sums := heldSums(x)
	for _, s := range sums[:min(len(sums), most)] {
		words = append(words, s.words+" "+seconds(s.total))
	}
	return r.explanationTitle(x) + ": " + strings.Join(words, ", ") + ". " + leverSentence(x)
}

// waitedFor is the layer or image of a hold, the image of a layer where the start
// has several.
func waitedFor(x *simulate.Explanation, h *simulate.Hold) string {
	if h.Layer == "" {
		return shortReference(h.Image)
	}
	words := "layer " + short(h.Layer)
	if h.Behind != "" {
		words = short(h.Layer) + ", behind " + short(h.Behind)
	}
	if slices.ContainsFunc(x.Holds, func(o simulate.Hold) bool { return o.Image != "" && o.Image != h.Image }) {
		words += " of " + shortReference(h.Image)
	}
	return words
}

// explainedAs returns the arm before in which the app's start went just so,
// empty if there is none.
func (r *Report) explainedAs(i int) string {
	x := &r.Explanations[i]
	for k := range r.Explanations[:i] {
		if y := &r.Explanations[k]; y.App == x.App && y.QuantileFraction == x.QuantileFraction && slices.Equal(y.Holds, x.Holds) && slices.Equal(y.Levers, x.Levers) {
			return r.armLabel(y.Arm)
		}
	}
	return ""
}

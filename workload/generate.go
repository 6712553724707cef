package workload

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// GenerateOptions say what a made-up workload is like. The zero value of a number takes
// the default that stands with it.
type GenerateOptions struct {
	Seed uint64
	// Apps is how many apps there are: 50.
	Apps int
	// StartsPerDay is of all apps together, besides bursts: 2,000.
	StartsPerDay float64
	// Zipf is the exponent of popularity, by which the k-th app starts k to the power of it
	// less often than the first: DefaultZipf.
	Zipf float64
	// Swing is how far the rate of an hour goes above and below the mean, by a sine with its
	// top at 15:00 UTC; nil is DefaultSwing.
	Swing *float64
	// ReleaseDays is the median time between releases of an app, in days: DefaultReleaseDays.
	ReleaseDays float64
	// Images are the references that apps are given, the most popular first; made-up ones
	// where there are none.
	Images []string
	// Bursts are the kinds of bursts; nil is all of BurstKinds, empty none.
	Bursts []string
}

// The defaults of GenerateOptions, and where they are from.
const (
	// DefaultZipf is over application pods. Others were found as well: 1.08 over pulls of
	// Docker's official repositories, 0.91 over base images in Dockerfiles, 0.81 over layer
	// reads of a production registry.
	DefaultZipf = 0.95
	// DefaultSwing is assumed: no figure was published that could be taken.
	DefaultSwing = 0.5
	// DefaultReleaseDays is the median between updates of a tag of Docker's official images
	// (docker-library/repo-info), a tenth of which come within 1.3 days, nine tenths
	// within 31.5.
	DefaultReleaseDays  = 9.3
	defaultApps         = 50
	defaultStartsPerDay = 2000
	// Of those updates 44 % reuse no byte, and all together 29.6 % of the bytes.
	reuseNothing, reuseMean = 0.44, 0.296
	// podsPerNode is assumed; a kubelet takes 110 at most by default (maxPods).
	podsPerNode = 30
)

// BurstKinds are the kinds of bursts that are generated: a Deployment's roll-out at each
// release, a scale-out from zero each morning, and the loss of a node.
var burstKinds = []string{"rollout", "scale-from-zero", "node-loss"}

// BurstKinds are the kinds of bursts that are generated.
func BurstKinds() []string { return slices.Clone(burstKinds) }

// Generated is a made-up workload.
type Generated struct {
	Workload Workload
	Origins  []Origin
	// Notes say of each parameter what it is and where it is from.
	Notes []string
}

// Generate makes a workload up; the same options give the same one.
func Generate(opt GenerateOptions) (*Generated, error) {
	g := &generator{GenerateOptions: opt}
	if err := g.complete(); err != nil {
		return nil, err
	}
	weights := g.dayWeights()
	total := 0.0
	for k := range g.Apps {
		total += math.Pow(float64(k+1), -g.Zipf)
	}
	out := &Generated{Notes: g.notes()}
	for k := range g.Apps {
		share := math.Pow(float64(k+1), -g.Zipf) / total
		app, origin := g.app(k, share)
		app.HourlyWeights = weights
		out.Workload.Apps = append(out.Workload.Apps, app)
		out.Origins = append(out.Origins, origin)
	}
	if err := out.Workload.Validate(); err != nil {
		return nil, err
	}
	return out, nil
}

type generator struct {
	GenerateOptions
	loss time.Duration // when a node is lost for the first time
}

func (g *generator) complete() error {
	if g.Apps == 0 {
		g.Apps = max(defaultApps, len(g.Images))
		if len(g.Images) > 0 {
			g.Apps = len(g.Images)
		}
	}
	for to, value := range map[*float64]float64{&g.StartsPerDay: defaultStartsPerDay, &g.Zipf: DefaultZipf, &g.ReleaseDays: DefaultReleaseDays} {
		if *to == 0 {
			*to = value
		}
	}
	if g.Swing == nil {
		g.Swing = new(DefaultSwing)
	}
	if g.Bursts == nil {
		g.Bursts = burstKinds
	}
	switch {
	case g.Apps < 1 || g.Apps > 1_000_000:
		return fmt.Errorf("%d apps: give 1 to 1,000,000", g.Apps)
	case !(g.StartsPerDay > 0) || math.IsInf(g.StartsPerDay, 0):
		return fmt.Errorf("%v starts a day: give more than 0", g.StartsPerDay)
	case !(g.Zipf > 0 && g.Zipf <= 5):
		return fmt.Errorf("a Zipf exponent of %v: give one above 0 and up to 5; published ones are 0.81 to 1.08", g.Zipf)
	case !(*g.Swing >= 0 && *g.Swing <= 1):
		return fmt.Errorf("a swing of %v: give 0 (the same rate at all times) to 1 (none at night)", *g.Swing)
	case !(g.ReleaseDays > 0) || math.IsInf(g.ReleaseDays, 0):
		return fmt.Errorf("%v days between releases: give more than 0", g.ReleaseDays)
	}
	for _, kind := range g.Bursts {
		if !slices.Contains(burstKinds, kind) {
			return fmt.Errorf("%q is no kind of burst%s: give some of %s", kind, document.DidYouMean(kind, burstKinds), strings.Join(burstKinds, ", "))
		}
	}
	g.loss = time.Duration(rand.New(rand.NewPCG(g.Seed, 11)).Int64N(int64(7 * day))).Truncate(time.Second)
	return nil
}

// dayWeights are of a sine with its top at 15:00; nil of no swing.
func (g *generator) dayWeights() []float64 {
	if *g.Swing == 0 {
		return nil
	}
	weights := make([]float64, 24)
	for h := range weights {
		weights[h] = math.Round(1000*(1+*g.Swing*math.Sin(2*math.Pi*(float64(h)+0.5-9.5)/24))) / 1000
	}
	return weights
}

// app makes the k-th app, from 0, up. Each draws from its own stream, so that more apps
// change none before them but in their share.
func (g *generator) app(k int, share float64) (App, Origin) {
	rng := rand.New(rand.NewPCG(g.Seed, uint64(k)+1<<32))
	a := App{Name: fmt.Sprintf("app-%04d", k+1), StartsPerDay: max(threeDigits(g.StartsPerDay*share), 0.001)}
	a.Images = []string{fmt.Sprintf("registry.example.com/apps/app-%04d:1.0", k+1)}
	if len(g.Images) > 0 {
		a.Images = []string{g.Images[k%len(g.Images)]}
	} else if rng.Float64() < 0.5 {
		a.Images = append(a.Images, fmt.Sprintf("registry.example.com/mesh/sidecar-%d:1.0", rng.IntN(3)+1))
	}
	// From a minute to a day, each factor of two as likely as the others.
	a.Runtime = time.Duration(math.Exp(math.Log(60)+rng.Float64()*math.Log(1440)) * float64(time.Second)).Round(time.Second)
	size := rng.IntN(3)
	a.CPU, a.MemoryGiB = []float64{0.5, 1, 2}[size], []float64{1, 2, 4}[size]
	a.ReleasesPerMonth = threeDigits(30 / g.releaseDays(rng))
	a.ReleaseNewBytesFraction = new(newBytes(rng))
	g.bursts(&a, share, rng)
	return a, Origin{StartsPerDay: fmt.Sprintf("%s of all starts, by Zipf's law", percentText(share)), Runtime: "assumed: from a minute to a day", Resources: "assumed"}
}

func percentText(v float64) string { return strconv.FormatFloat(100*v, 'g', 3, 64) + " %" }

// releaseDays draws the time between an app's releases: below the median and above it
// log-normal, with the tenths that were found of tags.
func (g *generator) releaseDays(rng *rand.Rand) float64 {
	const tenth = 1.2816 // of a normal distribution, in standard deviations
	z := rng.NormFloat64()
	deviation := math.Log(31.5/9.3) / tenth
	if z < 0 {
		deviation = math.Log(9.3/1.3) / tenth
	}
	return min(max(g.ReleaseDays*math.Exp(z*deviation), 0.25), 365)
}

// newBytes draws the share of an image that a release replaces: all of it as often as was
// found, else so that the mean of what is reused is that which was found.
func newBytes(rng *rand.Rand) float64 {
	const reused = reuseMean / (1 - reuseNothing) // the mean of those that reuse something
	if rng.Float64() < reuseNothing {
		return 1
	}
	return math.Round(1000*(1-(2*reused-1)-rng.Float64()*(2-2*reused))) / 1000
}

// bursts gives an app the bursts that it is part of.
func (g *generator) bursts(a *App, share float64, rng *rand.Rand) {
	at := func(most time.Duration) time.Duration {
		return time.Duration(rng.Int64N(int64(most))).Truncate(time.Second)
	}
	pods := 1 + rng.IntN(20)
	release := time.Duration(30 / a.ReleasesPerMonth * float64(day)).Truncate(time.Second)
	morning, hasZero := 6*time.Hour+at(3*time.Hour), rng.Float64() < 0.2
	first := at(release)
	for _, kind := range g.Bursts {
		switch kind {
		case "rollout":
			// A quarter more pods at a time than before (maxSurge), one round a minute.
			a.Bursts = append(a.Bursts, Burst{Count: pods, Within: min(4*time.Minute, release), First: first, Every: release})
		case "scale-from-zero":
			if hasZero {
				a.Bursts = append(a.Bursts, Burst{Count: pods, First: morning, Every: day})
			}
		case "node-loss":
			if lost := int(math.Round(podsPerNode * share)); lost > 0 {
				a.Bursts = append(a.Bursts, Burst{Count: lost, First: g.loss, Every: 7 * day})
			}
		}
	}
}

// notes say where the parameters are from.
func (g *generator) notes() []string {
	list := []string{
		fmt.Sprintf("made up from seed %d: %d apps with %v starts a day together, besides bursts", g.Seed, g.Apps, g.StartsPerDay),
		fmt.Sprintf("popularity: Zipf's law with exponent %v; found were 0.95 over application pods, 1.08 over pulls of Docker's official repositories, 0.91 over base images of 77,442 Dockerfiles (converged-computing/container-chonks), 0.81 over layer reads of a production registry", g.Zipf),
		fmt.Sprintf("releases: median %v days apart, log-normal; of official tags (docker-library/repo-info) a tenth are updated within 1.3 days, half within 9.3, nine tenths within 31.5", g.ReleaseDays),
		"a release replaces all bytes of the image in 44 % of cases, and keeps 29.6 % in the mean, as updates of official tags do",
	}
	if *g.Swing > 0 {
		list = append(list, fmt.Sprintf("the hourly rate swings by %v about the mean, with its top at 15:00 UTC: assumed", *g.Swing))
	}
	for _, kind := range g.Bursts {
		switch kind {
		case "rollout":
			list = append(list, "each release rolls 1 to 20 pods out within 4 minutes, a quarter at a time (a Deployment's maxSurge): the number is assumed")
		case "scale-from-zero":
			list = append(list, "a fifth of the apps are scaled from zero to 1 to 20 pods between 6:00 and 9:00 UTC each day: assumed")
		case "node-loss":
			list = append(list, fmt.Sprintf("once a week a node with %d pods is lost, which start again elsewhere at once, apps by their share: assumed; a kubelet takes 110 pods at most by default", podsPerNode))
		}
	}
	return append(list, "run times, sizes and sidecars are assumed")
}

// WriteTrace writes the starts of [0, span) as the CSV of a trace (docs/trace.md).
func (w *Workload) WriteTrace(out io.Writer, seed uint64, span time.Duration) (starts int, err error) {
	c := csv.NewWriter(out)
	c.Write([]string{"time_seconds", "app", "images", "count", "runtime_seconds"})
	for e := range w.EventsOf(seed, 0, span, func(*App) bool { return true }) {
		if e.Release {
			continue
		}
		if starts++; starts > maxCount {
			return starts, document.At("apps", "more than %d starts in %v, as many as a trace may have: take a shorter time", maxCount, span)
		}
		a := &w.Apps[e.App]
		c.Write([]string{strconv.FormatFloat(e.At.Seconds(), 'f', 3, 64), a.Name, strings.Join(a.AllImages(), " "), "1", strconv.FormatFloat(a.Runtime.Seconds(), 'f', -1, 64)})
	}
	c.Flush()
	return starts, c.Error()
}

package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// caseFile is a scenario worked by hand, as it stands in testdata/cases: a txtar
// file whose comment is the working, with these parts.
//
//	profile    values that differ from the free profile, as a profile file has them
//	scenario   lines of layers, images, nodes, faults and starts:
//	             seed 7
//	             layer NAME COMPRESSED UNPACKED [files=N] [zstd|plain] [same=LAYER]
//	             image NAME[:TAG] [index] [= LAYER...]
//	             nodes [class=NAME] [held=IMAGE,...] [baked] [daemon=IMAGE,...]... [use=IMAGE,...:UNTIL]...
//	             fault KIND at=..., as ParseFault reads it
//	             start APP at=TIME images=IMAGE,... [node=] [class=] [policy=]
//	               [cache=ID held=IMAGE,...] [ready=TIME] [read=SHARE] [runtime=TIME]
//	hand       what was worked out by hand, a line each; never rewritten
//	             APP ready|fetched|unpacked|wasted|refetched|evicted|retries|reused|hit|void VALUE
//	             APP PHASE TIME
//	             APP span PHASE LAYER|IMAGE|- FROM TO
//	             APP held CAUSE|LINK LAYER|- FROM TO
//	timeline   the expected timeline, rewritten by -update
//
// Sizes are in bytes, kB, MB or GB, times in seconds, from a start's request.
type caseFile struct {
	archive  *txtar.Archive
	profile  *Profile
	inv      *layers.Inventory
	starts   []Start
	options  Options
	hand     []string
	timeline string
	layers   map[string]int
	images   map[string]int
}

// freeProfile is one in which nothing takes time or is bounded but what a case
// sets; images of a start come one after another, layers in manifest order.
func freeProfile() *Profile {
	p := bare()
	p.Name = "case"
	l := &p.Pull
	l.MaxConcurrentDownloads.Value, l.DownloadScope.Value, l.MaxParallelPulls.Value = 1000, "image", 1000
	l.ResolveRequests.Value, l.SlotRequests.Value = 0, false
	l.Retry.Attempts.Value, l.Retry.ErrorAttempts.Value, l.Retry.Resume.Value = 1, 1, false
	p.Unpack.Cores.Value, p.Cache.ReadFraction.Value = 1000, 0
	p.Node.DiskGiB.Value = 1e6
	return p
}

func readCase(name string, data []byte) (*caseFile, error) {
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("-- --")) { // on which txtar.Parse panics
			return nil, fmt.Errorf("%s: a part without a name", name)
		}
	}
	c := &caseFile{
		archive: txtar.Parse(data), profile: freeProfile(), inv: &layers.Inventory{},
		layers: make(map[string]int), images: make(map[string]int),
	}
	c.options.Spans = func(int) bool { return true }
	for _, f := range c.archive.Files {
		var err error
		switch f.Name {
		case "profile":
			// The header is on the first line, so that faults name the part's lines
			// plus two.
			head := "apiVersion: " + document.APIVersion + "\nkind: Profile\n"
			err = document.Read(name, append([]byte(head), f.Data...), ProfileKind, c.profile)
		case "scenario":
			err = eachLine(name, f.Data, c.line)
		case "hand":
			err = eachLine(name, f.Data, func(words []string) error {
				c.hand = append(c.hand, strings.Join(words, " "))
				return nil
			})
		case "timeline":
			c.timeline = string(f.Data)
		default:
			err = fmt.Errorf("%s: there is no part called %q", name, f.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// eachLine calls do with the words of each line that has any; # begins a comment.
func eachLine(name string, data []byte, do func(words []string) error) error {
	for i, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := do(words); err != nil {
			return fmt.Errorf("%s: line %d of its part: %q: %w", name, i+1, strings.TrimSpace(line), err)
		}
	}
	return nil
}

func (c *caseFile) line(words []string) error {
	kind, rest := words[0], words[1:]
	do, ok := map[string]func([]string) error{
		"seed": c.seed, "layer": c.layer, "image": c.image, "nodes": c.nodes, "fault": c.fault, "start": c.start,
	}[kind]
	if !ok {
		return fmt.Errorf("is none of seed, layer, image, nodes, fault, start")
	}
	if len(rest) == 0 {
		return fmt.Errorf("says nothing more")
	}
	return do(rest)
}

var errUnknown = errors.New("what is that?")

func (c *caseFile) seed(words []string) (err error) {
	c.options.Seed, err = strconv.ParseUint(words[0], 10, 64)
	return err
}

func (c *caseFile) layer(words []string) error {
	if len(words) < 3 {
		return fmt.Errorf("a layer has a name and two sizes")
	}
	name := words[0]
	if _, ok := c.layers[name]; ok {
		return fmt.Errorf("the layer is there already")
	}
	compressed, err := parseBytes(words[1])
	if err != nil {
		return err
	}
	unpacked, err := parseBytes(words[2])
	if err != nil {
		return err
	}
	var files int64
	l := layers.Layer{
		Digest: layers.Digest(name), DiffID: layers.Digest("content of " + name), MediaType: gzip,
		CompressedBytes: compressed, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured, Files: &files,
	}
	if err := eachKey(words[3:], func(key, value string) (err error) {
		switch key {
		case "files":
			if files, err = strconv.ParseInt(value, 10, 32); err != nil || files < 0 {
				return fmt.Errorf("%q is no number of files", value)
			}
		case "zstd":
			l.MediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
		case "plain":
			l.MediaType = "application/vnd.oci.image.layer.v1.tar"
		case "same":
			l.DiffID = layers.Digest("content of " + value)
		default:
			err = errUnknown
		}
		return err
	}); err != nil {
		return err
	}
	c.layers[name] = len(c.inv.Layers)
	c.inv.Layers = append(c.inv.Layers, l)
	return nil
}

func (c *caseFile) image(words []string) error {
	name := words[0]
	if _, ok := c.images[name]; ok {
		return fmt.Errorf("the image is there already")
	}
	i := len(c.inv.Images)
	img := layers.Image{Reference: "example.com/" + name, Digest: layers.Digest(fmt.Sprintf("sha256:%064x", i)), Platform: "linux/amd64"}
	if !strings.Contains(name, ":") {
		img.Reference += ":1"
	}
	for _, word := range words[1:] {
		l, ok := c.layers[word]
		switch {
		case word == "index":
			img.IndexDigest = layers.Digest(fmt.Sprintf("sha256:%064x", 1000+i))
		case word == "=":
		case !ok:
			return fmt.Errorf("there is no layer %q", word)
		default:
			img.Layers = append(img.Layers, l)
		}
	}
	c.images[name] = i
	c.inv.Images = append(c.inv.Images, img)
	return nil
}

func (c *caseFile) list(value string) ([]int, error) {
	var list []int
	for name := range strings.SplitSeq(value, ",") {
		i, ok := c.images[name]
		if !ok {
			return nil, fmt.Errorf("there is no image %q", name)
		}
		list = append(list, i)
	}
	return list, nil
}

func (c *caseFile) nodes(words []string) error {
	var setup NodeSetup
	var class string
	if err := eachKey(words, func(key, value string) (err error) {
		switch key {
		case "class":
			class = value
		case "held":
			setup.Held, err = c.list(value)
		case "baked":
			setup.Baked, err = c.list(value)
		case "use":
			var u Use
			images, until, _ := strings.Cut(value, ":")
			if u.Until, err = parseSeconds(until); err == nil {
				u.Images, err = c.list(images)
			}
			setup.InUse = append(setup.InUse, u)
		case "daemon":
			var pod []int
			pod, err = c.list(value)
			setup.Daemon = append(setup.Daemon, pod)
		default:
			err = errUnknown
		}
		return err
	}); err != nil {
		return err
	}
	if c.options.Nodes == nil {
		c.options.Nodes = make(map[string]NodeSetup)
	}
	c.options.Nodes[class] = setup
	return nil
}

func (c *caseFile) fault(words []string) error {
	f, err := ParseFault(strings.Join(words, " "))
	c.options.Faults = append(c.options.Faults, f)
	return err
}

func (c *caseFile) start(words []string) error {
	s := Start{App: words[0]}
	if err := eachKey(words[1:], func(key, value string) (err error) {
		switch key {
		case "at":
			s.Requested, err = parseSeconds(value)
		case "images":
			s.Images, err = c.list(value)
		case "held":
			s.Held, err = c.list(value)
		case "cache":
			s.CacheID = value
		case "policy":
			s.PullPolicy = value
		case "node":
			s.Node = value
		case "class":
			s.NodeClass = value
		case "runtime":
			s.Runtime, err = parseSeconds(value)
		case "ready":
			s.Ready = new(time.Duration)
			*s.Ready, err = parseSeconds(value)
		case "read":
			s.ReadFraction = new(float64)
			*s.ReadFraction, err = strconv.ParseFloat(value, 64)
		default:
			err = errUnknown
		}
		return err
	}); err != nil {
		return err
	}
	c.starts = append(c.starts, s)
	return nil
}

func parseBytes(s string) (int64, error) {
	number, unit := s, int64(1)
	for suffix, size := range map[string]int64{"kB": 1e3, "MB": 1e6, "GB": 1e9} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, unit = n, size
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size: write 100MB", s)
	}
	return n * unit, nil
}

// parseSeconds reads seconds with up to nine places, exactly.
func parseSeconds(s string) (time.Duration, error) {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 9 || whole == "" || strings.ContainsAny(part, "+-") {
		return 0, fmt.Errorf("%q is no time: write seconds, such as 1.5", s)
	}
	ns, err := strconv.ParseInt(whole+part+strings.Repeat("0", 9-len(part)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no time: write seconds, such as 1.5", s)
	}
	return time.Duration(ns), nil
}

// seconds writes a time as parseSeconds reads it.
func writeSeconds(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	s := fmt.Sprintf("%s%d.%09d", sign, d/time.Second, d%time.Second)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// short is an image's name as the scenario has it.
func (c *caseFile) short(reference string) string {
	return strings.TrimSuffix(strings.TrimPrefix(reference, "example.com/"), ":1")
}

// write writes startups as the part timeline has them.
func (c *caseFile) write(startups []Startup) string {
	var b strings.Builder
	for i := range startups {
		s := &startups[i]
		fmt.Fprintf(&b, "start %s at %s", s.App, writeSeconds(s.Requested))
		if s.Node != "" {
			fmt.Fprintf(&b, " on node %s", s.Node)
		}
		b.WriteByte('\n')
		for _, x := range s.Spans {
			line := fmt.Sprintf("  %-12s %-12s %-9s %-6s %-6s ", writeSeconds(x.Start), writeSeconds(x.End), x.Phase, c.short(x.Image), x.Layer)
			if x.Bytes > 0 {
				line += fmt.Sprint(x.Bytes)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		fmt.Fprintf(&b, "  ready %s:", writeSeconds(s.Ready))
		for _, phase := range AllPhases() {
			if d, _ := s.Phases.Of(phase); d != 0 {
				fmt.Fprintf(&b, " %s %s", phase, writeSeconds(d))
			}
		}
		if s.Void != "" {
			fmt.Fprintf(&b, "\n  void: %s", s.Void)
		}
		fmt.Fprintf(&b, "\n  fetched %d, unpacked %d, reused %d layers, %s, retries %d, wasted %d\n",
			s.FetchedBytes, s.UnpackedBytes, s.LayersReused, s.Hit, s.Retries, s.WastedBytes)
		if s.EvictedImages > 0 || s.RefetchedBytes > 0 {
			fmt.Fprintf(&b, "  evicted %d images, %d bytes fetched again\n", s.EvictedImages, s.RefetchedBytes)
		}
	}
	return b.String()
}

// holds says what of the engine's result is not as worked out by hand.
func (c *caseFile) holds(startups []Startup) []string {
	var wrong []string
	for _, line := range c.hand {
		if err := c.hold(startups, strings.Fields(line)); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", line, err))
		}
	}
	return wrong
}

func (c *caseFile) hold(startups []Startup, words []string) error {
	i := slices.IndexFunc(startups, func(s Startup) bool { return s.App == words[0] })
	if i < 0 || len(words) < 3 {
		return fmt.Errorf("no start is called %q, or nothing is said of it", words[0])
	}
	s := &startups[i]
	switch words[1] {
	case "span":
		return c.holdSpan(s, words[2:])
	case "held":
		return c.holdHeld(i, words[2:])
	}
	var got string
	switch words[1] {
	case "hit":
		got = string(s.Hit)
	case "void":
		got = fmt.Sprint(s.Void != "")
	case "retries":
		got = fmt.Sprint(s.Retries)
	case "reused":
		got = fmt.Sprint(s.LayersReused)
	case "evicted":
		got = fmt.Sprint(s.EvictedImages)
	case "fetched", "unpacked", "wasted", "refetched":
		want, err := parseBytes(words[2])
		if err != nil {
			return err
		}
		words[2] = fmt.Sprint(want)
		got = fmt.Sprint(map[string]int64{"fetched": s.FetchedBytes, "unpacked": s.UnpackedBytes, "wasted": s.WastedBytes, "refetched": s.RefetchedBytes}[words[1]])
	case "ready":
		got = writeSeconds(s.Ready)
	case "starting": // the program's own time, the last phase
		got = writeSeconds(*s.Phases.Ready)
	default:
		phase := Phase(words[1])
		if !slices.Contains(AllPhases(), phase) {
			return fmt.Errorf("there is no phase %q", phase)
		}
		d, _ := s.Phases.Of(phase)
		got = writeSeconds(d)
	}
	if got != words[2] {
		return fmt.Errorf("the engine says %s", got)
	}
	return nil
}

func (c *caseFile) holdSpan(s *Startup, words []string) error {
	if len(words) != 4 {
		return fmt.Errorf("a span is a phase, a layer, image or -, and two times")
	}
	var seen []string
	for _, x := range s.Spans {
		about := "-"
		if x.Layer != "" {
			about = string(x.Layer)
		} else if x.Image != "" {
			about = c.short(x.Image)
		}
		if string(x.Phase) != words[0] || about != words[1] {
			continue
		}
		from, to := writeSeconds(x.Start), writeSeconds(x.End)
		if from == words[2] && to == words[3] {
			return nil
		}
		seen = append(seen, from+" to "+to)
	}
	return fmt.Errorf("the engine says %v", seen)
}

package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// diffBench writes both sides of a diff: a start of each on a host that has
// nothing, and on one that has the image; of NEW also one where OLD is.
func diffBench(d *Diff) []byte {
	var b benchText
	b.comment(&d.Provenance, d.Doubts)
	for _, img := range []*DiffImage{&d.Old, &d.New} {
		if len(img.Unread) > 0 {
			b.incomparable(img.UnreadWords())
		}
	}
	// One of before says no more of such a layer than that its rules were not judged.
	if d.Gate != nil && d.Gate.Verdict == Unjudged && len(d.Old.Unread)+len(d.New.Unread) == 0 {
		b.incomparable(fmt.Sprintf("the rules of the diff of %s could not be judged: %v", d.New.Reference, d.Gate.Err()))
	}
	var lines []BenchLine
	add := func(side, arm string, img *DiffImage, s *DiffStart) {
		config := benchModel(&d.Provenance)
		config[BenchSource], config[BenchPlatform] = simulate.Estimated, img.Platform
		lines = append(lines, BenchLine{
			Config: config, Name: BenchStartup, Starts: 1,
			Keys: []string{"app", ImageApp(d.New.Reference), "arm", arm, "profile", d.Provenance.Profile, "side", side},
			Values: []BenchValue{
				{float64(s.Ready) / float64(time.Second), UnitStartup}, {float64(s.FetchBytes), UnitPulled}, {float64(s.UnpackBytes), UnitUnpacked},
			},
		})
	}
	add("old", simulate.ArmCold, &d.Old, &d.Old.Cold)
	add("old", simulate.ArmCached, &d.Old, &d.Old.Cached)
	add("new", simulate.ArmCold, &d.New, &d.New.Cold)
	add("new", simulate.ArmCached, &d.New, &d.New.Cached)
	add("new", "update", &d.New, &d.Update)
	b.write(lines, true)
	return b.Bytes()
}

// UnreadWords say which layers of the image could not be read, and why the first could
// not.
func (i *DiffImage) UnreadWords() string {
	return unreadWords(i.Unread, fmt.Sprintf("of %d of image %s", i.Layers, i.Reference))
}

func unreadWords(list []layers.Unscanned, of string) string {
	var digests []string
	for _, u := range list {
		digests = append(digests, string(u.Digest))
	}
	return fmt.Sprintf("%s %s could not be read: %s (%s)", count(len(list), "layer"), of, some(digests, mostNamed), list[0].Reason)
}

// ImageApp is what the benchmarks of a diff call the app of an image: its reference without
// transport, registry, tag and digest, the same for two versions of an image. Of a layout
// that names none its directory is.
func ImageApp(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	// A registry may have a port, and no transport is followed by digits alone.
	for _, transport := range []string{"oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containerd:"} {
		if rest, ok := strings.CutPrefix(name, transport); ok && rest != "" {
			name = rest
			break
		}
	}
	name = name[strings.LastIndex(name, "/")+1:]
	if i := strings.LastIndex(name, ":"); i > 0 {
		name = name[:i]
	}
	return cmpOr(name, "image")
}

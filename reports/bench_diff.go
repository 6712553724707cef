package reports

import (
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// diffBench writes both sides of a diff: a start of each on a host that has
// nothing, and on one that has the image; of NEW also one where OLD is.
func diffBench(d *Diff) []byte {
	var b benchText
	b.comment(&d.Provenance, d.Doubts)
	var lines []BenchLine
	add := func(side, arm string, img *DiffImage, s *DiffStart) {
		config := benchModel(&d.Provenance)
		config[BenchSource], config[BenchPlatform] = simulate.Estimated, img.Platform
		lines = append(lines, BenchLine{
			Config: config, Name: BenchStartup, Starts: 1,
			Keys: []string{"app", repositoryName(d.New.Reference), "arm", arm, "profile", d.Provenance.Profile, "side", side},
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

// repositoryName is a reference without transport, registry, tag and digest: the
// same for two versions of an image.
func repositoryName(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	name = name[strings.LastIndex(name, "/")+1:]
	if i := strings.LastIndex(name, ":"); i > 0 {
		name = name[:i]
	}
	return cmpOr(name, "image")
}

package calibrate

import (
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// FuzzCheck: no timeline makes a check panic, or say something that cannot be.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(tiny))
	f.Add([]byte(tinyPulls))
	f.Fuzz(func(t *testing.T, data []byte) {
		timeline, err := simulate.ReadTimeline("t.json", data)
		if err != nil {
			return
		}
		d, err := Load([]File{{"t.json", timeline}}, Options{Repeats: 1, Workers: 1})
		if err != nil {
			return
		}
		c, err := d.Check(t.Context())
		if err != nil {
			return
		}
		for _, s := range c.Totals {
			for _, x := range s.Scores {
				if x.Count < 1 || !(x.Median <= x.Worst && x.Mean <= x.Worst*1.001 && x.Worst >= 0) {
					t.Errorf("%s: %+v", s.What, x)
				}
			}
		}
	})
}

// tiny is a timeline small enough to be changed usefully.
const tiny = `apiVersion: cachebench/v1
kind: Timeline
provenance: {version: "0", seed: 1, profile: p}
startups:
- {source: measured, arm: a, app: x, images: ["e.com/a:1"], node: n, requestedSeconds: 0, phases: {resolveSeconds: 0.01, fetchSeconds: 1, unpackSeconds: 1, createSeconds: 0.1, readySeconds: 0.2}, readySeconds: 2.31, fetchedBytes: 10,
  spans: [{phase: fetch, layer: "l0", startSeconds: 0, endSeconds: 1, bytes: 10}, {phase: unpack, layer: "l0", startSeconds: 1, endSeconds: 2, bytes: 20}]}
- {source: measured, arm: a, repeat: 1, app: x, images: ["e.com/a:1"], node: n, requestedSeconds: 9, phases: {}, readySeconds: 2}
measurement:
  tool: containerd
  inventory: {resolvedAt: "2026-11-29T00:00:00Z", images: [{reference: "e.com/a:1", digest: "d", platform: linux/amd64, mediaType: m, configDigest: c, layers: [0]}], layers: [{digest: l0, mediaType: gzip, compressedBytes: 10000000, unpackedBytes: 20000000, unpackedSource: measured, files: 3}]}
  arms: [{arm: a, kept: ["e.com/a:1"], profile: {network: {registryBytesPerSecond: 1000000}}}]
  runs: [{arm: a, repeat: 0}, {arm: a, repeat: 1}]
`

const tinyPulls = `apiVersion: cachebench/v1
kind: Timeline
provenance: {version: "0", seed: 1, profile: p}
startups:
- {source: measured, arm: pull, app: x, images: ["e.com/a:1"], node: n, requestedSeconds: 0, phases: {pullSeconds: 2}, readySeconds: 2, fetchedBytes: 60000000}
- {source: measured, arm: pull, app: y, images: ["e.com/b:1"], node: n, requestedSeconds: 9, phases: {pullSeconds: 5}, readySeconds: 5, fetchedBytes: 160000000}
- {source: measured, arm: pull, app: y, images: ["e.com/b:1"], node: n, requestedSeconds: 9, phases: {}, readySeconds: 0, hit: hit}
measurement: {tool: kubelet}
`

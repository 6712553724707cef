package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// Starts is a CSV table with a row for each start of a timeline, the void ones too: for
// spreadsheets and data frames. A Report has no single starts, so only WriteStarts writes it.
const Starts Format = "starts"

// startHeads are the columns of Starts. They stay as they are within one version, which is
// the first; further ones would come after the last.
func startHeads() []string {
	heads := []string{"version", "source", "arm", "repeat", "app", "images", "node", "requested_seconds", "ready_seconds"}
	for _, phase := range phaseNames {
		heads = append(heads, "phase_"+string(phase)+"_seconds")
	}
	return append(heads, "fetch_busy_seconds", "unpack_busy_seconds", "fetched_bytes", "unpacked_bytes", "layers_reused",
		"retries", "wasted_bytes", "evicted_images", "refetched_bytes", "cache_id", "hit", "void")
}

// WriteStarts writes a row for each startup of t, in its order: seconds and bytes in full,
// images separated by spaces, what is unknown empty. A timeline that lists no startups is
// refused.
func WriteStarts(w io.Writer, t *simulate.Timeline) error {
	if len(t.Startups) == 0 {
		return fmt.Errorf("write starts: the timeline lists none, only what they have in common: take format %s, or simulate with startups: true", CSV)
	}
	out := csv.NewWriter(w)
	out.Write(startHeads())
	var row []string
	for i := range t.Startups {
		s := &t.Startups[i]
		row = append(row[:0], document.APIVersion, s.Source, s.Arm, strconv.Itoa(s.Repeat), s.App, strings.Join(s.Images, " "), s.Node,
			exact(s.Requested.Seconds()), ifKnown(s.Void == "" || s.Ready != 0, exact(s.Ready.Seconds())))
		for _, phase := range phaseNames {
			d, ok := s.Phases.Of(phase)
			row = append(row, ifKnown(ok, exact(d.Seconds())))
		}
		inside := knownInside(s)
		row = append(row,
			ifKnown(inside || s.FetchBusy != 0, exact(s.FetchBusy.Seconds())), ifKnown(inside || s.UnpackBusy != 0, exact(s.UnpackBusy.Seconds())),
			ifKnown(!s.Unsized, strconv.FormatInt(s.FetchedBytes, 10)), ifKnown(!s.Unsized && (inside || s.UnpackedBytes != 0), strconv.FormatInt(s.UnpackedBytes, 10)),
			ifKnown(!s.Unsized && (inside || s.LayersReused != 0), strconv.Itoa(s.LayersReused)),
			strconv.Itoa(s.Retries), strconv.FormatInt(s.WastedBytes, 10), strconv.Itoa(s.EvictedImages), strconv.FormatInt(s.RefetchedBytes, 10),
			s.CacheID, string(s.Hit), s.Void)
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write starts: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write starts: %w", err)
	}
	return nil
}

// ifKnown is a field of a table: empty where what it says is not known.
func ifKnown(is bool, field string) string {
	if is {
		return field
	}
	return ""
}

// knownInside says whether a start tells what its pulls consisted of: a 0 of a start that
// was measured from without, of which only how long its pulls took is known, says nothing.
func knownInside(s *simulate.Startup) bool {
	_, whole := s.Phases.Of(simulate.Pull)
	return !s.Unsized && !(whole && s.Source == simulate.Measured)
}

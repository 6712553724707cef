package fleet

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// WriteSimGrid writes the fleet as the text that pulls.cpp reads, one item a
// line, links before what hangs on them:
//
//	slots 3
//	unpack BYTES_PER_SECOND
//	link NAME PARENT_NAME|- BYTES_PER_SECOND
//	node NAME LINK_NAME BYTES_PER_SECOND CONNECTION_BYTES_PER_SECOND|unlimited
//	start NODE_NAME SECONDS LAYER_BYTES LAYER_BYTES ...
//
// Seconds have nine decimals. A speed that is not above 0 or, but for a
// connection's, not finite is an error: SimGrid knows no such link.
func (f Fleet) WriteSimGrid(w io.Writer) error {
	if err := f.checkSpeeds(); err != nil {
		return fmt.Errorf("write a fleet for SimGrid: %w", err)
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "slots %d\nunpack %s\n", f.Slots, speedText(f.UnpackBytesPerSecond))
	for _, l := range f.Links {
		fmt.Fprintf(out, "link %s %s %s\n", l.Name, f.linkName(l.Parent), speedText(l.BytesPerSecond))
	}
	for i, n := range f.Nodes {
		fmt.Fprintf(out, "node node%d %s %s %s\n", i, f.linkName(n.Link), speedText(n.BytesPerSecond), speedText(n.ConnectionBytesPerSecond))
	}
	for _, p := range f.Pulls {
		fmt.Fprintf(out, "start node%d %d.%09d", p.Node, p.Start/time.Second, p.Start%time.Second)
		for _, bytes := range p.Layers {
			fmt.Fprintf(out, " %d", bytes)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

func (f Fleet) linkName(link int) string {
	if link < 0 {
		return "-"
	}
	return f.Links[link].Name
}

func (f Fleet) checkSpeeds() error {
	if !isSpeed(f.UnpackBytesPerSecond) {
		return fmt.Errorf("unpacking at %v bytes/s: give a finite speed above 0", f.UnpackBytesPerSecond)
	}
	for _, l := range f.Links {
		if !isSpeed(l.BytesPerSecond) {
			return fmt.Errorf("link %s has %v bytes/s: give a finite speed above 0", l.Name, l.BytesPerSecond)
		}
	}
	for i, n := range f.Nodes {
		if !isSpeed(n.BytesPerSecond) {
			return fmt.Errorf("the link of node%d has %v bytes/s: give a finite speed above 0", i, n.BytesPerSecond)
		}
		if !(n.ConnectionBytesPerSecond > 0) {
			return fmt.Errorf("connections of node%d have %v bytes/s: give a speed above 0 or +Inf", i, n.ConnectionBytesPerSecond)
		}
	}
	return nil
}

func isSpeed(v float64) bool { return v > 0 && !math.IsInf(v, 1) }

func speedText(v float64) string {
	if math.IsInf(v, 1) {
		return "unlimited"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// ReadReady reads what pulls.cpp prints: for each pull, in the order of
// Fleet.Pulls, a line with the seconds at which it is ready.
func ReadReady(r io.Reader) ([]float64, error) {
	var ready []float64
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		seconds, err := strconv.ParseFloat(strings.TrimSpace(lines.Text()), 64)
		if err != nil || !(seconds >= 0) || math.IsInf(seconds, 1) {
			return nil, fmt.Errorf("ready times, line %d: %.40q is not a number of seconds", len(ready)+1, lines.Text())
		}
		ready = append(ready, seconds)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("ready times, after line %d: %w", len(ready), err)
	}
	return ready, nil
}

// ReadReadyFile is ReadReady of a file compressed by gzip.
func ReadReadyFile(path string) ([]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ready, err := ReadReady(plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ready, nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cachebench/cachebench/layers"
)

// scan has every layer read from the registry, and compares what that tells with
// the table that was written when the layers were packed.
func (c *comparison) scan(ctx context.Context, l layout, host string, names []string) error {
	in, err := os.Open(filepath.Join(string(l), "layers.csv"))
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := readLayers(in)
	if err != nil {
		return err
	}
	var references []string
	for _, name := range names {
		references = append(references, host+"/"+name)
	}
	ours, err := c.cachebench.analyze(ctx, comparedPlatforms, references, "--deep")
	if err != nil {
		return err
	}
	for _, u := range ours.inventory.Unscanned {
		fmt.Fprintf(c.out, "%s was not read: %s\n", u.Digest, u.Reason)
	}
	scanned := map[string]facts{}
	for i := range ours.inventory.Layers {
		layer := &ours.inventory.Layers[i]
		scanned[string(layer.Digest)] = scanFacts(layer)
	}
	for _, row := range rows {
		c.compare(row.digest.String(), "layers.csv", row.facts(), scanned[row.digest.String()])
	}
	c.compare("all images", "layers.csv", facts{"distinct layers": fmt.Sprint(len(rows))}, facts{"distinct layers": fmt.Sprint(len(scanned))})
	fmt.Fprintf(c.out, "%d layers in layers.csv, %d read\n", len(rows), len(scanned))
	return c.trailers(ctx, rows, references)
}

// trailers compares the unpacked sizes that gzip trailers state with those that
// were counted, and their number with the one that reports tell.
func (c *comparison) trailers(ctx context.Context, rows []layerRow, references []string) error {
	ours, err := c.cachebench.analyze(ctx, comparedPlatforms, references)
	if err != nil {
		return err
	}
	counted := map[string]int64{}
	for _, row := range rows {
		counted[row.digest.String()] = row.unpackedBytes
	}
	n := 0
	for i := range ours.inventory.Layers {
		layer := &ours.inventory.Layers[i]
		if layer.UnpackedMethod != layers.GzipTrailer {
			continue
		}
		n++
		c.compare(string(layer.Digest), "layers.csv", facts{"trailer": fmt.Sprint(counted[string(layer.Digest)])}, facts{"trailer": fmt.Sprint(*layer.UnpackedBytes)})
	}
	told, _ := layers.SizeOrigin{Method: layers.GzipTrailer}.MeasuredError()
	c.compare("gzip trailers", "what reports tell", facts{"layers": fmt.Sprint(told.Layers)}, facts{"layers": fmt.Sprint(n)})
	fmt.Fprintf(c.out, "%d layers have a gzip trailer that states their size\n", n)
	return nil
}

// facts are those of a line of layers.csv.
func (r layerRow) facts() facts {
	return facts{
		"diffID": r.diffID.String(), "compressed": fmt.Sprint(r.compressedBytes),
		"unpacked": fmt.Sprint(r.unpackedBytes), "entries": fmt.Sprint(r.entries),
	}
}

// scanFacts are those of a layer that was read.
func scanFacts(l *layers.Layer) facts {
	f := facts{"diffID": string(l.DiffID), "compressed": fmt.Sprint(l.CompressedBytes)}
	if l.Scan != nil && l.UnpackedSource == layers.Measured {
		f["unpacked"], f["entries"] = fmt.Sprint(*l.UnpackedBytes), fmt.Sprint(*l.Files)
	}
	return f
}

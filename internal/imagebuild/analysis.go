package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// cachebench is the program under test.
type cachebench struct{ program }

// analysis is what cachebench says of some references: the Inventory that it
// saves, and its report in JSON.
type analysis struct {
	inventory *layers.Inventory
	report    *layers.Sharing
}

// analyze runs cachebench analyze.
func (c *cachebench) analyze(ctx context.Context, platforms, references []string, flags ...string) (*analysis, error) {
	saved, reported := filepath.Join(c.home, "inventory.json"), filepath.Join(c.home, "report.json")
	args := []string{"analyze", "--quiet", "--no-store", "--min-coverage", "0", "--save", saved, "--output", "json", "--output-file", reported}
	for _, p := range platforms {
		args = append(args, "--platform", p)
	}
	if _, err := c.run(ctx, slices.Concat(args, flags, references)...); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(saved)
	if err != nil {
		return nil, err
	}
	inventory, err := layers.Read(saved, raw)
	if err != nil {
		return nil, err
	}
	if raw, err = os.ReadFile(reported); err != nil {
		return nil, err
	}
	var report struct{ Sharing *layers.Sharing }
	if err := json.Unmarshal(raw, &report); err != nil || report.Sharing == nil {
		return nil, fmt.Errorf("read %s: %w", reported, err)
	}
	return &analysis{inventory, report.Sharing}, nil
}

// image returns what the analysis says of a reference on a platform. The
// Inventory and the report must not differ.
func (a *analysis) image(reference, platform string) (facts, error) {
	inventory, report := a.fromInventory(reference, platform), a.fromReport(reference, platform)
	if inventory == nil && report == nil {
		// Refused, and it must be said why.
		if !slices.ContainsFunc(a.inventory.Unresolved, func(u layers.Unresolved) bool {
			return u.Reference == reference && strings.Contains(u.Reason, "for "+platform)
		}) {
			return nil, fmt.Errorf("%s: cachebench does not say that it has no image for %s", reference, platform)
		}
		return none, nil
	}
	if all := report.without("chains", "compressed bytes").differences("the report", inventory, "the inventory"); len(all) > 0 {
		return nil, fmt.Errorf("%s on %s: %s", reference, platform, strings.Join(all, "; "))
	}
	for name, fact := range report {
		inventory[name] = fact
	}
	return inventory, nil
}

// fromInventory are the facts of the saved file; nil without such an image.
func (a *analysis) fromInventory(reference, platform string) facts {
	at := a.inventory.Find(reference, platform, time.Time{})
	if at < 0 {
		return nil
	}
	img := &a.inventory.Images[at]
	f := facts{
		"has the platform": "yes", "platform": img.Platform, "manifest": string(img.Digest), "media type": img.MediaType,
		"config": string(img.ConfigDigest), "created": timeFact(&img.CreatedAt), "layers": fmt.Sprint(len(img.Layers)),
	}
	if img.IndexDigest != "" {
		f["index"] = string(img.IndexDigest)
	}
	for i, l := range img.Layers {
		f.addLayer(i, &a.inventory.Layers[l])
	}
	return f
}

// fromReport are the facts of the report; nil without such an image.
func (a *analysis) fromReport(reference, platform string) facts {
	for _, set := range a.report.Sets {
		for _, img := range set.Images {
			if img.Platform != platform || img.Reference != reference && !slices.Contains(img.AlsoNamed, reference) {
				continue
			}
			f := facts{
				"platform": img.Platform, "manifest": string(img.Digest), "layers": fmt.Sprint(len(img.Layers)),
				"compressed bytes": fmt.Sprint(img.Total.ByDigest.CompressedBytes),
			}
			if img.IndexDigest != "" {
				f["index"] = string(img.IndexDigest)
			}
			chains := make([]string, len(img.Layers))
			for i, placed := range img.Layers {
				f.addLayer(i, &set.Layers[placed.Layer].Layer)
				chains[i] = string(placed.ChainID)
			}
			f["chains"] = strings.Join(chains, " ")
			return f
		}
	}
	return nil
}

// addLayer adds what an Inventory's layer says as the i-th of an image.
func (f facts) addLayer(i int, l *layers.Layer) {
	f[nth("layer", i)] = layerFact(string(l.Digest), l.MediaType, l.CompressedBytes)
	f[nth("diffID", i)], f[nth("step", i)] = string(l.DiffID), l.CreatedBy
	if l.UnpackedSource == layers.Measured {
		f[nth("tar", i)] = fmt.Sprintf("%d bytes", *l.UnpackedBytes)
	}
}

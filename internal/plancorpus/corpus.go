package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// image is a line of a corpus.
type image struct {
	Ref      string        `json:"ref"`
	Platform string        `json:"platform"`
	Digest   layers.Digest `json:"digest"`
	Config   layers.Digest `json:"config"`
	Layers   []struct {
		Digest    layers.Digest `json:"digest"`
		Size      int64         `json:"size"`
		MediaType string        `json:"mediaType"`
	} `json:"layers"`
}

// readImages reads those of a platform.
func readImages(path, platform string) ([]image, error) {
	var images []image
	err := unpacked(path, func(r io.Reader) error {
		lines := json.NewDecoder(bufio.NewReader(r))
		for {
			var i image
			if err := lines.Decode(&i); err == io.EOF {
				return nil
			} else if err != nil {
				return fmt.Errorf("image %d: %w", len(images)+1, err)
			}
			if i.Platform == platform {
				images = append(images, i)
			}
		}
	})
	return images, err
}

// readDemand reads how many projects name each reference; Docker Hub's library is left out
// of names.
func readDemand(path string) (map[string]float64, error) {
	demand := make(map[string]float64)
	err := unpacked(path, func(r io.Reader) error {
		rows := csv.NewReader(r)
		head, err := rows.Read()
		if err != nil {
			return err
		}
		ref, projects := slices.Index(head, "ref"), slices.Index(head, "projects")
		if ref < 0 || projects < 0 {
			return fmt.Errorf("columns %q: ref and projects are needed", head)
		}
		for {
			row, err := rows.Read()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			n, err := strconv.ParseFloat(row[projects], 64)
			if err != nil {
				return fmt.Errorf("%s: projects: %w", row[ref], err)
			}
			demand[strings.TrimPrefix(row[ref], "library/")] += n
		}
	})
	return demand, err
}

func unpacked(path string, read func(r io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	if err := read(z); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// weigh gives images their starts a day: as many as projects name the image. A name that is
// no image of the corpus counts in equal parts for those that begin with it and a dash, as
// sdk:8.0 does for sdk:8.0-jammy and others. Images that none names get rest starts a day.
func weigh(images []image, demand map[string]float64, rest float64) []float64 {
	starts := make([]float64, len(images))
	for _, name := range slices.Sorted(maps.Keys(demand)) {
		var of []int
		for n, i := range images {
			if i.Ref == name {
				of = []int{n}
				break
			}
			if strings.HasPrefix(i.Ref, name+"-") && strings.Contains(name, ":") {
				of = append(of, n)
			}
		}
		for _, n := range of {
			starts[n] += demand[name] / float64(len(of))
		}
	}
	for n := range starts {
		if starts[n] == 0 {
			starts[n] = rest
		}
	}
	return starts
}

// What the corpora do not tell. The unpacked size of a layer is the median of what others
// measured, 2.6 times the compressed one (Zhao et al., CLUSTER 2019); what a corpus has no
// digest of has that of its name. Apps run for a minute, five and fifteen in turn, and have
// none, one and three releases a month.
const unpackedRatio = 2.6

var (
	runtimes = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
	releases = []float64{0, 1, 3}
)

func digestOf(text string) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
}

// inventory is what the images are made of.
func inventory(images []image, platform string) *layers.Inventory {
	inv := &layers.Inventory{ResolvedAt: time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC)}
	place := make(map[layers.Digest]int)
	for _, i := range images {
		made := layers.Image{
			Reference: i.Ref, Digest: cmp.Or(i.Digest, i.Config, digestOf(i.Ref)), Platform: platform,
			MediaType: "application/vnd.docker.distribution.manifest.v2+json", ConfigDigest: cmp.Or(i.Config, digestOf("config of "+i.Ref)),
		}
		for _, l := range i.Layers {
			at, known := place[l.Digest]
			if !known {
				at = len(inv.Layers)
				place[l.Digest] = at
				bytes := int64(unpackedRatio * float64(l.Size))
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: l.Digest, DiffID: digestOf("contents of " + string(l.Digest)), CompressedBytes: l.Size,
					MediaType:     cmp.Or(l.MediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
					UnpackedBytes: &bytes, UnpackedSource: "estimated", UnpackedMethod: "ratio",
				})
			}
			made.Layers = append(made.Layers, at)
		}
		inv.Images = append(inv.Images, made)
	}
	return inv
}

// apps are one for each image that is started, on a pool or, where that is empty, on
// instances of their own.
func apps(images []image, starts []float64, pool string) []workload.App {
	var all []workload.App
	for n, i := range images {
		if starts[n] == 0 {
			continue
		}
		k := len(all)
		all = append(all, workload.App{
			Name: fmt.Sprintf("app-%d", k), Images: []string{i.Ref}, StartsPerDay: starts[n], Runtime: runtimes[k%len(runtimes)],
			CPU: 2, MemoryGiB: 4, ReleasesPerMonth: releases[k/len(runtimes)%len(releases)], PullPolicy: "IfNotPresent", NodePool: pool,
		})
	}
	return all
}

// corpora are the files of a directory that hold images.
func corpora(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl.gz"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no *.jsonl.gz of images there", dir)
	}
	return files, err
}

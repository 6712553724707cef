package ecigroup

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/measure"
)

// FileKind is the kind of an experiment's file.
const FileKind = "ECIExperiment"

// File is an experiment on ECI as it is kept beside what it measures. It has nothing of
// the machine or the person that runs it: no credentials, no journal, no consent to cost.
type File struct {
	// Region is where groups and caches are made. It counts where neither flag nor
	// environment gives one; another than they give is refused.
	Region string `json:"region,omitempty"`
	// Apps are what is started: one group each.
	Apps []FileApp `json:"apps" document:"required"`
	// Arms are what starts are started from: cold, automatic, explicit, reuse, flash;
	// cold and explicit when not given.
	Arms []string `json:"arms,omitempty"`
	// Repeats is how many starts of each app in each arm are to count; 5 when not given.
	Repeats int `json:"repeats,omitempty"`
	// Warmup is the most starts before all that do not count. Absent: until each app was
	// started once.
	Warmup *int `json:"warmup,omitempty"`
	// Retries is how often a void start is made again; 2 when absent.
	Retries *int `json:"retries,omitempty"`
	// Seed decides the order of the starts; 1 when not given.
	Seed uint64 `json:"seed,omitempty"`
	// Concurrency is how many starts there are at once; 1 when not given.
	Concurrency int `json:"concurrency,omitempty"`
	// Group is how groups are made, Cache how the caches that arms start from are.
	Group FileGroup `json:"group,omitempty"`
	Cache FileCache `json:"cache,omitempty"`
	// Args are what the first container of each app is told.
	Args []string `json:"args,omitempty"`
	// PullPolicy is that of the containers; absent is the service's.
	PullPolicy string `json:"pullPolicy,omitempty" document:"enum=Always|IfNotPresent|Never"`
	// Readiness is what a group is ready by: its condition ready, or that all containers
	// are started; ready when not given.
	Readiness string `json:"readiness,omitempty" document:"enum=ready|started"`
	// Timeout is how long a start may take, 10 minutes when not given; CacheTimeout how
	// long the making of a cache may, an hour when not given.
	Timeout      time.Duration `json:"timeoutSeconds,omitempty"`
	CacheTimeout time.Duration `json:"cacheTimeoutSeconds,omitempty"`
	// MaxCost is the most that is spent; absent is the most that is shown before.
	MaxCost *FileCost `json:"maxCost,omitempty"`
	// MaxDuration is from when on nothing is begun, 4 hours when not given.
	MaxDuration time.Duration `json:"maxDurationSeconds,omitempty"`
	// Network, registries and tags are as of caches (kind CacheSet); groups and caches
	// have them alike.
	export.CacheParameters
}

// FileApp is what one group starts.
type FileApp struct {
	// Name labels its starts; absent is the first image.
	Name string `json:"name,omitempty"`
	// Images are the containers', one each.
	Images []string `json:"images" document:"required"`
}

// FileGroup is how groups are made.
type FileGroup struct {
	// VCPU and MemoryGiB are the size of a group; 2 and 4 when not given.
	VCPU      float64 `json:"vcpu,omitempty" document:"unit=none"`
	MemoryGiB float64 `json:"memoryGiB,omitempty"`
	// ExtraStorageGiB is temporary storage beyond the free 30 GiB (eci §2.6).
	ExtraStorageGiB int `json:"extraStorageGiB,omitempty"`
	// Accelerate is how images are loaded (eci §1.13).
	Accelerate string `json:"accelerate,omitempty" document:"enum=nydus|dadi|p2p|imc"`
}

// FileCache is how caches are made, or the one that is there.
type FileCache struct {
	// ID is a cache that exists, imc-…, for arm explicit in place of one that is made.
	ID string `json:"id,omitempty"`
	// SizeGiB is the disk of the caches that are made; 20 when not given.
	SizeGiB int `json:"sizeGiB,omitempty"`
}

// FileCost is an amount of money. Prices are as of the price book that is used.
type FileCost struct {
	// Amount is in the currency, which the price book must have, too.
	Amount   float64 `json:"amount" document:"required,unit=none"`
	Currency string  `json:"currency" document:"required"`
}

// ReadFile reads an experiment from the bytes of the file called name.
func ReadFile(name string, data []byte) (*File, error) {
	var f File
	if err := document.Read(name, data, FileKind, &f); err != nil {
		return nil, err
	}
	return &f, nil
}

// regionForm is as package eci has it.
var regionForm = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)?$`)

// Validate reports what cannot be measured.
func (f *File) Validate() error {
	switch {
	case !regionForm.MatchString(f.Region):
		return document.At("region", "%q is not the ID of a region, such as cn-hangzhou", f.Region)
	case f.Warmup != nil && *f.Warmup < 0:
		return document.At("warmup", "%d starts cannot be: give 0 or more, or leave it out to start each app once", *f.Warmup)
	case f.Retries != nil && *f.Retries < 0:
		return document.At("retries", "%d cannot be: give 0 or more", *f.Retries)
	case f.MaxCost != nil && !(f.MaxCost.Amount > 0 && !math.IsInf(f.MaxCost.Amount, 1)):
		return document.At("maxCost.amount", "it must be above 0")
	case f.MaxDuration < 0:
		return document.At("maxDurationSeconds", "a time below 0 cannot be")
	case f.OSType != "" && f.OSType != "Linux":
		return document.At("osType", "groups are started on Linux alone")
	case f.FlashCopyCount != 0:
		return document.At("flashCopyCount", "arm flash makes caches with the one local snapshot that is the service's default")
	}
	for i, app := range f.Apps {
		if len(app.Images) == 0 {
			return document.At(fmt.Sprintf("apps[%d].images", i), "it starts no image: name one for each container")
		}
	}
	if err := f.CacheParameters.Check(); err != nil {
		return err
	}
	return f.Experiment().Validate()
}

// Experiment is what the file says, but for the network, registries and tags, which flags
// may state too.
func (f *File) Experiment() *Experiment {
	e := &Experiment{
		Arms: f.Arms, Repeats: f.Repeats, Warmup: f.Warmup, Seed: f.Seed, Concurrency: f.Concurrency,
		Args: f.Args, PullPolicy: f.PullPolicy, Readiness: f.Readiness, Timeout: f.Timeout, CacheTimeout: f.CacheTimeout, CacheID: f.Cache.ID,
		Group: eci.ContainerGroupSpec{
			VCPU: f.Group.VCPU, MemoryGiB: f.Group.MemoryGiB, EphemeralStorageGiB: f.Group.ExtraStorageGiB, AccelerateMode: f.Group.Accelerate,
		},
		Cache: eci.ImageCacheSpec{SizeGiB: f.Cache.SizeGiB},
	}
	if len(e.Arms) == 0 {
		e.Arms = DefaultArms()
	}
	if e.Repeats == 0 {
		e.Repeats = measure.DefaultRepeats
	}
	for _, app := range f.Apps {
		e.Apps = append(e.Apps, App{Name: app.Name, Images: slices.Clone(app.Images)})
	}
	return e
}

// DefaultArms are those of an experiment that names none.
func DefaultArms() []string { return []string{ArmCold, ArmExplicit} }

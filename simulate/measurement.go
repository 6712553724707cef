package simulate

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// The arms of a timeline that was read from a cluster's events (tool kubelet).
const (
	// ArmPull has a startup for each pull of an image, from when the pull itself
	// began, and one for each time that the image was present.
	ArmPull = "pull"
	// ArmStart has a startup for each pod, from its creation; its pulls are in
	// ArmPull too.
	ArmStart = "start"
)

// ToolKubelet is the tool of a timeline from the events of a cluster's kubelets.
const ToolKubelet = "kubelet"

// Measurement says how measured startups came about: on what host, in which
// conditions, and what disturbed each run. A timeline of measured startups has one;
// with it calibration can simulate the same starts.
type Measurement struct {
	// Tool is what measured: pull, containerd, eci, or kubelet for events of a
	// cluster.
	Tool string `json:"tool" document:"required,enum=pull|containerd|eci|kubelet"`
	// Facts describe the host: cores, kernel, versions, file system, decompressor.
	Facts []Fact `json:"facts,omitempty"`
	// Inventory holds the images as they were measured.
	Inventory *layers.Inventory `json:"inventory,omitempty"`
	// Arms are the conditions of each arm.
	Arms []ArmSetup `json:"arms,omitempty"`
	// Runs are in the order in which they were made. The startups of a run were
	// requested together; they have its arm and repeat.
	Runs []MeasuredRun `json:"runs,omitempty"`
	// PullCounts count pulls of which no more is known than the class of the image's size
	// and a range of times, as kubelets count them; the smallest images first.
	PullCounts []PullCount `json:"pullCounts,omitempty"`
	// Doubts are what the tool itself has to say against its runs, such as what it
	// could not make of layers; a timeline that is gone on with keeps them.
	Doubts []string `json:"doubts,omitempty"`
}

// PullCount counts the pulls of images of one class of sizes.
type PullCount struct {
	// Size is what the class is called, as 100MB-500MB.
	Size string `json:"size" document:"required"`
	// AboveBytes and UpToBytes bound the sizes, as the runtime tells them; UpToBytes is
	// absent where nothing bounds it, both where the sizes are unknown.
	AboveBytes int64 `json:"aboveBytes,omitempty"`
	UpToBytes  int64 `json:"upToBytes,omitempty"`
	// Buckets are in order of time.
	Buckets []PullBucket `json:"buckets" document:"required"`
}

// PullBucket counts pulls that took longer than Above, and at most UpTo.
type PullBucket struct {
	Above time.Duration `json:"aboveSeconds,omitempty"`
	// UpTo is absent where nothing bounds it.
	UpTo  time.Duration `json:"upToSeconds,omitempty"`
	Pulls int           `json:"pulls"`
}

// validate refuses buckets that cannot be.
func (m *Measurement) validate() error {
	for i := range m.PullCounts {
		c := &m.PullCounts[i]
		at := fmt.Sprintf("pullCounts[%d]", i)
		if c.AboveBytes < 0 || c.UpToBytes < 0 || c.UpToBytes > 0 && c.UpToBytes <= c.AboveBytes {
			return document.At(at, "sizes of class %s are above %d bytes and up to %d", c.Size, c.AboveBytes, c.UpToBytes)
		}
		end := time.Duration(0)
		for j, b := range c.Buckets {
			if b.Pulls < 0 || b.Above < end || b.UpTo < 0 || b.UpTo > 0 && b.UpTo <= b.Above || b.UpTo == 0 && j < len(c.Buckets)-1 {
				return document.At(fmt.Sprintf("%s.buckets[%d]", at, j), "a bucket of %d pulls from %v to %v after one to %v: buckets are in order of time, and apart", b.Pulls, b.Above, b.UpTo, end)
			}
			end = b.UpTo
		}
	}
	return nil
}

// Fact is one thing that is known of a host.
type Fact struct {
	Name  string `json:"name" document:"required"`
	Value string `json:"value"`
}

// ArmSetup is what an experiment set for all runs of an arm.
type ArmSetup struct {
	Arm string `json:"arm" document:"required"`
	// Kept are the images that were present, unpacked, on each node before.
	Kept []string `json:"kept,omitempty"`
	// Starts say of each start of a run what its startup does not: that it ended with
	// the pull, the digest of its own arguments, what it was ready by. Absent where there
	// is nothing to say.
	Starts []string `json:"starts,omitempty"`
	// Making: its startups are the makings of an image cache, no starts.
	Making bool `json:"making,omitempty"`
	// DropPageCache: the host's page cache was emptied before each run.
	DropPageCache bool `json:"dropPageCache,omitempty"`
	// Profile holds those values of a profile that the experiment set, such as the
	// rate of its link; the rest is what calibration finds out.
	Profile document.Raw `json:"profile,omitzero"`
}

// MeasuredRun is one run of an arm with its noise.
type MeasuredRun struct {
	Arm    string `json:"arm" document:"required"`
	Repeat int    `json:"repeat"`
	// At is when it began.
	At time.Time `json:"at,omitzero"`
	// OtherCPUFraction is the share of the host's cores that other processes used
	// meanwhile, StealFraction the share that its hypervisor gave to others; absent is
	// unknown.
	OtherCPUFraction *float64 `json:"otherCpuFraction,omitempty"`
	StealFraction    *float64 `json:"stealFraction,omitempty"`
	// Void says why the run does not count; its startups, where there are any, say
	// the same.
	Void string `json:"void,omitempty"`
}

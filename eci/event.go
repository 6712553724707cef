package eci

import (
	"time"
)

// Event is something that the platform or the kubelet says about a cache or a
// group (eci §3.2). Times have a resolution of one second; zero is not told.
type Event struct {
	// Type is Normal or Warning.
	Type    string `json:"type,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Name    string `json:"name,omitempty"`
	Message string `json:"message,omitempty"`
	// Count is how often it happened between FirstAt and LastAt; 0 is not told.
	Count   int       `json:"count,omitempty"`
	FirstAt time.Time `json:"firstAt,omitzero"`
	LastAt  time.Time `json:"lastAt,omitzero"`
	// Component is who says it (EciService, kubelet), Host where.
	Component string `json:"component,omitempty"`
	Host      string `json:"host,omitempty"`
	// ObjectKind and ObjectName are what it is about.
	ObjectKind string `json:"objectKind,omitempty"`
	ObjectName string `json:"objectName,omitempty"`
}

// The reasons of events that this package reads; there is no ImageCacheMatched
// (eci §3.2).
const (
	ReasonCacheHit         = "SuccessfulHitImageCache"
	ReasonCacheMissed      = "ImageCacheMissed"
	ReasonCacheAutoCreated = "ImageCacheAutoCreated"
	ReasonCacheNotFound    = "ImageCacheNotFound"
	ReasonCacheIncomplete  = "ImageCacheNotComplete"
	ReasonPulling          = "Pulling"
	ReasonPulled           = "Pulled"
	ReasonCreated          = "Created"
	ReasonStarted          = "Started"
)

// PulledImage is what a Pulled event says.
type PulledImage struct {
	// Image is the reference, as the event has it.
	Image string `json:"image"`
	// AlreadyPresent: nothing was pulled, for the image was on the machine.
	AlreadyPresent bool `json:"alreadyPresent,omitempty"`
	// Took is the pull's own time, WithWaiting that with the time in the queue; nil
	// where the event does not say.
	Took        *time.Duration `json:"tookSeconds,omitempty"`
	WithWaiting *time.Duration `json:"withWaitingSeconds,omitempty"`
	// SizeBytes is the image's size that newer kubelets add (inferred: eci §3.2), nil
	// else. Whether compressed or unpacked is not documented.
	SizeBytes *int64 `json:"sizeBytes,omitempty"`
	// At is when the pull was done, by the event.
	At time.Time `json:"at,omitzero"`
}

// Evidence is what a group's events say about its images (eci §1.10, §3.2).
type Evidence struct {
	// Hit: an event says that ECI started the group from a cache. Which of the images
	// that held is another question.
	Hit bool `json:"hit,omitempty"`
	// HitCacheID is that cache; empty also where the event does not name it.
	HitCacheID string `json:"hitCacheId,omitempty"`
	// Missed: an event says that no cache was found.
	Missed bool `json:"missed,omitempty"`
	// AutoCreated: an event says that the group caused an automatic cache;
	// AutoCreatedID is that cache, empty also where the event does not name it.
	AutoCreated   bool   `json:"autoCreated,omitempty"`
	AutoCreatedID string `json:"autoCreatedId,omitempty"`
	// CacheNotFound and CacheIncomplete are faults of an explicit cache.
	CacheNotFound   bool `json:"cacheNotFound,omitempty"`
	CacheIncomplete bool `json:"cacheIncomplete,omitempty"`
	// Pulled are the images, in order of time.
	Pulled []PulledImage `json:"pulled,omitempty"`
	// Troubles are events of capacity and money, which end a run (eci §3.2).
	Troubles []Event `json:"troubles,omitempty"`
}

package plan

import (
	"time"

	"github.com/cachebench/cachebench/layers"
)

// Package simulate has the same two types for startups. They are written twice, for
// neither package knows the other.

// Provenance says what a plan was made from.
type Provenance struct {
	// Version of cachebench.
	Version string `json:"version"`
	// Model is the version of the model that its startups were simulated with.
	Model int    `json:"model,omitempty"`
	Seed  uint64 `json:"seed"`
	// ProfileDigest is that of the profile's values, ProfileBasis says how well founded
	// they are.
	ProfileDigest layers.Digest `json:"profileDigest,omitempty"`
	ProfileBasis  string        `json:"profileBasis,omitempty"`
	// WorkloadDigest tells apart what a month of the workload starts, whatever of it is
	// simulated.
	WorkloadDigest layers.Digest `json:"workloadDigest,omitempty"`
	// PriceDate and Currency are the price book's.
	PriceDate string `json:"priceDate,omitempty"`
	Currency  string `json:"currency,omitempty"`
	// Now is the time as of which caches and tags were looked at.
	Now    time.Time `json:"now,omitzero"`
	Inputs []Input   `json:"inputs,omitempty"`
	// Unread are layers of the images that could not be read, or that their layout or
	// archive does not hold.
	Unread []layers.Unscanned `json:"unread,omitempty"`
}

// Input is one file that went in, with the digest of its bytes.
type Input struct {
	Name   string        `json:"name" document:"required"`
	Digest layers.Digest `json:"digest"`
}

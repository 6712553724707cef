package measure

import "encoding/json"

// PullSettings are what runners that pull by containerd's rules say of an arm
// (Runner.Settings), in one way, so that their timelines are predicted alike whatever
// the base profile. The values' names are those of simulate.Profile.
type PullSettings struct {
	// ByClient: the limit of downloads is of each pull, as with containerd's client; else
	// all pulls of a node have one.
	ByClient bool
	// OwnRegistry: the images come from a Site, over plain HTTP without logins.
	OwnRegistry bool
	// Decoder inflates gzip (simulate.Decoders); empty is not known.
	Decoder string
	// Cores are those that unpack, of all nodes together; 0 is not known.
	Cores float64
}

// Of returns the settings for an arm as a document.
func (s PullSettings) Of(arm *Arm) string {
	scope := "daemon"
	if s.ByClient {
		scope = "image"
	}
	groups := map[string]map[string]any{
		// All starts of an arm pull at once: no kubelet lines them up.
		"pull": {
			"maxParallelPulls": 1000, "downloadScope": scope, "requestOrder": "race", "keepBlobs": true,
			"slotRequests": true, "reuseConnections": true,
		},
	}
	unpack := map[string]any{}
	if s.Cores > 0 {
		unpack["cores"] = s.Cores / float64(max(1, arm.Nodes())) // the nodes of a host share them
	}
	if s.Decoder != "" {
		unpack["decoder"] = s.Decoder
	}
	if len(unpack) > 0 {
		groups["unpack"] = unpack
	}
	if s.OwnRegistry {
		groups["network"] = map[string]any{"connectRoundTrips": 1, "tokenRequests": 0, "blobRequests": 1}
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return "" // maps of numbers and words always marshal
	}
	return string(text)
}

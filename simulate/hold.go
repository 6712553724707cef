package simulate

import (
	"time"

	"github.com/cachebench/cachebench/layers"
)

// A Cause is what holds a start up for a while.
type Cause string

// The causes, in the order in which a start may meet them.
const (
	// ByNodeLost: the start's node was lost; it is made anew after a while.
	ByNodeLost Cause = "node-lost"
	// ByAdmission: the service accepts no more starts for the moment.
	ByAdmission Cause = "admission"
	ByProvision Cause = "provision"
	// ByBoot: the node that the start is on has not booted.
	ByBoot   Cause = "boot"
	ByAttach Cause = "attach"
	// ByTurn: the node pulls no further image at once.
	ByTurn Cause = "turn"
	// ByRegistryRequests: the registry begins to answer no more requests a second.
	ByRegistryRequests Cause = "registry-requests"
	// ByRoundTrip: a request is on its way, or the registry works on its answer.
	ByRoundTrip Cause = "round-trip"
	// ByBackOff: the client waits before it asks again what was refused.
	ByBackOff Cause = "back-off"
	// BySync: the back-off is over, but the client has not looked at the start since.
	BySync Cause = "sync"
	// BySlot: pulls of other starts have the node's download slots.
	BySlot Cause = "slot"
	// ByOrder: the client fetches layers first that are unpacked later, while the
	// layer that is to be unpacked next waits for a download slot.
	ByOrder Cause = "order"
	// ByLink: transfers share a link's rate.
	ByLink Cause = "link"
	// ByNodeLink: the transfers of this node share its own interface.
	ByNodeLink Cause = "node-interface"
	// ByConnection: a transfer has the rate of one connection.
	ByConnection Cause = "connection"
	// ByOtherPull: another start's pull on the node is fetching or unpacking the
	// layer that this one waits for.
	ByOtherPull Cause = "other-pull"
	// ByUnpackSlot: unpacks of other starts are as many as the node lets run.
	ByUnpackSlot Cause = "unpack-slot"
	// ByLayer: the fixed time for each layer.
	ByLayer Cause = "layer"
	// ByCore: one core decompresses one layer.
	ByCore Cause = "core"
	// ByCores: unpacks, or transfers beside them, want more cores than there are.
	ByCores Cause = "cores"
	// ByDisk: unpacked bytes are written to the disk.
	ByDisk Cause = "disk"
	// ByFiles: the time for each file.
	ByFiles  Cause = "files"
	ByCreate Cause = "create"
	// ByFirstRead: a disk made from a snapshot is read the first time.
	ByFirstRead Cause = "first-read"
	// ByCopy: disks made from one copy of a snapshot share its rate.
	ByCopy Cause = "snapshot-copy"
	// ByProgram: the program's own time to ready.
	ByProgram Cause = "program"
)

// Hold is a stretch of a start's time to ready with what it waited for.
type Hold struct {
	// Start and End are from the request.
	Start time.Duration `json:"startSeconds"`
	End   time.Duration `json:"endSeconds"`
	By    Cause         `json:"by" document:"required"`
	// Link is registry, uplink or a link of the profile, where By or Meanwhile is link.
	Link string `json:"link,omitempty"`
	// Image and Layer are what was waited for; empty for nothing in particular.
	Image string        `json:"image,omitempty"`
	Layer layers.Digest `json:"layer,omitempty"`
	// Behind is the layer that was fetched meanwhile, where By is order; Meanwhile is
	// what that was held by, and Link the link if it was one.
	Behind    layers.Digest `json:"behind,omitempty"`
	Meanwhile Cause         `json:"meanwhile,omitempty"`
	// After is what failed, where By is back-off or sync.
	After Failure `json:"after,omitempty"`
	// Through is what the start itself waited for meanwhile, where By held up a pull of
	// another start on its node: turn, slot, other-pull or unpack-slot.
	Through Cause `json:"through,omitempty"`
}

// A Failure is why a client asks again.
type Failure string

// The failures.
const (
	// Refused: 429 Too Many Requests.
	Refused Failure = "refused"
	// Failed: an error of the registry (5xx), or a connection that broke.
	Failed Failure = "failed"
	// Down: the registry is down (a Fault).
	Down Failure = "registry-down"
)

// alike says that two holds tell the same.
func (h *Hold) alike(x *Hold) bool {
	return h.By == x.By && h.Link == x.Link && h.Image == x.Image && h.Layer == x.Layer && h.Behind == x.Behind && h.Meanwhile == x.Meanwhile && h.After == x.After && h.Through == x.Through
}

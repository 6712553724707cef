// Package containerd pulls images and starts containers on a containerd host, for
// real, and times what happens inside: a measure.Runner.
//
// It runs daemons of its own, one for each node, with their own root, state and
// socket, so that nothing on the host is touched; or it uses one that runs already,
// in a namespace of its own there. Pulls go the way of the kubelet's: by the daemon's
// transfer service since containerd 2.1, before by its client.
//
// All times are of one clock, the host's. What it takes them from:
//   - a layer is requested when the daemon's log says so; without its log, when the
//     lab's registry was asked, else just before the first byte of its ingest was seen;
//   - a blob is there, a snapshot is prepared or committed by the daemon's events
//     (/content/create, /snapshot/prepare, /snapshot/commit);
//   - unpacking begins once the blob is there and the layer below is committed, and
//     ends with the snapshot's commit. Where layers of an image are unpacked at once
//     the daemon's log tells when each was; without it only when all of them were.
//
// A layer that several starts of a run lack belongs to the start that asked for it:
// the one whose repository the request names, among those the first in the order of
// the arm. An unpacked layer belongs to the start that fetched it, else to the first
// that has it.
//
// A pull that fails makes its start void and is not tried again, so that retries and
// wasted bytes of startups are none. What the daemon asks again within a pull, after
// an error or a lost connection, is in the layer's fetch.
//
// Create spans come in the order of what they are: snapshot and container, task,
// start. What follows, until the container is ready, is the Ready span.
package containerd

import (
	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
)

// Options say what a Runner runs on. The zero value with an Inventory and a
// Registry, or a Lab, is a private daemon on this host.
type Options struct {
	// Inventory holds the images that arms name, for Platform.
	Inventory *layers.Inventory
	// Platform is os/arch[/variant]; empty is linux on this host's architecture.
	Platform string

	// Binary is the daemon's program; empty is containerd on PATH. Its shim is looked
	// for beside it, then on PATH.
	Binary string
	// Root is a directory below which each runner makes one of its own; empty is
	// the system's for temporary files.
	Root string
	// Address is the socket of a daemon that runs already; its limits are as they
	// are, and there is one node.
	Address string
	// Namespace is containerd's; empty is cachebench. On a running daemon it must not
	// exist, or be one that a Runner made.
	Namespace string
	// Snapshotter is overlayfs where empty.
	Snapshotter string
	// ConfigVersion is that of the daemon's configuration, 2 or 3; 0 goes by the
	// program's version.
	ConfigVersion int
	// Method is how images are pulled: transfer or client; empty is as the kubelet
	// does with a daemon of that version.
	Method string
	// Decoder forces what inflates gzip: igzip, pigz or go; empty leaves it to what is
	// on PATH. A private daemon's alone.
	Decoder string

	// Nodes is how many nodes there are, 0 means 1. With a Lab it is the lab's.
	Nodes int
	// Lab is the network; nil is this host's.
	Lab *lab.Lab
	// Registry is host:port of a registry that has all images, over plain HTTP,
	// whatever their references say; for where there is no Lab. Without either, images
	// come from where they are.
	Registry string
	// Access says how those are reached. HostDir, where given, is a directory of
	// registry hosts (containerd's certs.d) that says it in place of all in Access but
	// the logins.
	Access  Access
	HostDir string
}

// How images are pulled.
const (
	MethodTransfer = "transfer"
	MethodClient   = "client"
)

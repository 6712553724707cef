// Package distribution reads manifests and blobs from registries.
//
// It is the pull half of the OCI distribution specification v1.1: a manifest by
// tag or digest, a blob whole, as a stream or in part, the tags of a repository.
// It adds what registries do beyond the specification: tokens (the Docker
// registry's token and OAuth2 documents), redirects to storage, rate limits and
// their headroom, mirrors. It parses none of the documents, keeps nothing on disk
// and never writes to a registry.
//
// A Client is one pool of connections. A host is asked for at most
// Options.RequestsAtOnce things at a time; a small document frees its slot as
// soon as its last byte is read, so that a caller with more goroutines than slots
// parses while others wait for the network. A host that answers "too many
// requests" is left alone, by all goroutines, for as long as it says.
//
// Credentials and tokens go to the host that they are for and to no other,
// whatever the redirect, and stand in no error.
//
// Use New, then Manifest and Document for an image's two documents, Blob or Range
// for its layers, Tags for its history. Errors are of type *Error; ErrNotFound,
// ErrUnauthorized, ErrRateLimited and ErrNoRanges tell apart what callers act on.
// The end of a context is returned as it is.
package distribution

package distribution

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Documents larger than this are refused: registries accept manifests up to 4 MiB
// (distribution specification, "Pushing Manifests"), and no config of a runnable
// image comes near 16 MiB.
const (
	MaxManifestBytes = 4 << 20
	MaxConfigBytes   = 16 << 20
)

// Document is a manifest or an index as the registry sent it.
type Document struct {
	// Body is the whole document, not parsed.
	Body []byte
	// ContentType is the answer's, without parameters; often but not always the
	// document's mediaType.
	ContentType string
	// Digest is computed from Body: by the algorithm of the digest that was asked
	// for, else sha256.
	Digest string
}

// Manifest fetches what a tag or a digest names. A digest that was asked for, or
// that the registry states, holds, or it is an error. The body is written into
// buf's room where it fits; buf may be nil.
func (c *Client) Manifest(ctx context.Context, repo Repository, reference string, buf []byte) (Document, error) {
	r, err := manifestRequest(repo, reference)
	if err != nil {
		return Document{}, err
	}
	var doc Document
	err = c.ask(ctx, r, func(resp *response) error {
		var err error
		doc, err = resp.manifest(reference, buf)
		return err
	})
	if err != nil {
		return Document{}, err
	}
	return doc, nil
}

func manifestRequest(repo Repository, reference string) (request, error) {
	if !isDigest(reference) && !validTag(reference) {
		return request{}, &Error{Op: "fetch manifest " + repo.String(), Problem: fmt.Sprintf("%q is neither a tag nor a digest", reference)}
	}
	return request{verb: "fetch manifest", repo: repo, reference: reference, kind: manifests, tail: "manifests/" + reference}, nil
}

func (r *response) manifest(reference string, buf []byte) (Document, error) {
	defer r.close()
	body, err := r.read(buf, MaxManifestBytes)
	if err != nil {
		return Document{}, err
	}
	r.close()
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	doc := Document{Body: body, ContentType: strings.TrimSpace(contentType), Digest: digestOf(body, reference)}
	want := reference
	if !isDigest(reference) {
		want = doc.Digest
		// A signed manifest of schema 1 has the digest of what was signed.
		if stated := r.Header.Get("Docker-Content-Digest"); isDigest(stated) && doc.ContentType != schema1 {
			want = stated
			doc.Digest = digestOf(body, stated)
		}
	}
	if doc.Digest != want {
		return Document{}, r.wrongDigest(want, doc.Digest)
	}
	if start := bytes.TrimLeft(body, " \t\r\n"); len(start) == 0 || start[0] != '{' || doc.ContentType == "text/html" {
		return Document{}, r.nonsense("a manifest")
	}
	return doc, nil
}

// nonsense is for an answer that is not even of the kind that was asked for.
func (r *response) nonsense(want string) *Error {
	return &Error{
		Host: r.host.host, Status: r.StatusCode,
		Problem: fmt.Sprintf("%s answers with %s, not with %s", r.request.speaker(r.host), typeName(r.Header.Get("Content-Type")), want),
		Advice:  proxyAdvice,
	}
}

func (r *response) wrongDigest(want, got string) *Error {
	e := &Error{
		Host: r.host.host, Status: r.StatusCode, repeat: once,
		Problem: fmt.Sprintf("the content of %s has digest %s: it was changed or cut off on the way", want, got),
		Advice:  "try again, and if it stays so, push the image again",
	}
	if typeName(r.Header.Get("Content-Type")) == "text/html" {
		e.Advice = r.nonsense("this content").Problem
	}
	return e
}

// Head asks what a tag or a digest names without fetching it. digest and
// contentType are empty, and sizeBytes is -1, where the registry does not say.
func (c *Client) Head(ctx context.Context, repo Repository, reference string) (digest, contentType string, sizeBytes int64, err error) {
	r, err := manifestRequest(repo, reference)
	if err != nil {
		return "", "", -1, err
	}
	r.verb, r.method, sizeBytes = "look up", http.MethodHead, -1
	err = c.ask(ctx, r, func(resp *response) error {
		defer resp.close()
		if stated := resp.Header.Get("Docker-Content-Digest"); isDigest(stated) {
			digest = stated
		}
		contentType, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
		contentType = strings.TrimSpace(contentType)
		if contentType == "text/html" {
			return resp.nonsense("a manifest")
		}
		sizeBytes = resp.ContentLength
		return nil
	})
	if err != nil {
		return "", "", -1, err
	}
	return digest, contentType, sizeBytes, nil
}

// Document fetches a small blob, such as a config, whole. Its digest holds, and
// its size unless sizeBytes is negative. The body is written into buf's room
// where it fits; buf may be nil.
func (c *Client) Document(ctx context.Context, repo Repository, digest string, sizeBytes int64, buf []byte) ([]byte, error) {
	r, err := blobRequest("fetch config", repo, digest)
	if err != nil {
		return nil, err
	}
	limit := int64(MaxConfigBytes)
	if sizeBytes > limit {
		return nil, &Error{Op: r.op(), Problem: fmt.Sprintf("it has %d bytes, more than %d", sizeBytes, limit)}
	}
	var body []byte
	err = c.ask(ctx, r, func(resp *response) error {
		defer resp.close()
		var err error
		if body, err = resp.read(buf, limit); err != nil {
			return err
		}
		resp.close()
		if got := digestOf(body, digest); got != digest {
			return resp.wrongDigest(digest, got)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if sizeBytes >= 0 && sizeBytes != int64(len(body)) {
		return nil, &Error{
			Op: r.op(), Problem: fmt.Sprintf("it has %d bytes, its descriptor says %d", len(body), sizeBytes),
			Advice: "the image's manifest is wrong: push the image again",
		}
	}
	return body, nil
}

func blobRequest(verb string, repo Repository, digest string) (request, error) {
	if !isDigest(digest) {
		return request{}, &Error{Op: verb + " " + repo.String(), Problem: fmt.Sprintf("%q is not a sha256 or sha512 digest", digest)}
	}
	return request{verb: verb, repo: repo, reference: digest, kind: blobs, tail: "blobs/" + digest}, nil
}

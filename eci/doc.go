// Package eci is a typed client of Alibaba Cloud's Elastic Container Instance:
// image caches, container groups with their events and states, prices, quotas.
//
// A [Client] makes calls and returns values. Every call takes a context; when it
// ends the call returns at once and its request is cancelled. What the service
// throttles, fails at (5xx) or leaves unanswered is asked again, with back-off,
// within [Retry]'s limits and always with the same client token, by which the
// service knows the call and makes no second resource. How long it remembers a
// token is not documented (eci §2.8). Answers that stay errors are an [*Error]:
// errors.Is tells the kind ([ErrQuota], [ErrNotFound], ...), its text what was
// tried, the request's ID and what to do. Secrets, signatures and the URLs that
// carry them are in no error, no log and no printed request.
//
// The package does not decide anything: it neither waits for states nor deletes
// what it made, and it measures nothing. It does not ask the location service
// where the endpoint is, and never reads a region from the CLI's profile. It
// does not know prices but those that the service answers.
//
// Alibaba's Go SDK finds the credentials (its chain) and builds and signs each request
// (CommonRequest, auth.Sign); its types are in no signature here. It does not send them,
// for what this package promises cannot be had of its ProcessCommonRequest:
//
//   - No call takes a context, so that none could be cancelled (eci §0 point 6).
//   - It retries at once, without back-off, and what is throttled (HTTP 400) not at all
//     (eci §0 point 6).
//   - A client that goroutines share is a data race (eci §0 point 7).
//   - Errors of the transport quote the whole URL, with access key ID and signature
//     (eci §2.1); ours carries registry passwords too.
//   - The read timeout of one request stays the client's for later ones, and a proxy of
//     the environment takes requests to loopback too (eci §2.9).
//
// So the signed URL and headers go out by net/http (call.go, attempt.go). The SDK's typed
// calls are not used either: they lack half of the API and encode or decode other parts
// wrongly (eci §0 points 1 to 4).
//
// Names and limits of parameters, codes of errors, forms of replies are those of
// facts/eci.md sections 2 and 3, cited as eci §N. No call of this package was
// ever made against the real service when those facts were written.
//
// Steps of use: [New] with a [Config] (region and credentials from it, or from
// the environment), then a method per action:
//
//	client, err := eci.New(eci.Config{RegionID: "cn-hangzhou"})
//	made, err := client.CreateImageCache(ctx, eci.ImageCacheSpec{Name: "web", Images: refs, ...})
//	cache, err := client.ImageCache(ctx, made.ID)
//
// Lists that come in pages have an iterator ([Client.ImageCaches],
// [Client.ContainerGroups]), which also splits requests for more identifiers
// than the service takes at once.
package eci

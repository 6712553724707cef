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
// Alibaba's Go SDK gives credentials and signatures, through its CommonRequest;
// its types are in no signature here. Its typed calls lack half of the API and
// encode or decode other parts wrongly, and its transport knows no context,
// prints signed URLs and is not safe for concurrent use (eci §0, §2.9), so the
// signed request is sent by net/http.
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

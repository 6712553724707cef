package eci

import (
	"context"
	"iter"
)

// CreateImageCache begins to make a cache. It is done when the cache's status is
// Ready (see ImageCache). Errors: ErrInvalid before sending, ErrQuota, ErrNoStock,
// ErrNoAddress, ErrArrears, ErrNoPermission and others.
func (c *Client) CreateImageCache(ctx context.Context, spec ImageCacheSpec) (CreatedImageCache, error) {
	k := &call{action: "CreateImageCache", input: spec.Name, secrets: passwords(spec.RegistryCredentials)}
	if err := spec.check(c.maxImages); err != nil {
		return CreatedImageCache{}, err.of(k)
	}
	if err := c.tokenFor(k, spec.ClientToken); err != nil {
		return CreatedImageCache{}, err
	}
	k.parameters = spec.query(c.regionID, k.token)
	var reply struct {
		wireReply
		ImageCacheID, ContainerGroupID wireText
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return CreatedImageCache{}, err
	}
	if reply.ImageCacheID == "" {
		return CreatedImageCache{}, k.lacking("ImageCacheId", reply.RequestID)
	}
	return CreatedImageCache{
		ID: string(reply.ImageCacheID), HelperGroupID: string(reply.ContainerGroupID),
		ClientToken: k.token, RequestID: string(reply.RequestID),
	}, nil
}

func (s *ImageCacheSpec) query(region, token string) query {
	q := query{"RegionId": region, "ClientToken": token}
	q.text("ZoneId", s.ZoneID)
	q.text("SecurityGroupId", s.SecurityGroupID)
	q.joined("VSwitchId", s.VSwitchIDs)
	q.text("ImageCacheName", s.Name)
	q.list("Image", s.Images)
	q.number("ImageCacheSize", s.SizeGiB)
	q.number("RetentionDays", s.RetentionDays)
	q.flag("AutoMatchImageCache", s.ReuseLayers)
	q.flag("Flash", s.Flash)
	q.number("FlashCopyCount", s.FlashCopies)
	q.number("StandardCopyCount", s.StandardCopies)
	q.text("EliminationStrategy", s.Elimination)
	q.registryCredentials(s.RegistryCredentials)
	q.acr(s.ACR)
	q.text("EipInstanceId", s.EIPInstanceID)
	q.text("ResourceGroupId", s.ResourceGroupID)
	q.tags(s.Tags)
	q.joined("PlainHttpRegistry", s.PlainHTTPHosts)
	q.joined("InsecureRegistry", s.InsecureHosts)
	q.text("OsType", s.OSType)
	q.text("Annotations", s.Annotations)
	return q
}

// UpdateImageCache changes a cache that is Ready or UpdateFailed. Errors:
// ErrIncorrectStatus in other states, ErrNothingToUpdate, ErrNotFound and those of
// CreateImageCache.
func (c *Client) UpdateImageCache(ctx context.Context, update ImageCacheUpdate) error {
	k := &call{action: "UpdateImageCache", input: update.ID, subject: aCache, secrets: passwords(update.RegistryCredentials)}
	if err := update.check(c.maxImages); err != nil {
		return err.of(k)
	}
	if err := c.tokenFor(k, update.ClientToken); err != nil {
		return err
	}
	k.parameters = update.query(c.regionID, k.token)
	return c.do(ctx, k, &wireReply{})
}

func (u *ImageCacheUpdate) query(region, token string) query {
	q := query{"RegionId": region, "ClientToken": token, "ImageCacheId": u.ID}
	q.text("SecurityGroupId", u.SecurityGroupID)
	q.joined("VSwitchId", u.VSwitchIDs)
	q.text("ImageCacheName", u.Name)
	q.list("Image", u.Images)
	q.number("ImageCacheSize", u.SizeGiB)
	q.number("RetentionDays", u.RetentionDays)
	q.choice("AutoMatchImageCache", u.ReuseLayers)
	q.choice("Flash", u.Flash)
	q.number("FlashCopyCount", u.FlashCopies)
	q.number("StandardCopyCount", u.StandardCopies)
	if u.Elimination != nil {
		q["EliminationStrategy"] = *u.Elimination
	}
	q.registryCredentials(u.RegistryCredentials)
	q.acr(u.ACR)
	q.text("EipInstanceId", u.EIPInstanceID)
	q.text("ResourceGroupId", u.ResourceGroupID)
	q.tags(u.Tags)
	return q
}

// DeleteImageCache removes a cache and its snapshots; groups that were started
// from it go on (eci §1.1). An empty token makes the client choose one. What the
// service answers for an ID that it does not have is not documented (eci §2.4);
// this client knows ErrNotFound by a code that names a cache. A cache that is gone
// after an unanswered attempt was deleted by it: no error.
func (c *Client) DeleteImageCache(ctx context.Context, id, clientToken string) error {
	k := &call{action: "DeleteImageCache", input: id, subject: aCache}
	if id == "" {
		return required("id").of(k)
	}
	if err := c.tokenFor(k, clientToken); err != nil {
		return err
	}
	k.parameters = query{"RegionId": c.regionID, "ImageCacheId": id, "ClientToken": k.token}
	return gone(c.do(ctx, k, &wireReply{}))
}

// DescribeImageCaches gives one page of caches. With MatchImages it is ECI's own
// answer to which caches fit best. Where a row cannot be read the page has the others,
// beside an ErrReply that says which it is.
func (c *Client) DescribeImageCaches(ctx context.Context, want ImageCacheQuery) (ImageCachePage, error) {
	k := &call{action: "DescribeImageCaches", input: named(want.ID, want.Name), read: true}
	if err := want.check(); err != nil {
		return ImageCachePage{}, err.of(k)
	}
	if want.ID != "" {
		k.subject = aCache
	}
	k.parameters = want.query(c.regionID)
	var reply struct {
		wireReply
		NextToken   wireText
		TotalCount  wireNumber
		ImageCaches wireRows[wireImageCache]
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return ImageCachePage{}, err
	}
	if !reply.ImageCaches.told {
		return ImageCachePage{}, k.lacking("ImageCaches", reply.RequestID)
	}
	return ImageCachePage{
		ImageCaches: each(reply.ImageCaches.list, wireImageCache.cache), NextToken: string(reply.NextToken),
		TotalCount: reply.TotalCount.integer(), RequestID: string(reply.RequestID),
	}, k.unreadRows("ImageCaches", reply.ImageCaches.unread, reply.ImageCaches.rows, reply.RequestID)
}

func (w *ImageCacheQuery) query(region string) query {
	q := query{"RegionId": region}
	q.text("ImageCacheId", w.ID)
	q.text("ImageCacheName", w.Name)
	q.text("SnapshotId", w.SnapshotID)
	q.text("Image", w.Image)
	q.text("ResourceGroupId", w.ResourceGroupID)
	q.tags(w.Tags)
	q.list("MatchImage", w.MatchImages)
	q.flag("ImageFullMatch", w.FullMatch)
	q.number("ImageMatchCountRequest", w.MatchCount)
	q.number("Limit", w.Limit)
	q.text("NextToken", w.NextToken)
	return q
}

// ImageCaches gives the caches one by one, page after page, in the service's
// order. After an error there are no more. Of a row that cannot be read it tells last, by
// ErrReply: it hides no other cache from who has to find all.
func (c *Client) ImageCaches(ctx context.Context, want ImageCacheQuery) iter.Seq2[ImageCache, error] {
	k := call{action: "DescribeImageCaches", input: named(want.ID, want.Name)}
	return paged(k, want.NextToken, func(token string) ([]ImageCache, string, error) {
		part := want
		part.NextToken = token
		page, err := c.DescribeImageCaches(ctx, part)
		return page.ImageCaches, page.NextToken, err
	})
}

// AllImageCaches is ImageCaches in one list; beside an ErrReply of rows that cannot be read it
// has the others.
func (c *Client) AllImageCaches(ctx context.Context, want ImageCacheQuery) ([]ImageCache, error) {
	return all(c.ImageCaches(ctx, want))
}

// ImageCache is the cache with an ID, or ErrNotFound.
func (c *Client) ImageCache(ctx context.Context, id string) (ImageCache, error) {
	k := &call{action: "DescribeImageCaches", input: id}
	if id == "" {
		return ImageCache{}, required("id").of(k)
	}
	for cache, err := range c.ImageCaches(ctx, ImageCacheQuery{ID: id}) {
		if err != nil || cache.ID == id {
			return cache, err
		}
	}
	return ImageCache{}, &Error{Action: k.action, Input: id, Kind: ErrNotFound, Problem: "no such cache in " + c.regionID}
}

type wireImageCache struct {
	ImageCacheID, ImageCacheName                  wireText
	ImageCacheSize                                wireNumber
	Images                                        wireList[wireText]
	Status, Progress                              wireText
	SnapshotID, FlashSnapshotID                   wireText
	ContainerGroupID, RegionID, ResourceGroupID   wireText
	CreationTime, ExpireDateTime, LastMatchedTime wireTime
	EliminationStrategy                           wireText
	Tags                                          wireList[wireTag]
	Events                                        wireList[wireEvent]
}

func (w wireImageCache) cache() ImageCache {
	return ImageCache{
		ID: string(w.ImageCacheID), Name: string(w.ImageCacheName), Images: texts(w.Images),
		SizeGiB: w.ImageCacheSize.int(), Status: ImageCacheStatus(w.Status), Progress: string(w.Progress),
		SnapshotID: string(w.SnapshotID), FlashSnapshotID: string(w.FlashSnapshotID),
		ContainerGroupID: string(w.ContainerGroupID), CreatedAt: w.CreationTime.Time, ExpiresAt: w.ExpireDateTime.Time,
		LastMatchedAt: w.LastMatchedTime.Time, RegionID: string(w.RegionID), ResourceGroupID: string(w.ResourceGroupID),
		Elimination: string(w.EliminationStrategy), Tags: each(w.Tags, wireTag.tag), Events: each(w.Events, wireEvent.event),
	}
}

package ecitest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// schedule works out all that will happen to a group: which cache it is made from
// (package matcher), how long its start takes (package simulate), and what its
// containers do then.
func (s *Server) schedule(c *call, g *group, asked *matcher.Group) {
	platform := s.platformOf(asked)
	s.pullAll(c, g, platform)
	for _, k := range g.containers {
		if k.init {
			asked.InitImages = append(asked.InitImages, k.image)
		} else {
			asked.Images = append(asked.Images, k.image)
		}
	}
	m := matcher.New(s.images.inv, platform, c.now, s.policy)
	match := m.Match(*asked, s.regional(c.region, c.now))
	cache := s.cacheOf(c.region, match.CacheID)
	g.tellMatch(c, cache, asked)
	if cache != nil {
		cache.matched = c.now
		g.cacheID = cache.id
		s.changed()
	}
	lacking := s.hold(g, cache)
	if match.CreatesAutomatic && lacking == nil {
		s.makeAutomatic(c, g, asked)
	}
	switch {
	case c.fault.is(FaultStuck):
		return
	case c.fault.is(FaultScheduleFailed):
		g.unscheduled = c.now.Add(time.Second)
		g.tell(g.unscheduled, "NoStock", true, fromService, "[eci.scheduler]the resource is out of stock")
		return
	}
	s.start(c, g, cache, lacking)
}

// platformOf is the platform that a group asks for.
func (s *Server) platformOf(asked *matcher.Group) string {
	if asked.Architecture == "" && asked.OSType == "" {
		return s.opt.Platform
	}
	own := strings.Split(s.opt.Platform, "/")
	return cmp.Or(asked.OSType, own[0]) + "/" + cmp.Or(asked.Architecture, own[1])
}

// pullAll finds what the images mean now.
func (s *Server) pullAll(c *call, g *group, platform string) {
	for _, k := range g.containers {
		at, err := s.images.pull(c.ctx, k.image, platform, c.now)
		if err != nil {
			at, k.message = -1, err.Error()
		}
		k.position = at
	}
}

// tellMatch gives the events of eci §3.2 on the match. Their prefix is the one
// that samples carry.
func (g *group) tellMatch(c *call, cache *cache, asked *matcher.Group) {
	g.tell(c.now, "UserInstanceTypeSpec", false, fromService, "[eci.scheduler]the user specified instance spec is "+decimal(g.cpu)+"-"+decimal(g.memory)+"Gi")
	switch {
	case cache != nil:
		g.tell(c.now, "SuccessfulHitImageCache", false, fromService, "[eci.imagecache]Successfully hit image cache "+cache.id+", eci will be scheduled with this image cache.")
	case !asked.NoMatching:
		g.tell(c.now, "ImageCacheMissed", true, fromService, "[eci.imagecache]Missed image cache.")
	}
}

// decimal writes 2 as 2.0, as samples have it.
func decimal(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func (g *group) tell(at time.Time, reason string, warning bool, from source, message string) {
	g.events = append(g.events, event{at, reason, message, warning, from})
}

// makeAutomatic begins an automatic cache of a group's images (eci §1.2, §1.10),
// unless one of the same is being built.
func (s *Server) makeAutomatic(c *call, g *group, asked *matcher.Group) {
	var images []string
	for _, k := range g.containers {
		images = append(images, k.image)
	}
	made := cache{
		id: s.newID("imc"), name: "auto-create-for-" + g.id, region: g.region, images: images, automatic: true,
		sizeGiB: matcher.AutomaticCacheGiB + g.extraGiB, platform: s.platformOf(asked), created: c.now, policy: &s.policy,
	}
	if s.underWay(&made, c.now) && !s.policy.RepeatAutomatic {
		return
	}
	r := buildRequest{region: c.region, images: images, sizeGiB: made.sizeGiB, platform: made.platform}
	made.build, made.held, made.events = s.newBuild(c.ctx, &r, c.now)
	if s.policy.AutomaticReady == "at-once" {
		made.build.creating, made.build.usable, made.build.done = c.now, c.now, c.now
	}
	s.keepCache(&made)
	s.log.creates("AutomaticImageCache")
	for {
		if _, automatic := s.counted(c.region); automatic <= s.policy.AutomaticQuota {
			break
		}
		s.removeCache(s.leastUsed(func(o *cache) bool { return o.region == c.region && o.automatic }))
	}
	g.tell(c.now, "ImageCacheAutoCreated", false, fromService, "[eci.imagecache]Image cache "+made.id+" is auto created.")
}

// underWay says whether an automatic cache of the same is being built.
func (s *Server) underWay(made *cache, now time.Time) bool {
	for _, c := range s.caches {
		status := c.status(now)
		if c.automatic && c.region == made.region && c.sizeGiB == made.sizeGiB && slices.Equal(c.images, made.images) &&
			(status == matcher.StatusPreparing || status == matcher.StatusCreating) {
			return true
		}
	}
	return false
}

// hold settles what each container starts from, given the cache: what it holds, where
// the registry is not asked (eci §6 #11). It returns the first that cannot have its
// image: one that the registry lacks, or that is absent and never pulled.
func (s *Server) hold(g *group, cache *cache) (lacking *container) {
	for _, k := range g.containers {
		k.asks = s.asksRegistry(k)
		held := -1
		if cache != nil {
			held = cache.holds(k.image)
		}
		if held >= 0 && !k.asks {
			k.position, k.message = held, ""
		}
		if held < 0 && k.pullPolicy == "Never" {
			k.waiting, k.message = "ErrImageNeverPull", "Container image \""+k.image+"\" is not present with pull policy of Never"
		}
		if lacking == nil && (k.position < 0 || k.waiting != "") {
			lacking = k
		}
	}
	return lacking
}

// start plays the start up to the container that cannot have its image, if any, and
// sets the containers' times.
func (s *Server) start(c *call, g *group, cache *cache, lacking *container) {
	var wanted, held []int
	var asks []bool
	var pulled []*container
	if cache != nil {
		held = cache.held
	}
	for _, k := range g.containers {
		if k == lacking {
			break
		}
		k.digest = s.images.digest(k.position)
		wanted, asks, pulled = append(wanted, k.position), append(asks, k.asks), append(pulled, k)
	}
	p := played{begun: s.opt.Profile.Start.Provision.Value}
	if len(wanted) > 0 {
		var err error
		if p, err = s.images.play(wanted, asks, held, cache != nil, s.draw()); err != nil {
			lacking, pulled = pulled[0], nil
			lacking.message = err.Error()
		}
	}
	g.scheduled = c.now.Add(p.begun)
	g.tellPulls(pulled, p)
	if lacking != nil {
		g.cannotPull(lacking, later(g.scheduled, c.now.Add(p.pulled)))
		return
	}
	g.run(p, c.fault)
}

// holds is what a cache holds under the name of a reference, or -1.
func (c *cache) holds(reference string) int {
	wanted, err := layers.ParseName(reference)
	for i, at := range c.held {
		if n, e := layers.ParseName(c.images[i]); c.images[i] == reference || err == nil && e == nil && n == wanted {
			return at
		}
	}
	return -1
}

// asksRegistry says whether a pull asks the registry though the image is present:
// Always, which is what no policy is for :latest or no tag (eci §1.10).
func (s *Server) asksRegistry(k *container) bool {
	switch {
	case k.pullPolicy != "":
		return k.pullPolicy == "Always"
	case s.policy.PullPolicy != "kubernetes":
		return s.policy.PullPolicy == "always"
	}
	n, err := layers.ParseName(k.image)
	return err == nil && n.Digest == "" && n.Tag == "latest"
}

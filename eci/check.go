package eci

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of eci §1.4, §1.5, §2.2, §2.6, §2.7 and §2.8.
const (
	minCacheGiB, maxCacheGiB = 20, 32768
	defaultMaxImages         = 20
	maxRetentionDays         = 65536
	maxTags                  = 20
	maxCredentials           = 10
	maxACR, maxDomains       = 20, 99
	maxVSwitches             = 10
	maxContainers            = 20
	maxArguments             = 10
	maxVCPU                  = 64
	maxEphemeralGiB          = 5000
	maxMatchImages           = 100
	maxEvents                = 200
)

// groupName is of eci §2.6.
var groupName = regexp.MustCompile(`^[a-z0-9-]{2,128}$`)

// checks collects the first parameter that is wrong.
type checks struct{ found *Error }

func (c *checks) that(good bool, field, format string, arguments ...any) {
	if !good && c.found == nil {
		c.found = invalid(field, format, arguments...)
	}
}

// between allows zero, too: not given.
func (c *checks) between(field string, value, least, most int) {
	c.that(value == 0 || value >= least && value <= most, field, "%d is not between %d and %d", value, least, most)
}

func (c *checks) notNegative(field string, value *int) {
	c.that(value == nil || *value >= 0, field, "it is negative")
}

func (c *checks) atMost(field string, count, most int) {
	c.that(count <= most, field, "%d of them: at most %d", count, most)
}

func (c *checks) oneOf(field, value string, allowed ...string) {
	c.that(value == "" || slices.Contains(allowed, value), field, "%q is none of %s", value, strings.Join(allowed, ", "))
}

// each refuses texts that are empty, or that would not stay one text.
func (c *checks) each(field string, values []string, separator string) {
	for i, value := range values {
		at := field + "[" + strconv.Itoa(i) + "]"
		c.that(strings.TrimSpace(value) == value && value != "", at, "it is empty or has space around it")
		c.that(separator == "" || !strings.Contains(value, separator), at, "%q contains %q, which separates the list", value, separator)
	}
}

// hosts refuses schemes and paths.
func (c *checks) hosts(field string, values []string) {
	c.each(field, values, ",")
	for i, value := range values {
		c.that(!strings.Contains(value, "/"), field+"["+strconv.Itoa(i)+"]", "a host without scheme and path is wanted")
	}
}

func (c *checks) whole(field string, value, unit, least, most time.Duration) {
	c.that(value == 0 || value%unit == 0, field, "%v is not a whole number of %v", value, unit)
	c.that(value == 0 || value >= least && value <= most, field, "%v is not between %v and %v", value, least, most)
}

func (c *checks) decimal(field string, value, most float64) {
	c.that(value >= 0 && value <= most, field, "%v is not between 0 and %v", value, most)
}

func (c *checks) tags(tags []Tag) {
	c.atMost("tags", len(tags), maxTags)
	for i, tag := range tags {
		c.that(tag.Key != "", "tags["+strconv.Itoa(i)+"].key", "it is required")
	}
}

func (c *checks) pulls(credentials []RegistryCredential, acr []ACRRegistry) {
	c.atMost("registryCredentials", len(credentials), maxCredentials)
	for i, credential := range credentials {
		at := "registryCredentials[" + strconv.Itoa(i) + "]."
		c.that(credential.Server != "", at+"server", "it is required")
		c.that(!strings.Contains(credential.Server, "://"), at+"server", "a host without a scheme is wanted")
		c.that(credential.UserName != "", at+"userName", "it is required")
		c.that(credential.Password != "", at+"password", "it is required")
	}
	c.atMost("acr", len(acr), maxACR)
	for i, registry := range acr {
		at := "acr[" + strconv.Itoa(i) + "]."
		c.that(registry.InstanceID != "", at+"instanceId", "it is required")
		c.atMost(at+"domains", len(registry.Domains), maxDomains)
		c.each(at+"domains", registry.Domains, "")
	}
}

// Check refuses what CreateImageCache would refuse before it sends anything, by
// ErrInvalid with the field. MaxImages is as in Config.
func (s ImageCacheSpec) Check(maxImages int) error {
	if maxImages <= 0 {
		maxImages = defaultMaxImages
	}
	return plain(s.check(maxImages))
}

// Check is as ImageCacheSpec's, for UpdateImageCache.
func (u ImageCacheUpdate) Check(maxImages int) error {
	if maxImages <= 0 {
		maxImages = defaultMaxImages
	}
	return plain(u.check(maxImages))
}

// Check is as ImageCacheSpec's, for CreateContainerGroup.
func (s ContainerGroupSpec) Check() error { return plain(s.check()) }

// plain keeps a nil *Error from being an error.
func plain(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}

func (s *ImageCacheSpec) check(maxImages int) *Error {
	var c checks
	c.that(s.Name != "", "name", "it is required")
	c.that(len(s.Images) > 0, "images", "at least one is required")
	c.cache(s.Images, maxImages, s.SizeGiB, s.RetentionDays, s.FlashCopies, s.StandardCopies, s.Elimination)
	c.pulls(s.RegistryCredentials, s.ACR)
	c.tags(s.Tags)
	c.hosts("plainHTTPHosts", s.PlainHTTPHosts)
	c.hosts("insecureHosts", s.InsecureHosts)
	c.vSwitches(s.VSwitchIDs)
	c.oneOf("osType", s.OSType, "Linux", "Windows")
	return c.found
}

func (c *checks) cache(images []string, maxImages, sizeGiB, retentionDays, flashCopies, standardCopies int, elimination string) {
	c.atMost("images", len(images), maxImages)
	c.each("images", images, "")
	c.between("sizeGiB", sizeGiB, minCacheGiB, maxCacheGiB)
	c.between("retentionDays", retentionDays, 1, maxRetentionDays)
	c.between("flashCopies", flashCopies, 1, math.MaxInt32)
	c.between("standardCopies", standardCopies, 1, math.MaxInt32)
	c.oneOf("elimination", elimination, EliminationLRU)
}

func (c *checks) vSwitches(ids []string) {
	c.atMost("vSwitchIds", len(ids), maxVSwitches)
	c.each("vSwitchIds", ids, ",")
}

func (u *ImageCacheUpdate) check(maxImages int) *Error {
	var c checks
	c.that(u.ID != "", "id", "it is required")
	elimination := ""
	if u.Elimination != nil {
		elimination = *u.Elimination
	}
	c.cache(u.Images, maxImages, u.SizeGiB, u.RetentionDays, u.FlashCopies, u.StandardCopies, elimination)
	c.pulls(u.RegistryCredentials, u.ACR)
	for i, registry := range u.ACR {
		c.that(registry.ARNService == "" && registry.ARNUser == "", "acr["+strconv.Itoa(i)+"]", "an update takes no arnService and no arnUser")
	}
	c.tags(u.Tags)
	c.vSwitches(u.VSwitchIDs)
	return c.found
}

func (w *ImageCacheQuery) check() *Error {
	var c checks
	c.atMost("matchImages", len(w.MatchImages), maxMatchImages)
	c.each("matchImages", w.MatchImages, "")
	c.that(len(w.MatchImages) > 0 || !w.FullMatch, "fullMatch", "it is only for matchImages")
	c.that(len(w.MatchImages) > 0 || w.MatchCount == 0, "matchCount", "it is only for matchImages")
	c.between("matchCount", w.MatchCount, 1, math.MaxInt32)
	c.between("limit", w.Limit, 1, math.MaxInt32)
	c.tags(w.Tags)
	return c.found
}

func (s *ContainerGroupSpec) check() *Error {
	var c checks
	c.that(groupName.MatchString(s.Name), "name", "%q is not 2 to 128 lower-case letters, digits and hyphens", s.Name)
	c.that(len(s.Containers) > 0, "containers", "at least one is required")
	names := map[string]bool{}
	c.containers("containers", s.Containers, names)
	c.containers("initContainers", s.InitContainers, names)
	c.decimal("vCPU", s.VCPU, maxVCPU)
	c.decimal("memoryGiB", s.MemoryGiB, math.MaxFloat32)
	c.each("instanceTypes", s.InstanceTypes, ",")
	c.oneOf("accelerateMode", s.AccelerateMode, AccelerateNydus, AccelerateDADI, AccelerateP2P, AccelerateImageCache)
	c.between("ephemeralStorageGiB", s.EphemeralStorageGiB, 1, maxEphemeralGiB)
	c.pulls(s.RegistryCredentials, s.ACR)
	c.hosts("plainHTTPHosts", s.PlainHTTPHosts)
	c.hosts("insecureHosts", s.InsecureHosts)
	c.vSwitches(s.VSwitchIDs)
	c.oneOf("scheduleStrategy", s.ScheduleStrategy, VSwitchOrdered, VSwitchRandom)
	c.between("eipBandwidthMbit", s.EIPBandwidthMbit, 1, math.MaxInt32)
	c.that(s.EIPInstanceID == "" || !s.AutoCreateEIP, "autoCreateEIP", "eipInstanceId is given, too: one of them")
	c.oneOf("restartPolicy", s.RestartPolicy, RestartAlways, RestartOnFailure, RestartNever)
	c.whole("activeDeadlineSeconds", s.ActiveDeadline, time.Second, time.Second, math.MaxInt64)
	c.whole("terminationGraceSeconds", s.TerminationGrace, time.Second, time.Second, math.MaxInt64)
	c.whole("maxPendingSeconds", s.MaxPending, time.Minute, time.Minute, math.MaxInt64)
	c.decimal("spotPriceLimit", s.SpotPriceLimit, math.MaxFloat32)
	c.notNegative("spotDurationHours", s.SpotDurationHours)
	c.between("fixedIPRetainHours", s.FixedIPRetainHours, 1, math.MaxInt32)
	c.between("dataCacheProvisionedIOPS", s.DataCacheProvisionedIOPS, 1, math.MaxInt32)
	c.oneOf("osType", s.OSType, "Linux", "Windows")
	c.tags(s.Tags)
	return c.found
}

func (c *checks) containers(field string, containers []Container, names map[string]bool) {
	c.atMost(field, len(containers), maxContainers)
	for i, container := range containers {
		at := field + "[" + strconv.Itoa(i) + "]."
		c.that(container.Name != "", at+"name", "it is required")
		c.that(!names[container.Name], at+"name", "%q is the name of another container", container.Name)
		names[container.Name] = true
		c.that(container.Image != "", at+"image", "it is required")
		c.oneOf(at+"pullPolicy", container.PullPolicy, PullAlways, PullIfNotPresent, PullNever)
		c.decimal(at+"vCPU", container.VCPU, maxVCPU)
		c.decimal(at+"memoryGiB", container.MemoryGiB, math.MaxFloat32)
		c.atMost(at+"args", len(container.Args), maxArguments)
		c.that(!slices.Contains(container.Args, ""), at+"args", "an empty one cannot be sent")
		c.that(!slices.Contains(container.Command, ""), at+"command", "an empty one cannot be sent")
		for j, variable := range container.Environment {
			c.that(variable.Name != "", at+"environment["+strconv.Itoa(j)+"].name", "it is required")
		}
		for j, port := range container.Ports {
			c.that(port.Port >= 1 && port.Port <= 65535, at+"ports["+strconv.Itoa(j)+"].port", "%d is not between 1 and 65535", port.Port)
		}
	}
}

func (w *ContainerGroupQuery) check() *Error {
	var c checks
	c.that(len(w.IDs) <= maxGroupsAtOnce, "ids", "%d of them: at most %d in one page", len(w.IDs), maxGroupsAtOnce)
	c.each("ids", w.IDs, "")
	c.between("limit", w.Limit, 1, maxGroupsAtOnce)
	c.tags(w.Tags)
	return c.found
}

func (w *GroupEventQuery) check() *Error {
	var c checks
	c.each("ids", w.IDs, "")
	c.oneOf("source", w.Source, EventsOfPlatform, EventsOfKubelet)
	c.whole("sinceSeconds", w.Since, time.Second, time.Minute, time.Hour)
	c.between("limit", w.Limit, 1, maxEvents)
	c.tags(w.Tags)
	return c.found
}

func (w *PriceQuery) check() *Error {
	var c checks
	c.that(w.InstanceType != "" || w.VCPU > 0 && w.MemoryGiB > 0, "vCPU", "vCPU and memoryGiB, or an instanceType, are required")
	c.decimal("vCPU", w.VCPU, maxVCPU)
	c.decimal("memoryGiB", w.MemoryGiB, math.MaxFloat32)
	c.between("ephemeralStorageGiB", w.EphemeralStorageGiB, 1, maxEphemeralGiB)
	c.decimal("spotPriceLimit", w.SpotPriceLimit, math.MaxFloat32)
	c.notNegative("spotDurationHours", w.SpotDurationHours)
	return c.found
}

package ecitest

import (
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// Limits of eci §2.6.
const (
	maxContainers = 20
	maxArguments  = 100 // of Command, for which there is no figure
	maxArg        = 10
	maxListedVars = 100
)

var groupName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,126}[a-z0-9])$`)

// createContainerGroup is CreateContainerGroup (eci §2.6).
func (s *Server) createContainerGroup(c *call) (any, *refusal) {
	g, asked, refused := s.readGroup(c)
	if refused != nil {
		return nil, refused
	}
	g.id, g.seen = s.newID("eci"), c.fault.seen(c.now)
	asked.Name = g.id
	s.sequence++
	g.sequence, g.address = s.sequence, s.sequence
	s.schedule(c, g, &asked)
	s.keepGroup(g)
	s.log.creates(c.action)
	c.effect = g.id
	return object{"ContainerGroupId": g.id}, nil
}

// readGroup reads and checks a group, and what it asks the matcher for.
func (s *Server) readGroup(c *call) (*group, matcher.Group, *refusal) {
	p := c.given
	g := &group{
		region: c.region, name: p.required("ContainerGroupName"), zone: p.text("ZoneId"), created: c.now,
		securityGroup: p.text("SecurityGroupId"), resourceGroup: p.text("ResourceGroupId"), instanceType: p.text("InstanceType"),
		restart: p.choice("RestartPolicy", "Always", "OnFailure", "Never"), tags: tagsOf(p),
		spot: p.choice("SpotStrategy", "NoSpot", "SpotAsPriceGo", "SpotWithPriceLimit"),
	}
	g.vSwitch, _, _ = strings.Cut(p.text("VSwitchId"), ",")
	if g.restart == "" {
		g.restart = "Always"
	}
	if g.zone == "" {
		g.zone = s.zonesOf(c.region)[0]
	}
	if g.name != "" && !groupName.MatchString(g.name) {
		p.refuse(invalid("ContainerGroupName", "it has 2 to 128 lower-case letters, digits and hyphens, none of these at an end"))
	}
	g.cpu, g.memory = shapeOf(p)
	g.extraGiB = p.integer("EphemeralStorage", 0, matcher.MaxExtraStorageGiB, 0)
	s.readContainers(p, g)
	if seconds := p.integer("ActiveDeadlineSeconds", 1, math.MaxInt32, 0); seconds > 0 {
		g.ended, g.failed = c.now.Add(time.Duration(seconds)*time.Second), "DeadlineExceeded"
	}
	asked := matcher.Group{
		Region: c.region, ExtraStorageGiB: float64(g.extraGiB), CacheID: p.text("ImageSnapshotId"), NoMatching: !p.flag("AutoMatchImageCache"),
		Architecture: strings.ToLower(p.choice("CpuArchitecture", "AMD64", "ARM64", "amd64", "arm64")),
		OSType:       strings.ToLower(p.choice("OsType", "Linux", "Windows")),
	}
	takeAccess(p, "ArnService", "ArnUser")
	checkUnused(p)
	if refused := s.checked(c); refused != nil {
		return nil, asked, refused
	}
	if refused := s.checkExplicit(c, &asked); refused != nil {
		return nil, asked, refused
	}
	if s.usedVCPU(c.region, c.now)+g.cpu > s.opt.MaxVCPU {
		return nil, asked, overQuota("Vcpu")
	}
	return g, asked, nil
}

// checkExplicit refuses a cache that is asked for and cannot be used (eci §2.6).
func (s *Server) checkExplicit(c *call, asked *matcher.Group) *refusal {
	id := asked.CacheID
	if id == "" {
		return nil
	}
	found := s.cacheOf(c.region, id)
	if found == nil {
		return refuse(http.StatusNotFound, codeSnapshotMissing, "The specified image snapshot %s does not exist.", id)
	}
	status := found.status(c.now)
	if status != matcher.StatusReady && !(status == matcher.StatusUpdating && s.policy.States == "ready-or-updating") {
		return refuse(http.StatusBadRequest, codeSnapshotStatus, "The specified image snapshot %s is %s, not Ready.", id, status)
	}
	if s.policy.Platform == "equal" && found.platform != s.platformOf(asked) {
		return refuse(http.StatusBadRequest, codeSnapshotOther, "The specified image snapshot %s is for %s, not %s.", id, found.platform, s.platformOf(asked))
	}
	return nil
}

func (s *Server) readContainers(p *parameters, g *group) {
	prefixes := p.objects("Container", maxContainers)
	if len(prefixes) == 0 {
		p.refuse(missing("Container.1.Name"))
	}
	for _, prefix := range p.objects("InitContainer", maxContainers) {
		g.containers = append(g.containers, s.readContainer(p, prefix, true))
	}
	for _, prefix := range prefixes {
		g.containers = append(g.containers, s.readContainer(p, prefix, false))
	}
	var names []string
	for _, c := range g.containers {
		if slices.Contains(names, c.name) {
			p.refuse(refuse(http.StatusBadRequest, codeDuplicatedName, "The container name %s is duplicated.", c.name))
		}
		names = append(names, c.name)
	}
}

func (s *Server) readContainer(p *parameters, prefix string, init bool) *container {
	at := func(field string) string { return prefix + "." + field }
	c := &container{
		name: p.required(at("Name")), image: p.required(at("Image")), init: init, position: -1,
		pullPolicy: p.choice(at("ImagePullPolicy"), "Always", "IfNotPresent", "Never"),
		cpu:        p.number(at("Cpu"), 0), memory: p.number(at("Memory"), 0),
		command: p.list(at("Command"), maxArguments), args: p.list(at("Arg"), maxArg), environment: []object{}, ports: []object{},
	}
	if _, err := layers.ParseName(c.image); c.image != "" && err != nil {
		p.refuse(invalid(at("Image"), "%v", err))
	}
	for _, v := range p.objects(at("EnvironmentVar"), maxListedVars) {
		c.environment = append(c.environment, object{"Key": p.text(v + ".Key"), "Value": p.text(v + ".Value")})
		p.accept(v + ".FieldRef*")
	}
	for _, v := range p.objects(at("Port"), maxListedVars) {
		c.ports = append(c.ports, object{"Port": p.integer(v+".Port", 1, 65535, 0), "Protocol": p.choice(v+".Protocol", "TCP", "UDP")})
	}
	checkUnusedOf(p, at)
	c.runtime = s.runtimeOf(c)
	return c
}

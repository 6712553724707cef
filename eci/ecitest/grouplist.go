package ecitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Pages of groups (eci §2.7).
const (
	groupPage  = 20
	maxIDs     = 20
	eventPage  = 50
	maxEvented = 200
)

// annotationMatched is what the service writes back after a match (eci §3.3).
const annotationMatched = "k8s.aliyun.com/eci-matched-image-cache"

// deleteContainerGroup is DeleteContainerGroup (eci §2.7). One that is not forced
// is Terminating for a while.
func (s *Server) deleteContainerGroup(c *call) (any, *refusal) {
	id, force := c.given.required("ContainerGroupId"), c.given.flag("Force")
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	g := s.groupIDs[id]
	if g == nil || g.region != c.region || c.now.Before(g.seen) {
		return nil, refuse(http.StatusNotFound, codeNoGroup, "The specified container group %s does not exist.", id)
	}
	if g.deleted.IsZero() {
		g.tell(c.now, "Killing", false, fromKubelet, "Stopping container group "+g.name)
		g.deleted, g.gone = c.now, c.now
		if !force && !g.over(c.now) && g.helps == nil {
			g.gone = c.now.Add(s.opt.Termination)
		}
		g.breakCache(c.now)
	} else if force {
		g.gone = c.now
	}
	s.changed()
	s.settle(c.now)
	c.effect = id
	return object{}, nil
}

// breakCache fails the cache that a helper was making (eci §1.1).
func (g *group) breakCache(now time.Time) {
	if b := g.making; b != nil && !b.over(now) {
		b.failure, b.usable, b.stuck = "The helper instance "+g.id+" was deleted.", now, false
		g.helps.events = append(g.helps.events, event{now, "Failed", b.failure, true, fromKubelet})
	}
}

// selected are the groups that a call asks for, newest first.
func (s *Server) selected(c *call) (list []*group, pg page) {
	p := c.given
	var ids []string
	if text := p.text("ContainerGroupIds"); text != "" {
		if err := json.Unmarshal([]byte(text), &ids); err != nil || len(ids) > maxIDs {
			p.refuse(invalid("ContainerGroupIds", "it is no JSON array of at most %d IDs", maxIDs))
		}
	}
	name, status, zone, vSwitch := p.text("ContainerGroupName"), p.text("Status"), p.text("ZoneId"), p.text("VSwitchId")
	security, resource, tags := p.text("SecurityGroupId"), p.text("ResourceGroupId"), tagsOf(p)
	p.accept("ComputeCategory", "ComputeCategory.*")
	pg = pageOf(p, groupPage, groupPage)
	for _, g := range slices.Backward(s.groups) {
		if g.region == c.region && !c.now.Before(g.seen) && (len(ids) == 0 || slices.Contains(ids, g.id)) && (name == "" || g.name == name) && (status == "" || g.status(c.now) == status) &&
			(zone == "" || g.zone == zone) && (vSwitch == "" || g.vSwitch == vSwitch) && (security == "" || g.securityGroup == security) &&
			(resource == "" || g.resourceGroup == resource) && g.tags.have(tags) {
			list = append(list, g)
		}
	}
	return list, pg
}

// describeContainerGroups is DescribeContainerGroups (eci §2.7).
func (s *Server) describeContainerGroups(c *call) (any, *refusal) {
	list, pg := s.selected(c)
	withEvents := c.given.flag("WithEvent")
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	total := len(list)
	list, next := pageBy(pg, list, func(g *group) int { return g.sequence })
	rows := []object{}
	for _, g := range list {
		row := g.described(c.now)
		if withEvents {
			row["Events"] = s.spoiled(c, plainEvents(g.name, until(c.now, g.events)))
		}
		rows = append(rows, row)
	}
	return object{"ContainerGroups": rows, "NextToken": next, "TotalCount": total}, nil
}

// described is the group as DescribeContainerGroups shows it.
func (g *group) described(now time.Time) object {
	o := object{
		"ContainerGroupId": g.id, "ContainerGroupName": g.name, "RegionId": g.region, "ZoneId": g.zone, "Status": g.status(now),
		"CreationTime": shown(g.created), "Cpu": g.cpu, "Memory": g.memory, "EphemeralStorage": g.extraGiB, "InstanceType": g.instanceType,
		"RestartPolicy": g.restart, "SecurityGroupId": g.securityGroup, "VSwitchId": g.vSwitch, "ResourceGroupId": g.resourceGroup,
		"Discount": 0, "SpotStrategy": g.spot, "Tags": g.tags.objects(), "Events": []object{}, "Volumes": []object{}, "HostAliases": []object{},
	}
	if g.status(now) == "Succeeded" {
		o["SucceededTime"] = shown(g.ended)
	}
	if g.status(now) == "Failed" {
		o["FailedTime"] = shown(g.ended)
	}
	if !now.Before(g.scheduled) && !g.scheduled.IsZero() {
		o["IntranetIp"] = g.ip()
	}
	containers, inits := []object{}, []object{}
	for _, k := range g.containers {
		row := g.describedContainer(k, now)
		if k.init {
			inits = append(inits, row)
		} else {
			containers = append(containers, row)
		}
	}
	o["Containers"], o["InitContainers"] = containers, inits
	return o
}

func (g *group) ip() string { return fmt.Sprintf("172.16.%d.%d", g.address/250%250, 1+g.address%250) }

func (g *group) describedContainer(k *container, now time.Time) object {
	current, previous := k.at(now, g.ended)
	return object{
		"Name": k.name, "Image": k.image, "ImagePullPolicy": k.pullPolicy, "Cpu": k.cpu, "Memory": k.memory, "Ready": g.isReady(k, current, now),
		"RestartCount": current.restarts, "Commands": orNone(k.command), "Args": orNone(k.args), "EnvironmentVars": k.environment, "Ports": k.ports,
		"VolumeMounts": []object{}, "CurrentState": current.described(), "PreviousState": previous.described(),
	}
}

// isReady says whether a container is ready: an init container once it has ended
// well, another while it runs and its program is ready.
func (g *group) isReady(k *container, current state, now time.Time) bool {
	if k.init {
		return current.kind == "Terminated" && current.exitCode == 0
	}
	return current.kind == "Running" && !now.Before(g.ready) && !(g.over(now))
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// describeContainerGroupEvents is DescribeContainerGroupEvents (eci §2.7): it is
// said to have no NextToken in its answer.
func (s *Server) describeContainerGroupEvents(c *call) (any, *refusal) {
	list, pg := s.selected(c)
	from := c.given.choice("EventSource", string(fromService), string(fromKubelet))
	since := c.given.integer("SinceSecond", 60, 3600, 0)
	pg.limit = c.given.integer("Limit", 1, maxEvented, eventPage)
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	list, _ = pageBy(pg, list, func(g *group) int { return g.sequence })
	rows := []object{}
	for _, g := range list {
		events := []object{}
		for _, e := range until(c.now, g.events) {
			if (from == "" || string(e.source) == from) && (since == 0 || !e.at.Before(c.now.Add(-time.Duration(since)*time.Second))) {
				events = append(events, e.whole(g.name, g.id))
			}
		}
		row := g.head()
		row["Events"] = s.spoiled(c, events)
		rows = append(rows, row)
	}
	return object{"Data": rows}, nil
}

// head is what events and status say of a group alike.
func (g *group) head() object {
	annotations := map[string]string{}
	if g.cacheID != "" {
		annotations[annotationMatched] = g.cacheID
	}
	text, _ := json.Marshal(annotations) // texts alone cannot fail
	return object{"ContainerGroupId": g.id, "Name": g.name, "Namespace": namespace, "uuid": g.id, "Annotations": string(text)}
}

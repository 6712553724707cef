package eci

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CreateContainerGroup starts a group. Errors: ErrInvalid before sending, ErrQuota,
// ErrNoStock, ErrNoAddress, ErrNotFound and ErrIncorrectStatus of an explicit
// cache, ErrThrottled, others; with DryRun, ErrDryRun is what is hoped for.
func (c *Client) CreateContainerGroup(ctx context.Context, spec ContainerGroupSpec) (CreatedContainerGroup, error) {
	k := &call{action: "CreateContainerGroup", input: spec.Name, secrets: passwords(spec.RegistryCredentials), maybe: spec.values(c.regionID)}
	if err := spec.check(); err != nil {
		return CreatedContainerGroup{}, err.of(k)
	}
	token := spec.ClientToken
	if spec.DryRun {
		token = "" // that of the real call must not be used up
	}
	if err := c.tokenFor(k, token); err != nil {
		return CreatedContainerGroup{}, err
	}
	k.parameters = spec.query(c.regionID, k.token)
	var reply struct {
		wireReply
		ContainerGroupID wireText
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return CreatedContainerGroup{}, err
	}
	if reply.ContainerGroupID == "" {
		return CreatedContainerGroup{}, k.lacking("ContainerGroupId", reply.RequestID)
	}
	return CreatedContainerGroup{ID: string(reply.ContainerGroupID), ClientToken: k.token, RequestID: string(reply.RequestID)}, nil
}

func (s *ContainerGroupSpec) query(region, token string) query {
	q := query{"RegionId": region, "ClientToken": token}
	q.text("ContainerGroupName", s.Name)
	q.containers("InitContainer", s.InitContainers)
	q.containers("Container", s.Containers)
	q.decimal("Cpu", s.VCPU)
	q.decimal("Memory", s.MemoryGiB)
	q.joined("InstanceType", s.InstanceTypes)
	q.choice("AutoMatchImageCache", &s.AutoMatchImageCache)
	q.text("ImageSnapshotId", s.ImageCacheID)
	q.text("ImageAccelerateMode", s.AccelerateMode)
	q.number("EphemeralStorage", s.EphemeralStorageGiB)
	q.registryCredentials(s.RegistryCredentials)
	q.acr(s.ACR)
	q.joined("PlainHttpRegistry", s.PlainHTTPHosts)
	q.joined("InsecureRegistry", s.InsecureHosts)
	s.place(q)
	s.life(q)
	q.tags(s.Tags)
	q.text("ResourceGroupId", s.ResourceGroupID)
	q.text("RamRoleName", s.RAMRoleName)
	q.flag("DryRun", s.DryRun)
	return q
}

// place is where the group runs and on what.
func (s *ContainerGroupSpec) place(q query) {
	q.text("ZoneId", s.ZoneID)
	q.text("SecurityGroupId", s.SecurityGroupID)
	q.joined("VSwitchId", s.VSwitchIDs)
	q.text("ScheduleStrategy", s.ScheduleStrategy)
	q.text("EipInstanceId", s.EIPInstanceID)
	q.flag("AutoCreateEip", s.AutoCreateEIP)
	q.number("EipBandwidth", s.EIPBandwidthMbit)
	q.flag("FixedIp", s.FixedIP)
	q.number("FixedIpRetainHour", s.FixedIPRetainHours)
	q.text("HostName", s.HostName)
	q.list("ComputeCategory", s.ComputeCategories)
	q.text("CpuArchitecture", s.CPUArchitecture)
	q.text("OsType", s.OSType)
	q.text("DataCacheBucket", s.DataCacheBucket)
	q.text("DataCachePL", s.DataCachePL)
	q.number("DataCacheProvisionedIops", s.DataCacheProvisionedIOPS)
	q.flag("DataCacheBurstingEnabled", s.DataCacheBursting)
}

// life is how long it runs and how it is paid.
func (s *ContainerGroupSpec) life(q query) {
	q.text("RestartPolicy", s.RestartPolicy)
	q.number("ActiveDeadlineSeconds", int(s.ActiveDeadline/time.Second))
	q.number("TerminationGracePeriodSeconds", int(s.TerminationGrace/time.Second))
	q.number("MaxPendingMinute", int(s.MaxPending/time.Minute))
	q.text("SpotStrategy", s.SpotStrategy)
	q.decimal("SpotPriceLimit", s.SpotPriceLimit)
	q.count("SpotDuration", s.SpotDurationHours)
	q.flag("StrictSpot", s.StrictSpot)
}

// containers are flat keys: the SDK's typed list sends probes that nobody asked
// for (eci §0.2).
func (q query) containers(name string, containers []Container) {
	for i, container := range containers {
		name := item(name, i)
		q.text(name+".Name", container.Name)
		q.text(name+".Image", container.Image)
		q.decimal(name+".Cpu", container.VCPU)
		q.decimal(name+".Memory", container.MemoryGiB)
		q.text(name+".ImagePullPolicy", container.PullPolicy)
		q.list(name+".Command", container.Command)
		q.list(name+".Arg", container.Args)
		for j, variable := range container.Environment {
			q.text(item(name+".EnvironmentVar", j)+".Key", variable.Name)
			q.text(item(name+".EnvironmentVar", j)+".Value", string(variable.Value))
		}
		for j, port := range container.Ports {
			q.number(item(name+".Port", j)+".Port", port.Port)
			q.text(item(name+".Port", j)+".Protocol", port.Protocol)
		}
	}
}

// count is a number whose zero means something.
func (q query) count(name string, value *int) {
	if value != nil {
		q[name] = strconv.Itoa(*value)
	}
}

// values are those of the containers' variables that the rest of the request does not
// show anyway.
func (s *ContainerGroupSpec) values(regionID string) []Secret {
	containers := slices.Concat(s.InitContainers, s.Containers)
	shown := []string{regionID, s.ZoneID, s.Name}
	for _, container := range containers {
		shown = append(shown, container.Name, container.Image)
	}
	var values []Secret
	for _, container := range containers {
		for _, variable := range container.Environment {
			if !slices.Contains(shown, string(variable.Value)) {
				values = append(values, variable.Value)
			}
		}
	}
	return values
}

// DeleteContainerGroup stops a group and removes it. A group that is gone after an
// unanswered attempt was deleted by it: no error. Its events are gone, too.
func (c *Client) DeleteContainerGroup(ctx context.Context, deletion ContainerGroupDeletion) error {
	k := &call{action: "DeleteContainerGroup", input: deletion.ID, subject: aGroup}
	if deletion.ID == "" {
		return required("id").of(k)
	}
	if err := c.tokenFor(k, deletion.ClientToken); err != nil {
		return err
	}
	k.parameters = query{"RegionId": c.regionID, "ContainerGroupId": deletion.ID, "ClientToken": k.token}
	k.parameters.flag("Force", deletion.Force)
	return gone(c.do(ctx, k, &wireReply{}))
}

// maxGroupsAtOnce is how many IDs, and rows of a page, the service takes (eci §2.7).
const maxGroupsAtOnce = 20

// DescribeContainerGroups gives one page of groups; it refuses more than 20 IDs,
// which ContainerGroups splits. Where a row cannot be read the page has the others, beside
// an ErrReply that says which it is.
func (c *Client) DescribeContainerGroups(ctx context.Context, want ContainerGroupQuery) (ContainerGroupPage, error) {
	k := &call{action: "DescribeContainerGroups", input: named(several(want.IDs), want.Name), read: true}
	if err := want.check(); err != nil {
		return ContainerGroupPage{}, err.of(k)
	}
	if want.IDs != nil && len(want.IDs) == 0 {
		return ContainerGroupPage{}, nil
	}
	if len(want.IDs) > 0 {
		k.subject = aGroup
	}
	k.parameters = want.query(c.regionID)
	var reply struct {
		wireReply
		NextToken       wireText
		TotalCount      wireNumber
		ContainerGroups wireRows[wireGroup]
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return ContainerGroupPage{}, err
	}
	if !reply.ContainerGroups.told {
		return ContainerGroupPage{}, k.lacking("ContainerGroups", reply.RequestID)
	}
	return ContainerGroupPage{
		ContainerGroups: each(reply.ContainerGroups.list, wireGroup.group), NextToken: string(reply.NextToken),
		TotalCount: reply.TotalCount.integer(), RequestID: string(reply.RequestID),
	}, k.unreadRows("ContainerGroups", reply.ContainerGroups.unread, reply.ContainerGroups.rows, reply.RequestID)
}

func (w *ContainerGroupQuery) query(region string) query {
	q := query{"RegionId": region}
	q.groupIDs(w.IDs)
	q.text("ContainerGroupName", w.Name)
	q.text("Status", string(w.Status))
	q.tags(w.Tags)
	q.flag("WithEvent", w.WithEvents)
	q.text("ZoneId", w.ZoneID)
	q.text("VSwitchId", w.VSwitchID)
	q.text("SecurityGroupId", w.SecurityGroupID)
	q.text("ResourceGroupId", w.ResourceGroupID)
	q.text("ComputeCategory", w.ComputeCategory)
	q.number("Limit", w.Limit)
	q.text("NextToken", w.NextToken)
	return q
}

// ContainerGroups gives the groups one by one: page after page, 20 IDs at once.
// Those that the service no longer has are left out. After an error there are no
// more. Of a row that cannot be read it tells last, by ErrReply.
func (c *Client) ContainerGroups(ctx context.Context, want ContainerGroupQuery) iter.Seq2[ContainerGroup, error] {
	k := call{action: "DescribeContainerGroups", input: named(several(want.IDs), want.Name)}
	if want.NextToken != "" && len(want.IDs) > maxGroupsAtOnce {
		err := invalid("nextToken", "%d ids are asked for in lots, each with tokens of its own", len(want.IDs)).of(&k)
		return func(yield func(ContainerGroup, error) bool) { yield(ContainerGroup{}, err) }
	}
	return batched(want.IDs, func(ids []string) iter.Seq2[ContainerGroup, error] {
		part := want
		part.IDs = ids
		return paged(k, want.NextToken, func(token string) ([]ContainerGroup, string, error) {
			part.NextToken = token
			page, err := c.DescribeContainerGroups(ctx, part)
			return page.ContainerGroups, page.NextToken, err
		})
	})
}

// AllContainerGroups is ContainerGroups in one list; beside an ErrReply of rows that cannot
// be read it has the others.
func (c *Client) AllContainerGroups(ctx context.Context, want ContainerGroupQuery) ([]ContainerGroup, error) {
	return all(c.ContainerGroups(ctx, want))
}

// ContainerGroup is the group with an ID, with its events, or ErrNotFound.
func (c *Client) ContainerGroup(ctx context.Context, id string) (ContainerGroup, error) {
	k := &call{action: "DescribeContainerGroups", input: id}
	if id == "" {
		return ContainerGroup{}, required("id").of(k)
	}
	for group, err := range c.ContainerGroups(ctx, ContainerGroupQuery{IDs: []string{id}, WithEvents: true}) {
		if err != nil || group.ID == id {
			return group, err
		}
	}
	return ContainerGroup{}, &Error{Action: k.action, Input: id, Kind: ErrNotFound, Problem: "no such container group in " + c.regionID}
}

// DescribeContainerGroupEvents gives the latest events of groups, any number of
// them, in the order of the IDs asked for as far as the service keeps it.
func (c *Client) DescribeContainerGroupEvents(ctx context.Context, want GroupEventQuery) ([]GroupEvents, error) {
	return describe(ctx, c, "DescribeContainerGroupEvents", want, wireGroupEvents.events)
}

// DescribeContainerGroupStatus gives the state of groups, any number of them, in
// the words of Kubernetes.
func (c *Client) DescribeContainerGroupStatus(ctx context.Context, want GroupEventQuery) ([]GroupState, error) {
	return describe(ctx, c, "DescribeContainerGroupStatus", want, wireGroupState.state)
}

// describe makes the two calls that have one shape (eci §2.7).
func describe[Wire, Value any](ctx context.Context, c *Client, action string, want GroupEventQuery, convert func(Wire) Value) ([]Value, error) {
	if err := want.check(); err != nil {
		return nil, err.of(&call{action: action, input: several(want.IDs)})
	}
	return all(batched(want.IDs, func(ids []string) iter.Seq2[Value, error] {
		return paged(call{action: action, input: several(ids)}, "", func(token string) ([]Value, string, error) {
			k := &call{action: action, input: several(ids), read: true, parameters: want.query(c.regionID, ids, token)}
			var reply struct {
				wireReply
				NextToken wireText
				Data      wireRows[Wire]
			}
			if err := c.do(ctx, k, &reply); err != nil {
				return nil, "", err
			}
			if !reply.Data.told {
				return nil, "", k.lacking("Data", reply.RequestID)
			}
			return each(reply.Data.list, convert), string(reply.NextToken), k.unreadRows("Data", reply.Data.unread, reply.Data.rows, reply.RequestID)
		})
	}))
}

func (w *GroupEventQuery) query(region string, ids []string, token string) query {
	q := query{"RegionId": region}
	q.groupIDs(ids)
	q.text("EventSource", w.Source)
	q.number("SinceSecond", int(w.Since/time.Second))
	q.number("Limit", w.Limit)
	q.tags(w.Tags)
	q.text("ZoneId", w.ZoneID)
	q.text("VSwitchId", w.VSwitchID)
	q.text("SecurityGroupId", w.SecurityGroupID)
	q.text("ResourceGroupId", w.ResourceGroupID)
	q.text("NextToken", token)
	return q
}

// batched asks for IDs in lots that the service takes. Nil asks once, for all that
// there is; an empty list asks for nothing. Of rows that cannot be read it tells when all
// lots were asked for.
func batched[T any](ids []string, ask func(ids []string) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rest, unread := ids, error(nil)
		for once := ids == nil; once || len(rest) > 0; once = false {
			lot := rest[:min(len(rest), maxGroupsAtOnce)]
			rest = rest[len(lot):]
			for item, err := range ask(lot) {
				if isUnread(err) {
					unread = cmp.Or(unread, err)
				} else if !yield(item, err) || err != nil {
					return
				}
			}
		}
		if unread != nil {
			var none T
			yield(none, unread)
		}
	}
}

// named says what a query is about in an error.
func named(id, name string) string { return strings.TrimSpace(id + " " + name) }

// several names a list of IDs in an error.
func several(ids []string) string {
	switch len(ids) {
	case 0:
		return ""
	case 1:
		return ids[0]
	}
	return ids[0] + " and " + strconv.Itoa(len(ids)-1) + " more"
}

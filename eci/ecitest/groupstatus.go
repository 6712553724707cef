package ecitest

import (
	"time"

	"github.com/cachebench/cachebench/layers"
)

// describeContainerGroupStatus is DescribeContainerGroupStatus (eci §2.7), with the
// mixed keys of the documentation.
func (s *Server) describeContainerGroupStatus(c *call) (any, *refusal) {
	list, pg := s.selected(c)
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	total := len(list)
	list, next := pageBy(pg, list, func(g *group) int { return g.sequence })
	rows := []object{}
	for _, g := range list {
		row := g.head()
		row["Status"], row["PodStatus"] = g.status(c.now), g.podStatus(c.now)
		rows = append(rows, row)
	}
	return object{"Data": rows, "NextToken": next, "TotalCount": total}, nil
}

// phase is Kubernetes' word for a status.
func (g *group) phase(now time.Time) string {
	switch status := g.status(now); status {
	case "Scheduling", "Pending":
		return "Pending"
	case "ScheduleFailed":
		return "Failed"
	case "Terminating":
		return "Running"
	default:
		return status
	}
}

func (g *group) podStatus(now time.Time) object {
	o := object{"Phase": g.phase(now), "QosClass": "Guaranteed", "Conditions": g.conditions(now)}
	if !g.scheduled.IsZero() && !now.Before(g.scheduled) {
		o["StartTime"], o["PodIp"] = shown(g.scheduled), g.ip()
	}
	containers, inits := []object{}, []object{}
	for _, k := range g.containers {
		if k.init {
			inits = append(inits, g.containerStatus(k, now))
		} else {
			containers = append(containers, g.containerStatus(k, now))
		}
	}
	o["ContainerStatuses"], o["InitContainerStatuses"] = containers, inits
	return o
}

// conditions are those of eci §2.7, each with when it came to be as it is.
func (g *group) conditions(now time.Time) []object {
	all := []object{}
	add := func(kind string, since time.Time, lost time.Time) {
		status, at, reason := "False", g.created, ""
		switch {
		case !lost.IsZero() && !now.Before(lost):
			at, reason = lost, "PodCompleted"
		case !since.IsZero() && !now.Before(since):
			status, at = "True", since
		}
		all = append(all, object{"type": kind, "status": status, "lastTransitionTime": shown(at), "Reason": reason, "Message": ""})
	}
	none := time.Time{}
	initialized := g.scheduled
	for _, k := range g.containers {
		if k.init {
			initialized = k.finished
		}
	}
	if !g.scheduled.IsZero() {
		add("PodScheduled", g.created, none)
	} else {
		add("PodScheduled", none, none)
	}
	add("ContainerInstanceCreated", g.scheduled, none)
	add("ContainerHasSufficientDisk", g.scheduled, none)
	add("PodReadyToStartContainers", g.scheduled, none)
	add("Initialized", initialized, none)
	add("ContainersReady", g.ready, g.ended)
	add("Ready", g.ready, g.ended)
	return all
}

// containerStatus is one of ContainerStatuses. A running state has the key that the
// documentation prints, StartedAtstartedAt.
func (g *group) containerStatus(k *container, now time.Time) object {
	current, previous := k.at(now, g.ended)
	imageID := ""
	if k.digest != "" {
		if n, err := layers.ParseName(k.image); err == nil {
			imageID = n.RepositoryName() + "@" + k.digest
		}
	}
	return object{
		"Name": k.name, "Image": k.image, "ImageID": imageID, "Ready": g.isReady(k, current, now), "RestartCount": current.restarts,
		"Started": current.kind == "Running", "State": current.pod(), "LastState": previous.pod(),
	}
}

// pod is a state as a pod's status has it.
func (s *state) pod() object {
	switch s.kind {
	case "Waiting":
		return object{"Waiting": object{"Reason": s.reason, "Message": s.message}}
	case "Running":
		return object{"Running": object{"StartedAtstartedAt": shown(s.started)}}
	case "Terminated":
		return object{"Terminated": object{
			"Reason": s.reason, "Message": s.message, "ExitCode": s.exitCode, "StartedAt": shown(s.started), "FinishedAt": shown(s.finished),
		}}
	}
	return object{}
}

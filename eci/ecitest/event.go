package ecitest

import (
	"fmt"
	"slices"
	"time"
)

// event is something that happens to a cache or a group at a time, which may be
// still to come.
type event struct {
	at              time.Time
	reason, message string
	warning         bool
	source          source
}

// source is who tells of an event (eci §3.2).
type source string

const (
	fromService source = "EciService"
	fromKubelet source = "K8sAgent"
)

// maxEvents is how many events of one cache or group are kept (eci §1.3, §2.7).
const maxEvents = 50

// until are the latest events up to now, oldest first.
func until(now time.Time, events []event) []event {
	past := slices.DeleteFunc(slices.Clone(events), func(e event) bool { return e.at.After(now) })
	slices.SortStableFunc(past, func(x, y event) int { return x.at.Compare(y.at) })
	return past[max(0, len(past)-maxEvents):]
}

func (e *event) kind() string {
	if e.warning {
		return "Warning"
	}
	return "Normal"
}

// plain is an event as a cache or a group shows it (eci §2.5, §2.7); owner is the
// name of what it happened to.
func (e *event) plain(owner string) object {
	return object{
		"Type": e.kind(), "Reason": e.reason, "Message": e.message, "Count": 1, "Name": owner + "." + fmt.Sprintf("%x", e.at.UnixNano()),
		"FirstTimestamp": shown(e.at), "LastTimestamp": shown(e.at),
	}
}

// whole is an event as DescribeContainerGroupEvents shows it (eci §2.7).
func (e *event) whole(owner, uid string) object {
	o := e.plain(owner)
	component, host := "kubelet", "eci"
	if e.source == fromService {
		component, host = "EciService", "eci"
	}
	o["ReportingComponent"], o["ReportingInstance"] = component, host
	o["Source"] = object{"Component": component, "Host": host}
	o["Metadata"] = object{"Name": o["Name"], "Namespace": namespace}
	o["involvedObject"] = object{"Kind": "Pod", "Name": owner, "Namespace": namespace, "Uid": uid, "ApiVersion": "v1"}
	delete(o, "Name")
	return o
}

// namespace is that of groups made through the API, as far as answers show one.
const namespace = "default"

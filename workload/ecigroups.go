package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// eciGroup is what is read of a container group of DescribeContainerGroups, whose keys
// are written in more than one case.
type eciGroup struct {
	ContainerGroupID, ContainerGroupName, Status         string
	CreationTime, SucceededTime, FailedTime, ExpiredTime string
	CPU, Memory                                          float64
	Containers, InitContainers                           []eciContainer
	Tags                                                 []struct{ Key, Value string }
	Events                                               []struct {
		Reason, Message, FirstTimestamp, LastTimestamp string
		Count                                          int
	}
}

type eciContainer struct {
	Name, Image  string
	CurrentState struct{ StartTime, FinishTime string }
}

// groupNamespace stands for the namespace of container groups that none tells.
const groupNamespace = "eci"

// readGroups reads container groups. Each is a start; its events about pulls go the way of
// a cluster's.
func (i *HistoryImporter) readGroups(name string, r lineSource) error {
	i.pulls.begin()
	d := &objectReader{name: name, take: i.pulls.add, events: true, lines: &lineReader{}}
	a := &arrayReader{name: name, key: "ContainerGroups", what: "the answer of DescribeContainerGroups"}
	page := eciAnswer{at: look{input: i.pulls.inputs}}
	a.tell = page.tell
	a.take = func(line, item int, text []byte) error {
		page.groups++
		var g eciGroup
		if err := json.Unmarshal(text, &g); err != nil {
			return a.faultAt(line, "item %d: %v", item, err)
		}
		if !isObjectName([]byte(g.ContainerGroupName)) {
			i.tally.skip("a container group without a name")
			return nil
		}
		created := unixSeconds([]byte(g.CreationTime))
		if created == 0 {
			i.tally.skip("a container group without a time of creation")
			return nil
		}
		if g.CPU < 0 || g.Memory < 0 {
			return a.faultAt(line, "item %d: group %s has %v vCPU and %v GiB", item, g.ContainerGroupName, g.CPU, g.Memory)
		}
		i.groups++
		if i.tally.group(&g, created) {
			page.fresh++
		}
		for n, e := range g.Events {
			if !isPullReason([]byte(e.Reason)) || len(i.pulls.events) >= maxPullEvents {
				i.sampled = i.sampled || isPullReason([]byte(e.Reason))
				continue
			}
			event, err := json.Marshal(g.event(n))
			if err != nil {
				return a.faultAt(line, "item %d: %v", item, err)
			}
			if err := d.one(line, event); err != nil {
				return err
			}
		}
		return nil
	}
	err := a.read(r)
	i.tally.fill(i.tally.from, i.tally.to)
	i.join(&page)
	return err
}

// An eciAnswer is one answer of DescribeContainerGroups, or the pages of one that are read so
// far.
type eciAnswer struct {
	at        look
	requestID string
	// total is how many groups all pages have together, 0 where none tells it; more says that
	// a page follows.
	total, groups int
	// fresh are the groups that stood in no answer before.
	fresh int
	more  bool
}

func (e *eciAnswer) tell(key string, value json.Token) {
	text, _ := value.(string)
	switch strings.ToLower(key) {
	case "requestid":
		e.requestID = text
	case "nexttoken":
		e.more = text != ""
	case "totalcount":
		n, _ := value.(float64)
		e.total = int(n)
	}
}

// join takes pages of one answer, each a file of its own, for one look. Pages have one total,
// and no more groups than that together, in whatever order they are read; where none tells
// a total, one follows the page that says so.
func (i *HistoryImporter) join(page *eciAnswer) {
	for n, of := range i.answers {
		isSame := page.requestID != "" && page.requestID == of.requestID
		isPage := page.total > 0 && page.total == of.total && page.groups+of.groups <= of.total
		follows := page.total == 0 && of.total == 0 && of.more && n == len(i.answers)-1
		if !isSame && !isPage && !follows {
			continue
		}
		of.groups, of.more = of.groups+page.fresh, page.more // a page may be named twice
		if own := i.pulls.looks[page.at]; own != nil {
			i.pulls.looks[of.at] = own.merge(i.pulls.looks[of.at])
			delete(i.pulls.looks, page.at)
		}
		return
	}
	i.answers = append(i.answers, page)
}

// appTags are the keys of tags that name an app, as labels of Kubernetes do. ECI itself sets
// none.
var appTags = []string{"app.kubernetes.io/name", "app", "k8s-app"}

// app is the group's: as a tag names it, else by its own name.
func (g *eciGroup) app() nameGuess {
	for _, key := range appTags {
		for _, tag := range g.Tags {
			if tag.Key == key && isObjectName([]byte(tag.Value)) {
				return nameGuess{root: groupNamespace + "/" + tag.Value}
			}
		}
	}
	return guessApp(groupNamespace, g.ContainerGroupName)
}

// event is one of the group's as a cluster tells it, of a pod on the host eci.
func (g *eciGroup) event(n int) map[string]any {
	e := &g.Events[n]
	times := map[string]any{}
	for key, text := range map[string]string{"firstTimestamp": e.FirstTimestamp, "lastTimestamp": e.LastTimestamp} {
		if t := unixSeconds([]byte(text)); t > 0 {
			times[key] = time.Unix(t, 0).UTC().Format(time.RFC3339)
		}
	}
	event := map[string]any{
		"kind": "Event", "metadata": map[string]any{"uid": fmt.Sprintf("%s/%d", g.ContainerGroupID, n), "namespace": groupNamespace},
		"involvedObject": map[string]any{"kind": "Pod", "namespace": groupNamespace, "name": g.ContainerGroupName, "uid": g.ContainerGroupID},
		"reason":         e.Reason, "message": e.Message, "count": e.Count, "source": map[string]any{"host": eciHost},
	}
	for key, t := range times {
		event[key] = t
	}
	return event
}

// group counts the start of a container group; false where it stood in an answer before.
func (t *tally) group(g *eciGroup, created int64) bool {
	var images []tallyImage
	began := int64(0)
	for _, of := range []struct {
		list []eciContainer
		init bool
	}{{g.InitContainers, true}, {g.Containers, false}} {
		for _, c := range of.list {
			if !imageText.MatchString(c.Image) {
				continue
			}
			images = append(images, tallyImage{c.Name, c.Image, of.init})
			if !of.init {
				began = max(began, unixSeconds([]byte(c.CurrentState.StartTime)))
			}
		}
	}
	key := podHash([]byte(groupNamespace), []byte(g.ContainerGroupID+"/"+g.ContainerGroupName))
	if t.hasEnded(key) {
		return false
	}
	t.tell(created)
	t.pass(created)
	t.placed = true
	size := setKey{}
	if g.CPU > 0 && g.Memory > 0 {
		size.cpu, size.memory = g.CPU, g.Memory
	}
	s := t.set(g.app(), "ContainerGroup", images, size, created)
	if s == nil {
		return true
	}
	s.whole = true
	s.start(created, true, true)
	t.forget(key, runningPod{})
	for _, text := range []string{g.SucceededTime, g.FailedTime, g.ExpiredTime} {
		if end := unixSeconds([]byte(text)); end > 0 {
			t.tell(end)
			if began > 0 && end >= began {
				s.runtimes.add(time.Duration(end-began) * time.Second)
			}
			break
		}
	}
	return true
}

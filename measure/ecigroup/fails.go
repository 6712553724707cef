package ecigroup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/eci"
)

// unpullable are the kubelet's reasons of a container that waits for an image it does not
// get. It goes on to try, at longer and longer intervals: one that comes after all was not
// pulled in the time that is measured, and until then the group is paid for (eci §3.1).
var unpullable = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}

// cannotPull says which image of a group cannot be pulled, and why; empty where none is
// told of.
func cannotPull(o *observation) string {
	for _, c := range o.containers() {
		if slices.Contains(unpullable, c.state.Reason) {
			return fmt.Sprintf("image %s cannot be pulled%s%s", c.image, says, saidOf(c.state.Reason, c.state.Message))
		}
	}
	return ""
}

// says begins what is said of one start alone, which is cut off where reasons are compared:
// the kubelet tells the same failure in several words.
const says = ", the kubelet says: "

// exits are the ends of containers that did not end well: which, why and with what code.
func exits(o *observation) string {
	var words []string
	for _, c := range o.containers() {
		s := c.state
		switch {
		case s.State != "Terminated" && s.ExitCode == nil:
			continue
		case s.ExitCode != nil && *s.ExitCode == 0:
			continue
		}
		word := "container " + c.name + " ended"
		if s.ExitCode != nil {
			word += fmt.Sprintf(" with exit code %d", *s.ExitCode)
		}
		if said := saidOf(s.Reason, s.Message); said != "" {
			word += ": " + said
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

func saidOf(reason, message string) string {
	if reason == "" || message == "" {
		return reason + message
	}
	return reason + ": " + message
}

// told is a container as either source tells of it.
type told struct {
	name, image string
	state       eci.ContainerState
}

// containers are those of a group, of DescribeContainerGroupStatus where that tells how
// they stand, else of DescribeContainerGroups.
func (o *observation) containers() []told {
	var list []told
	for _, c := range o.group.Containers {
		list = append(list, told{c.Name, c.Image, c.Current})
	}
	for _, c := range o.state.Pod.Containers {
		i := slices.IndexFunc(list, func(t told) bool { return t.name == c.Name })
		switch {
		case i < 0:
			list = append(list, told{c.Name, c.Image, c.State})
		case c.State.State != "" || c.State.Reason != "":
			list[i].state = c.State
		}
	}
	return list
}

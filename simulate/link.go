package simulate

import (
	"slices"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

// checkLinks refuses links that are no tree, and nodes at links that there are
// not.
func (n *NetworkProfile) checkLinks() error {
	names := make([]string, 0, len(n.Links))
	for name := range n.Links {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l := n.Links[name]
		at := document.Key("network.links", name)
		if name == "" {
			return document.At("network.links", "a link needs a name: the empty one is the uplink")
		}
		if name == LinkRegistry || name == LinkUplink {
			return document.At(at, "%s is what the profile's own link is called: give this one another name", name)
		}
		if err := checkRate(&l.Rate); err != nil {
			return document.At(at+".bytesPerSecond", "link %s: %v", name, err)
		}
		if err := checkSource(l.Rate.Source); err != nil {
			return document.At(at+".bytesPerSecond.source", "link %s: %v", name, err)
		}
		if err := constant(&l.Rate); err != nil {
			return document.At(at+".bytesPerSecond", "link %s: a link that nodes share %v", name, err)
		}
		path := []string{name}
		for up := l.Parent; up != ""; up = n.Links[up].Parent {
			if _, ok := n.Links[up]; !ok {
				return document.At(at+".parent", "link %s: there is no link %q: name one of network.links, or none for the uplink", name, up)
			}
			if slices.Contains(path, up) {
				return document.At(at+".parent", "links go round in a circle: %v and %s again; one of them needs another parent", path, up)
			}
			path = append(path, up)
		}
	}
	for _, name := range n.Attach {
		if _, ok := n.Links[name]; !ok {
			return document.At("network.attach", "there is no link %q at which nodes could stand: name one of network.links", name)
		}
	}
	return nil
}

// payload is what a link of a stated rate carries of layers' bytes.
func (n *NetworkProfile) payload(rate network.Rate) network.Rate {
	return rate * network.Rate(n.Goodput.Value)
}

// top is the stated rate of the links that all transfers cross.
func (n *NetworkProfile) top() network.Rate { return min(typical(&n.Registry), typical(&n.Uplink)) }

// path is the least stated rate of the links that a node shares with others; with
// several to stand at, of the fastest way.
func (n *NetworkProfile) path() network.Rate {
	shared := n.top()
	fastest := network.Rate(0)
	for _, name := range n.Attach {
		rate := network.Unlimited
		for ; name != ""; name = n.Links[name].Parent {
			l := n.Links[name]
			rate = min(rate, typical(&l.Rate))
		}
		fastest = max(fastest, rate)
	}
	if len(n.Attach) == 0 {
		return shared
	}
	return min(shared, fastest)
}

package workload

import "container/heap"

// A podEnd is when so many pods of a node end.
type podEnd struct {
	at    int64
	on    *tallyNode
	count int
}

// podEnds have the earliest first.
type podEnds []podEnd

func (e podEnds) Len() int           { return len(e) }
func (e podEnds) Less(i, j int) bool { return e[i].at < e[j].at }
func (e podEnds) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *podEnds) Push(x any)        { *e = append(*e, x.(podEnd)) }
func (e *podEnds) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// willEnd notes when pods of a node will have ended, where that is told with their start:
// from then on they are no longer among what runs there.
func (n *nodeTally) willEnd(on *tallyNode, at int64, count int) {
	if len(n.ends) >= maxLivePods {
		n.endFirst()
	}
	heap.Push(&n.ends, podEnd{at, on, count})
}

// endUntil ends the pods whose ends are not after a time.
func (n *nodeTally) endUntil(at int64) {
	for len(n.ends) > 0 && n.ends[0].at <= at {
		n.endFirst()
	}
}

func (n *nodeTally) endFirst() {
	end := heap.Pop(&n.ends).(podEnd)
	end.on.live -= end.count
}

package matcher

import "container/heap"

// dueList is a heap of caches, the one to which something happens first on top.
type dueList []*stored

func (d dueList) Len() int { return len(d) }

func (d dueList) Less(i, j int) bool {
	if d[i].due != d[j].due {
		return d[i].due < d[j].due
	}
	return d[i].sequence < d[j].sequence
}

func (d dueList) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].heapIndex, d[j].heapIndex = i, j
}

// Push and Pop are heap.Interface's.
func (d *dueList) Push(x any) {
	c := x.(*stored)
	c.heapIndex = len(*d)
	*d = append(*d, c)
}

func (d *dueList) Pop() any {
	last := len(*d) - 1
	c := (*d)[last]
	(*d)[last] = nil
	*d, c.heapIndex = (*d)[:last], -1
	return c
}

func (d *dueList) add(c *stored)  { heap.Push(d, c) }
func (d *dueList) fix(c *stored)  { heap.Fix(d, c.heapIndex) }
func (d *dueList) drop(c *stored) { heap.Remove(d, c.heapIndex) }

package measure

import "slices"

// Renamed is the experiment with all its arms listed and each reference to an image
// as called says; arms keep their names.
func (e *Experiment) Renamed(called func(reference string) string) *Experiment {
	v := *e
	v.Images = renamed(e.Images, called)
	v.Arms, v.Grids = e.Expand(), nil
	for i := range v.Arms {
		a := &v.Arms[i]
		a.Keep = renamed(a.Keep, called)
		a.Starts = slices.Clone(a.Starts)
		for j := range a.Starts {
			a.Starts[j].Image = called(a.Starts[j].Image)
		}
	}
	return &v
}

// renamed has each name once: two spellings of a reference may have one.
func renamed(references []string, called func(string) string) []string {
	var names []string
	for _, reference := range references {
		if name := called(reference); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// With is the experiment with all its arms listed, whose starts are as s says in all
// but their image, their app and their node.
func (e *Experiment) With(s Start) *Experiment {
	v := *e
	v.Arms, v.Grids = e.Expand(), nil
	for i := range v.Arms {
		a := &v.Arms[i]
		a.Starts = slices.Clone(a.Starts)
		for j, start := range a.Starts {
			with := s
			with.App, with.Image, with.Node = start.App, start.Image, start.Node
			a.Starts[j] = with
		}
	}
	return &v
}

package layers

// Figure is one number of a Sharing that a rule may judge.
type Figure struct {
	// Name is one of those of Sharing.Figures.
	Name string
	// Platform is the set's; empty when the figure is of all sets together.
	Platform string
	// Unit is B, fraction, or empty for a count or a ratio.
	Unit  string
	Value float64
	// Estimated says that the value rests on an estimate or leaves out what is
	// unknown.
	Estimated bool
}

// Figures returns the numbers that a rule may name. With images of several
// platforms all but unresolved stand once for each: a rule must hold for every
// one. No value is known of a set without images, nor of wasted unless all
// layers were scanned; such figures are absent.
//
//	shared          1 - union / sum (SharedSet.SharedFraction)
//	sum             compressed bytes of the images each by itself
//	union           compressed bytes, each blob once
//	union-unpacked  unpacked bytes, each chain once
//	factor          sum / union
//	images, layers  distinct images, distinct blobs
//	largest         compressed bytes of the largest image
//	wasted          unpacked bytes that later layers hide
//	unresolved      references that could not be read
func (s *Sharing) Figures() []Figure {
	var list []Figure
	for i := range s.Sets {
		list = append(list, s.Sets[i].figures()...)
	}
	return append(list, Figure{Name: "unresolved", Value: float64(len(s.Unresolved))})
}

func (s *SharedSet) figures() []Figure {
	if len(s.Images) == 0 {
		return nil
	}
	blobs, chains := s.Union.ByDigest, s.Union.ByChain
	guessed := blobs.CompressedEstimatedBytes > 0
	largest := s.Images[0].Total.ByDigest
	for _, img := range s.Images[1:] {
		if img.Total.ByDigest.CompressedBytes > largest.CompressedBytes {
			largest = img.Total.ByDigest
		}
	}
	figure := func(name, unit string, value float64, estimated bool) Figure {
		return Figure{name, s.Platform, unit, value, estimated}
	}
	list := []Figure{
		figure("shared", "fraction", s.SharedFraction, guessed),
		figure("sum", "B", float64(s.Sum.ByDigest.CompressedBytes), guessed),
		figure("union", "B", float64(blobs.CompressedBytes), guessed),
		figure("union-unpacked", "B", float64(chains.UnpackedBytes), chains.EstimatedBytes > 0 || chains.UnknownLayers > 0),
		figure("factor", "", s.SharingFactor, guessed),
		figure("images", "", float64(len(s.Images)), false),
		figure("layers", "", float64(blobs.Layers), false),
		figure("largest", "B", float64(largest.CompressedBytes), largest.CompressedEstimatedBytes > 0),
	}
	if s.Hidden != nil {
		list = append(list, figure("wasted", "B", float64(s.Hidden.Bytes()), false))
	}
	return list
}

package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// explained says whether any match carries what an explanation needs.
func explained(m *matcher.Matches) bool {
	for i := range m.Matches {
		if withImages(&m.Matches[i]) || m.Matches[i].ReadingsTried > 0 {
			return true
		}
	}
	return false
}

func withImages(match *matcher.Match) bool {
	return len(match.Candidates) > 0 && match.Candidates[0].Images != nil
}

// imagesWords says how far a candidate holds each image of the group, in sum
// first where there are several.
func imagesWords(c *matcher.Candidate) []string {
	var words []string
	for _, image := range c.Images {
		words = append(words, heldWords(image))
	}
	if len(words) > 1 {
		held := fmt.Sprintf("holds %d of %d", c.FullImages, len(c.Images))
		if c.RepositoryImages > 0 {
			held += fmt.Sprintf(" and %d in another version", c.RepositoryImages)
		}
		words[0] = held + " — " + words[0]
	} else {
		words[0] = "holds " + words[0]
	}
	return words
}

// heldWords says how far a candidate holds an image.
func heldWords(image matcher.CandidateImage) string {
	words := shortReference(image.Reference)
	switch {
	case image.Agreement == "none":
		words += ": no"
	case image.Agreement == "repository":
		words += ": only another version, " + shortReference(image.Held)
	case shortReference(image.Held) != shortReference(image.Reference):
		words += ": yes, as " + shortReference(image.Held)
	default:
		words += ": yes"
	}
	if image.Stale {
		words += ", as the tag was when the cache was built"
	}
	if image.Uncounted {
		words += " (not counted)"
	}
	return words
}

// cacheWords describes a candidate's cache.
func cacheWords(c *matcher.Candidate) string {
	return fmt.Sprintf("%s, %s, made %s", kindWord(c), sizeWord(c), madeWord(c))
}

// sizeWord and madeWord say what a list of caches may leave out.
func sizeWord(c *matcher.Candidate) string {
	if c.SizeGiB == 0 {
		return "of unknown size"
	}
	return fmt.Sprintf("%g GiB", c.SizeGiB)
}

func madeWord(c *matcher.Candidate) string {
	if c.CreationTime.IsZero() {
		return "at an unknown time"
	}
	return c.CreationTime.UTC().Format("2006-01-02 15:04")
}

func kindWord(c *matcher.Candidate) string {
	if c.Automatic {
		return "automatic"
	}
	return "manual"
}

// placeWords says the key that places a candidate behind the one before it.
func placeWords(m *matcher.Matches, c, before *matcher.Candidate) string {
	behind := "behind " + before.CacheID + ": "
	switch c.PlacedBy {
	case "qualification":
		return behind + "that one qualifies"
	case "match degree":
		if m.Policies["degree"] == "layers" {
			return behind + fmt.Sprintf("holds %s of the bytes against %s", percent(c.LayerFraction), percent(before.LayerFraction))
		}
		return behind + fmt.Sprintf("match degree %s against %s", degreeWords(c), degreeWords(before))
	case "kind":
		return behind + "policy kinds=" + m.Policies["kinds"]
	case "size":
		if m.Policies["size"] == "matched-bytes" {
			return behind + fmt.Sprintf("matched images of %s against %s", size(c.MatchedBytes), size(before.MatchedBytes))
		}
		return behind + fmt.Sprintf("its size is %g GiB from the instance's storage, against %g GiB", c.SizeDistanceGiB, before.SizeDistanceGiB)
	case "creation time":
		return behind + "that one is newer"
	}
	return behind + "equal in all documented keys, placed by policy ties=" + m.Policies["ties"]
}

func degreeWords(c *matcher.Candidate) string {
	words := count(c.FullImages, "image")
	if c.RepositoryImages > 0 {
		words += fmt.Sprintf(" and %d in another version", c.RepositoryImages)
	}
	return words
}

// lackWords sums up what a candidate does not spare.
func lackWords(match *matcher.Match, c *matcher.Candidate) string {
	if len(c.Lacks) == 0 {
		return "lacks no layer"
	}
	which := count(len(c.Lacks), "layer")
	if lacksAll(match, c) {
		which = "every layer"
	}
	fetch, unpack := lackedBytes(c)
	words := fmt.Sprintf("lacks %s: %s to download, %s to unpack", which, size(fetch), size(unpack))
	unknown := 0
	for _, l := range c.Lacks {
		if l.UnpackedBytes == nil {
			unknown++
		}
	}
	if unknown > 0 {
		words += fmt.Sprintf(" and %s of unknown size", count(unknown, "layer"))
	}
	return words
}

// lacksAll says whether a candidate spares nothing.
func lacksAll(match *matcher.Match, c *matcher.Candidate) bool {
	chains := &match.Overlap.ByChain
	return len(c.Lacks) == chains.PresentLayers+chains.MissingLayers
}

// lackedBytes are compressed bytes to download and unpacked bytes to unpack; a
// layer of unknown size is in neither.
func lackedBytes(c *matcher.Candidate) (fetch, unpack int64) {
	for _, l := range c.Lacks {
		fetch += l.CompressedBytes
		if l.UnpackedBytes != nil {
			unpack += *l.UnpackedBytes
		}
	}
	return fetch, unpack
}

// followWords says what the start does besides, in sentences.
func followWords(match *matcher.Match) []string {
	var words []string
	if match.Fails != "" {
		words = append(words, "The start fails: "+match.Fails+".")
	}
	if match.Revalidated != nil {
		words = append(words, "The registry is asked for "+join(shortReferences(match.Revalidated))+" though it is there: pull policy Always.")
	}
	if match.Stale != nil {
		words = append(words, "Stale content is run: the tag of "+join(shortReferences(match.Stale))+" has moved since the cache was built.")
	}
	if match.Unknown != nil {
		words = append(words, "Not in the inventory, and in no figure: "+join(match.Unknown)+".")
	}
	if match.CreatesAutomatic {
		words = append(words, automaticWords(match))
	}
	return words
}

func automaticWords(match *matcher.Match) string {
	words := fmt.Sprintf("ECI makes an automatic cache of %g GiB from this start", match.AutomaticGiB)
	if !match.AutomaticUsable.IsZero() {
		words += ", usable from " + match.AutomaticUsable.UTC().Format("2006-01-02 15:04:05") + " on (estimated)"
	}
	return words + "; unused, it is deleted on " + match.AutomaticExpires.UTC().Format("2006-01-02") + "."
}

// readingWords says what another reading would change.
func readingWords(match *matcher.Match, r *matcher.Reading) string {
	switch {
	case r.CacheID == match.CacheID:
		return "the same choice, but " + join(changeWords(r.Changes))
	case r.CacheID == "":
		return r.Reason
	}
	return r.CacheID + " instead: " + r.Reason
}

// changeWords say what a reading changes besides the choice.
func changeWords(changes []string) []string {
	var words []string
	for _, change := range changes {
		switch change {
		case "failure":
			words = append(words, "whether the start fails differs")
		case "automatic cache":
			words = append(words, "whether an automatic cache is made differs")
		default:
			words = append(words, "other "+change+" are still pulled")
		}
	}
	return words
}

// sensitivityWords is the first line of what other readings would change.
func sensitivityWords(match *matcher.Match) string {
	choice := 0
	for _, r := range match.Sensitivity {
		if r.CacheID != match.CacheID {
			choice++
		}
	}
	if choice == 0 {
		return fmt.Sprintf("None of %s of the undocumented rules changes the choice.", count(match.ReadingsTried, "other reading"))
	}
	return fmt.Sprintf("%d of %s of the undocumented rules would change the choice.", choice, count(match.ReadingsTried, "other reading"))
}

// warnings are the short forms of what followWords says of a start that a table's
// reader must not miss.
func warnings(match *matcher.Match) []string {
	var words []string
	if match.Fails != "" && !strings.Contains(match.Reason, "the start fails") {
		words = append(words, "the start fails: "+match.Fails)
	}
	if match.Stale != nil {
		words = append(words, "runs stale content of "+join(shortReferences(match.Stale)))
	}
	if match.Unknown != nil {
		words = append(words, "not in the inventory: "+join(match.Unknown))
	}
	return words
}

// policyWords names the policies that are not at their defaults.
func policyWords(m *matcher.Matches) string {
	defaults := matcher.DefaultPolicy().Map()
	var changed []string
	for _, f := range policies(m) {
		if defaults[f.Name] != f.Value {
			changed = append(changed, f.Name+"="+f.Value)
		}
	}
	switch {
	case len(m.Policies) == 0:
		return "policies: not stated"
	case changed == nil:
		return fmt.Sprintf("policies: the defaults of all %d (match --list-policies)", len(m.Policies))
	}
	return fmt.Sprintf("policies: %s; the defaults of the other %d (match --list-policies)", strings.Join(changed, ", "), len(m.Policies)-len(changed))
}

// refusedWords say why matching does not pick a cache; one that is asked for is
// used all the same.
func refusedWords(match *matcher.Match, c *matcher.Candidate) string {
	if c.CacheID == match.CacheID {
		return "asked for explicitly; matching would not pick it: it " + c.Reason
	}
	return "cannot be picked: it " + c.Reason
}

// whyWords is a match's reason, with what to do where no list of caches is given.
func whyWords(match *matcher.Match) string {
	if match.Reason == matcher.NoCaches {
		return match.Reason + " (--caches names a file of those that exist)"
	}
	return match.Reason
}

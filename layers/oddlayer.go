package layers

import (
	"fmt"
	"strings"
)

// layerTypes begin the media types of layers that runtimes unpack: those of the OCI image
// specification (layer.md), encrypted ones and lazy formats of the same names among them,
// and of the Docker Image Manifest Version 2, Schema 2.
var layerTypes = []string{"application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."}

// odd is oddKind of a layer.
func (l *Layer) odd() string { return oddKind(l.MediaType, l.Foreign) }

// oddKind says what about a layer makes it doubtful that its bytes are fetched and unpacked
// as those of others are; empty where nothing does.
func oddKind(mediaType string, foreign bool) string {
	if foreign {
		return "it is fetched from elsewhere (urls), not from where its image is"
	}
	for _, known := range layerTypes {
		if strings.HasPrefix(mediaType, known) {
			return ""
		}
	}
	if mediaType == "" {
		return "its media type is not stated"
	}
	return fmt.Sprintf("its media type %.80q is of no kind of layer that is known", mediaType)
}

// OddDoubts are the reasons to trust less what is said of an image: layers that runtimes may
// not fetch from where it is, or not unpack, and that it has none.
func (inv *Inventory) OddDoubts(image int) (doubts []string) {
	img := &inv.Images[image]
	if len(img.Layers) == 0 {
		return []string{fmt.Sprintf("Image %s (%s) has no layer at all: nothing is fetched or unpacked for it.", img.Reference, img.Digest)}
	}
	for _, l := range img.Layers {
		layer := &inv.Layers[l]
		if odd := layer.odd(); odd != "" {
			doubts = append(doubts, fmt.Sprintf("Layer %s may not be pulled as others are: %s.", layer.Digest, odd))
		}
	}
	return doubts
}

// mostOdd bounds the doubts of an Inventory about odd layers and images.
const mostOdd = 20

// oddDoubts are those of all images, each once; of many it counts the others.
func (inv *Inventory) oddDoubts() (doubts []string) {
	seen := make(map[string]bool)
	for i := range inv.Images {
		for _, doubt := range inv.OddDoubts(i) {
			if seen[doubt] {
				continue
			}
			if seen[doubt] = true; len(seen) <= mostOdd {
				doubts = append(doubts, doubt)
			}
		}
	}
	if more := len(seen) - mostOdd; more > 0 {
		doubts = append(doubts, fmt.Sprintf("%d more images or layers are as these.", more))
	}
	return doubts
}

package layers

import v1 "github.com/opencontainers/image-spec/specs-go/v1"

// GzipRatio is the median of unpacked over compressed bytes of a layer (Zhao
// et al., CLUSTER 2019, over Docker Hub). The same is assumed for zstd, for
// which no survey is published.
const GzipRatio = 2.6

// estimate gives the layer an unpacked size by its media type: that of an
// uncompressed tar is stated, every other is a ratio times the compressed size.
func (l *Layer) estimate() {
	bytes := l.CompressedBytes
	l.UnpackedBytes = &bytes
	switch l.MediaType {
	case v1.MediaTypeImageLayer, ociForeignTar, dockerTar:
		l.UnpackedSource = Measured
		return
	}
	bytes = int64(float64(l.CompressedBytes)*GzipRatio + 0.5)
	l.UnpackedSource, l.UnpackedMethod = Estimated, ByRatio
}

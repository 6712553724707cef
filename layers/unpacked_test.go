package layers

import (
	"bytes"
	stdgzip "compress/gzip"
	"math"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// TestRatioError measures how far estimates by ratio and build step are off for
// the recorded layers, and holds what reports say of it to that.
func TestRatioError(t *testing.T) {
	sizes := recordedSizes(t)
	inv, err := Resolve(t.Context(), recordedReferences(t), Options{})
	if err != nil || len(inv.Unresolved) > 0 {
		t.Fatalf("err %v, unresolved %v", err, inv.Unresolved)
	}
	arm, err := Resolve(t.Context(), []string{layoutRef("tools/shell:1.0"), layoutRef("tools/curl:7.88")}, Options{Platforms: []string{"linux/arm64"}})
	if err != nil || len(arm.Unresolved) > 0 {
		t.Fatalf("err %v, unresolved %v", err, arm.Unresolved)
	}
	var off []float64
	var estimated, measured float64
	for _, l := range append(inv.Layers, arm.Layers...) {
		real := float64(sizes[l.Digest].UnpackedBytes)
		off = append(off, math.Abs(float64(*l.UnpackedBytes)/real-1))
		estimated, measured = estimated+float64(*l.UnpackedBytes), measured+real
	}
	slices.Sort(off)
	got := EstimateError{len(off), round(off[len(off)/2]), round(off[(len(off)*9+9)/10-1]), round(math.Abs(estimated/measured - 1))}
	if want, _ := (SizeOrigin{Method: ByRatio}).MeasuredError(); got != want {
		t.Errorf("the error of ratios is told to be %+v, measured are %+v", want, got)
	}
}

func round(f float64) float64 { return math.Round(f*1000) / 1000 }

// TestTrailer: the end of a gzip blob tells its content's length, whoever
// compressed it, unless it cannot be that of a tar of this blob.
func TestTrailer(t *testing.T) {
	tar := bytes.Repeat([]byte("0123456789abcdef"), 512*10/16)
	one, two := new(bytes.Buffer), new(bytes.Buffer)
	w := gzip.NewWriter(one)
	w.Write(tar)
	w.Close()
	v := stdgzip.NewWriter(two)
	v.Write(tar)
	v.Close()
	several := slices.Concat(one.Bytes(), two.Bytes()[:0])
	empty := new(bytes.Buffer)
	e := gzip.NewWriter(empty)
	e.Close()
	for name, test := range map[string]struct {
		blob []byte
		want trailerFact
	}{
		"klauspost":          {one.Bytes(), trailerFact{UnpackedBytes: 5120}},
		"standard library":   {two.Bytes(), trailerFact{UnpackedBytes: 5120}},
		"empty last member":  {slices.Concat(several, empty.Bytes()), trailerFact{}},
		"no tar":             {gzipped([]byte("hello")), trailerFact{}},
		"less than the blob": {slices.Concat(bytes.Repeat([]byte("x"), 10000), one.Bytes()), trailerFact{}},
		"eStargz":            {slices.Concat(one.Bytes(), stargzFooter()), trailerFact{Lazy: EStargz}},
		"nothing":            {nil, trailerFact{}},
	} {
		end := test.blob[max(0, len(test.blob)-trailerBytes):]
		if got := *readTrailer(end, int64(len(test.blob))); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// stargzFooter is the footer of the eStargz specification, for a TOC at 16.
func stargzFooter() []byte {
	footer := []byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, 'S', 'G', 22, 0}
	footer = append(footer, "0000000000000010STARGZ"...)
	return append(footer, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
}

// TestCopiesPacked: only a COPY that names nothing but packed files.
func TestCopiesPacked(t *testing.T) {
	for step, want := range map[string]bool{
		"COPY target/orders.jar /app/orders.jar":                 true,
		"COPY target/orders.jar /app/orders.jar # buildkit":      true,
		"/bin/sh -c #(nop) COPY file:0a1b2c in /app/orders.jar ": false,
		"COPY --chown=1000 a.whl b.WHL /wheels/":                 true,
		"COPY a.jar src/ /app/":                                  false,
		"ADD rootfs.tar.gz /":                                    false,
		"RUN curl -o /app.jar https://example.com/app.jar":       false,
		"COPY":                      false,
		"COPY static/ /app/static/": false,
	} {
		if got := copiesPacked(step); got != want {
			t.Errorf("%q: %v, want %v", step, got, want)
		}
	}
}

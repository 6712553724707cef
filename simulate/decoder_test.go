package simulate

import (
	"strings"
	"testing"
)

// TestDecoder: a decoder brings the speed of the facts on real pulls, unless the
// block that names it states one.
func TestDecoder(t *testing.T) {
	const (
		igzipLow, igzipHigh = 370, 460 // MB/s
		goLow, goHigh       = 160, 230
	)
	for _, test := range []struct {
		name, text, class string
		low, high         float64
		source            string
	}{
		{"none named", "unpack: {cores: 4}", "", goLow, goHigh, "measured: 188 to 203 MB/s"},
		{"igzip", "unpack: {decoder: igzip}", "", igzipLow, igzipHigh, "assumed: 370 to 460 MB/s"},
		{"with a source", "unpack: {decoder: {value: igzip, source: 'measured: on our PATH'}}", "", igzipLow, igzipHigh, "assumed: 370 to 460 MB/s"},
		{"speed beside it", "unpack: {decoder: igzip, gzipBytesPerSecond: 300MB/s}", "", 300, 300, ""},
		{"back to go", "base: docker\nunpack: {decoder: go}", "", goLow, goHigh, "measured: 188 to 203 MB/s"},
		{"from nothing", "unpack: {decoder: null}", "", goLow, goHigh, "measured: 188 to 203 MB/s"},
		{"a class", "nodeClasses: {fast: {unpack: {decoder: igzip}}}", "fast", igzipLow, igzipHigh, "assumed: 370 to 460 MB/s"},
		{"a class of a stated speed", "unpack: {gzipBytesPerSecond: 300MB/s}\nnodeClasses: {fast: {unpack: {decoder: igzip}}}", "fast", igzipLow, igzipHigh, "assumed: 370 to 460 MB/s"},
		{"a class that states cores", "unpack: {gzipBytesPerSecond: 300MB/s}\nnodeClasses: {fast: {unpack: {cores: 8}}}", "fast", 300, 300, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := ReadProfile("p.yaml", []byte("apiVersion: cachebench/v1\nkind: Profile\nname: p\n"+test.text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			c, err := p.Class(test.class)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Unpack.Gzip
			if mbs := float64(got.Value) / mb; mbs < test.low || mbs > test.high {
				t.Errorf("%g MB/s, want %g to %g", mbs, test.low, test.high)
			}
			if !strings.HasPrefix(got.Source, test.source) || test.source == "" && got.Source != "" {
				t.Errorf("source %q, want %q", got.Source, test.source)
			}
		})
	}
}

// TestDecoderRefused: another name is refused by file, line and name, with the
// names there are.
func TestDecoderRefused(t *testing.T) {
	for name, text := range map[string]string{
		"profile": "unpack:\n  decoder: gunzip",
		"class":   "nodeClasses:\n  fast: {unpack: {decoder: gunzip}}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadProfile("p.yaml", []byte("apiVersion: cachebench/v1\nkind: Profile\nname: p\n"+text+"\n"))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range []string{"p.yaml:", `"gunzip" is none of go, go-std, pigz, igzip`, "unpack.gzipBytesPerSecond"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			t.Log(err)
		})
	}
}

package fleet

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWriteSimGrid(t *testing.T) {
	var text strings.Builder
	if err := small().WriteSimGrid(&text); err != nil {
		t.Fatal(err)
	}
	want := `slots 3
unpack 60000000
link registry - 24000000
link rack0 registry 13000000.5
node node0 registry 60000000 unlimited
node node1 rack0 125000000 15000000
start node1 12.000000005 1000 2000000
start node0 0.250000000
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}

func small() Fleet {
	return Fleet{
		Slots:                3,
		UnpackBytesPerSecond: 60e6,
		Links:                []Link{{"registry", -1, 24e6}, {"rack0", 0, 13000000.5}},
		Nodes:                []Node{{0, 60e6, math.Inf(1)}, {1, 125e6, 15e6}},
		Pulls:                []Pull{{1, 12*time.Second + 5, []int64{1000, 2_000_000}}, {0, 250 * time.Millisecond, nil}},
	}
}

func TestWriteSimGridRefuses(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*Fleet)
		want  string
	}{
		{"no unpacking speed", func(f *Fleet) { f.UnpackBytesPerSecond = 0 }, "unpacking at 0 bytes/s"},
		{"unlimited link", func(f *Fleet) { f.Links[1].BytesPerSecond = math.Inf(1) }, "link rack0 has +Inf bytes/s"},
		{"link that is no number", func(f *Fleet) { f.Links[0].BytesPerSecond = math.NaN() }, "link registry has NaN bytes/s"},
		{"negative node", func(f *Fleet) { f.Nodes[1].BytesPerSecond = -1 }, "the link of node1 has -1 bytes/s"},
		{"dead connection", func(f *Fleet) { f.Nodes[0].ConnectionBytesPerSecond = 0 }, "connections of node0 have 0 bytes/s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := small()
			c.spoil(&f)
			err := f.WriteSimGrid(io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestReadReady(t *testing.T) {
	cases := []struct {
		name, text string
		want       []float64
		fault      string
	}{
		{"none", "", nil, ""},
		{"two", "12.5\n 0.000000001 \n", []float64{12.5, 1e-9}, ""},
		{"word", "1\nsoon\n", nil, `line 2: "soon" is not a number of seconds`},
		{"empty line", "1\n\n2\n", nil, `line 2: "" is not`},
		{"negative", "-1\n", nil, "line 1"},
		{"never", "+Inf\n", nil, "line 1"},
		{"no number", "NaN\n", nil, "line 1"},
		{"endless line", strings.Repeat("1", 1<<17), nil, "after line 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadReady(strings.NewReader(c.text))
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Fatalf("error %v, want %q", err, c.fault)
			}
			if !cmp.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func FuzzReadReady(f *testing.F) {
	f.Add("12.5\n0.25\n")
	f.Add("1e400\n")
	f.Add("-0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		ready, err := ReadReady(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, seconds := range ready {
			if !(seconds >= 0 && seconds <= math.MaxFloat64) {
				t.Errorf("read %v seconds", seconds)
			}
		}
		if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; text != "" && len(ready) != lines {
			t.Errorf("%d times of %d lines", len(ready), lines)
		}
	})
}

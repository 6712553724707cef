package document

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// units has one field of each unit and of each type that has it.
type units struct {
	Duration  time.Duration `json:"durationSeconds,omitempty"`
	Seconds   float64       `json:"floatSeconds,omitempty"`
	Hours     float64       `json:"hours,omitempty"`
	Bytes     int64         `json:"bytes,omitempty"`
	FloatByte float64       `json:"floatBytes,omitempty"`
	Unsigned  uint32        `json:"unsignedBytes,omitempty"`
	GiB       float64       `json:"memoryGiB,omitempty"`
	WholeGiB  int           `json:"wholeGiB,omitempty"`
	ByteRate  float64       `json:"nodeBytesPerSecond,omitempty"`
	WholeRate int64         `json:"wholeBytesPerSecond,omitempty"`
	Rate      float64       `json:"startsPerSecond,omitempty"`
	Single    float32       `json:"singleBytesPerSecond,omitempty"`
	Fraction  float64       `json:"fraction,omitempty"`
	Signed    float64       `json:"changeFraction,omitempty" document:"signed"`
	Plain     float64       `json:"pricePerSecond,omitempty" document:"unit=none"`
	Named     float64       `json:"timeout,omitempty" document:"unit=seconds"`
}

func TestUnits(t *testing.T) {
	tests := []struct {
		text string // "key: value"
		want units
	}{
		{"durationSeconds: 1.5", units{Duration: 1500 * time.Millisecond}},
		{"durationSeconds: 1e-9", units{Duration: 1}},
		{"durationSeconds: 4e-10", units{}},
		{"durationSeconds: 0.0000000005", units{Duration: 1}},
		{"durationSeconds: 9223372036.854775807", units{Duration: math.MaxInt64}},
		{"durationSeconds: 9223372035.854775807", units{Duration: math.MaxInt64 - time.Second}},
		{"durationSeconds: 20ms", units{Duration: 20 * time.Millisecond}},
		{"durationSeconds: 1h30m", units{Duration: 90 * time.Minute}},
		{"durationSeconds: 1h 30m", units{Duration: 90 * time.Minute}},
		{"durationSeconds: 7d", units{Duration: 7 * 24 * time.Hour}},
		{"durationSeconds: 1.5 d", units{Duration: 36 * time.Hour}},
		{"durationSeconds: 0.1s", units{Duration: 100 * time.Millisecond}},
		{"durationSeconds: 3us", units{Duration: 3 * time.Microsecond}},
		{"durationSeconds: 3µs", units{Duration: 3 * time.Microsecond}},
		{"durationSeconds: .5ns", units{Duration: 1}},
		{"floatSeconds: 20ms", units{Seconds: 0.02}},
		{"floatSeconds: 1e10", units{Seconds: 1e10}},
		{"timeout: 2m", units{Named: 120}},
		{"hours: 36", units{Hours: 36}},
		{"hours: 2d12h", units{Hours: 60}},
		{"bytes: 300MB", units{Bytes: 300e6}},
		{"bytes: 1.5GiB", units{Bytes: 3 << 29}},
		{"bytes: 10KiB", units{Bytes: 10240}},
		{"bytes: 1kB", units{Bytes: 1000}},
		{"bytes: 1KB", units{Bytes: 1000}},
		{"bytes: 7 B", units{Bytes: 7}},
		{"bytes: 2TB", units{Bytes: 2e12}},
		{"bytes: 0.3GiB", units{Bytes: 322122547}},
		{"bytes: 1e6", units{Bytes: 1e6}},
		{"bytes: 9007199254740993", units{Bytes: 1<<53 + 1}},
		{"bytes: 9007199254740993.0", units{Bytes: 1<<53 + 1}},
		{"floatBytes: 1.5", units{FloatByte: 1.5}},
		{"unsignedBytes: 4GB", units{Unsigned: 4e9}},
		{"memoryGiB: 20GiB", units{GiB: 20}},
		{"memoryGiB: 512MiB", units{GiB: 0.5}},
		{"memoryGiB: 0", units{}},
		{"wholeGiB: 2TiB", units{WholeGiB: 2048}},
		{"nodeBytesPerSecond: 200Mbit/s", units{ByteRate: 25e6}},
		{"nodeBytesPerSecond: 1Gbit/s", units{ByteRate: 125e6}},
		{"nodeBytesPerSecond: 12.5MB/s", units{ByteRate: 12.5e6}},
		{"nodeBytesPerSecond: 10MiB/s", units{ByteRate: 10 << 20}},
		{"nodeBytesPerSecond: 8 Kibit/s", units{ByteRate: 1024}},
		{"nodeBytesPerSecond: 1.5e8", units{ByteRate: 1.5e8}},
		{"nodeBytesPerSecond: unlimited", units{ByteRate: infinity}},
		{"singleBytesPerSecond: unlimited", units{Single: float32(infinity)}},
		{"wholeBytesPerSecond: 1kbit/s", units{WholeRate: 125}},
		{"startsPerSecond: 0.5", units{Rate: 0.5}},
		{"startsPerSecond: unlimited", units{Rate: infinity}},
		{"fraction: 0.25", units{Fraction: 0.25}},
		{"fraction: 30%", units{Fraction: 0.3}},
		{"fraction: 12.5 %", units{Fraction: 0.125}},
		{"fraction: 100%", units{Fraction: 1}},
		{"changeFraction: -1.5", units{Signed: -1.5}},
		{"changeFraction: -20%", units{Signed: -0.2}},
		{"pricePerSecond: 0.0000085", units{Plain: 0.0000085}},
		{"pricePerSecond: -0", units{}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			var got units
			if err := Read("u.yaml", []byte(header+test.text), "Sample", &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnitFaults(t *testing.T) {
	const (
		timeHint     = `write seconds (300) or a unit ("5m")`
		byteHint     = `write bytes (1048576) or a unit ("1.5GiB", "300MB")`
		gibHint      = `write GiB (20) or a unit ("20GiB", "512MiB")`
		byteRateHint = `write bytes per second (25000000), a unit ("200Mbit/s", "25MB/s") or "unlimited"`
		rateHint     = `write a number per second above 0 (12.5) or "unlimited"`
		shareHint    = `write a number from 0 to 1 (0.3) or a share ("30%")`
	)
	tests := []struct{ text, want string }{
		{"durationSeconds: 5 parsecs", `"5 parsecs" is not a time: ` + timeHint},
		{`durationSeconds: "300"`, `"300" is not a time: ` + timeHint},
		{"durationSeconds: soon", `"soon" is not a time: ` + timeHint},
		{"durationSeconds: unlimited", `"unlimited" is not a time: ` + timeHint},
		{"durationSeconds: 5m3", `"5m3" is not a time: ` + timeHint},
		{"durationSeconds: 5m-3s", `"5m-3s" is not a time: ` + timeHint},
		{"durationSeconds: 1.2.3s", `"1.2.3s" is not a time: ` + timeHint},
		{"durationSeconds: 5MB", `"5MB" is a size, not a time: ` + timeHint},
		{"durationSeconds: true", `true is not a time: ` + timeHint},
		{"durationSeconds: -1", "-1 is negative: a time is 0 or more"},
		{"durationSeconds: -5m", `"-5m" is negative: a time is 0 or more`},
		{"durationSeconds: 1e10", "1e10 is out of range: a time is at most 292 years"},
		{"durationSeconds: 200000d", `"200000d" is not a time: ` + timeHint},
		{"floatSeconds: [1]", "a list is not a time: " + timeHint},
		{"floatSeconds: 20%", `"20%" is a share, not a time: ` + timeHint},
		{"hours: 5 hours", `"5 hours" is not a time: write hours (36) or a unit ("36h", "2d")`},
		{"bytes: 20ms", `"20ms" is a time, not a size: ` + byteHint},
		{"bytes: 1.5", "1.5 is not a whole number"},
		{"bytes: 5Mbit", `"5Mbit" is not a size: ` + byteHint},
		{"bytes: 5MB/s", `"5MB/s" is a rate in bytes per second, not a size: ` + byteHint},
		{"bytes: 5mb", `"5mb" is not a size: ` + byteHint},
		{"bytes: 20G", `"20G" is not a size: ` + byteHint},
		{"bytes: MB", `"MB" is not a size: ` + byteHint},
		{"bytes: -1", "-1 is negative: a size is 0 or more"},
		{"bytes: -1.5e30", "-1.5e30 is negative: a size is 0 or more"},
		{"bytes: -1MB", `"-1MB" is negative: a size is 0 or more`},
		{"bytes: 99999999TB", `"99999999TB" is out of range: write 0 to 9223372036854775807`},
		{"bytes: " + strings.Repeat("9", 200) + "TB", `"` + strings.Repeat("9", 60) + `..." is out of range: write 0 to 9223372036854775807`},
		{"floatBytes: " + strings.Repeat("9", 308) + "TB", `"` + strings.Repeat("9", 60) + `..." is not a size: ` + byteHint},
		{"unsignedBytes: 5GB", `"5GB" is out of range: write 0 to 4294967295`},
		{"memoryGiB: -0.5", "-0.5 is negative: a size is 0 or more"},
		{"memoryGiB: 1h", `"1h" is a time, not a size: ` + gibHint},
		{"wholeGiB: 512MiB", `"512MiB" is 0.5 GiB, not a whole number of them`},
		{"wholeGiB: 1.5", "1.5 is not a whole number"},
		{"nodeBytesPerSecond: 0", "0 is not above 0: " + byteRateHint},
		{"nodeBytesPerSecond: -1", "-1 is not above 0: " + byteRateHint},
		{"nodeBytesPerSecond: 0MB/s", `"0MB/s" is not above 0: ` + byteRateHint},
		{"nodeBytesPerSecond: 20ms", `"20ms" is a time, not a rate in bytes per second: ` + byteRateHint},
		{"nodeBytesPerSecond: 5MB", `"5MB" is a size, not a rate in bytes per second: ` + byteRateHint},
		{"nodeBytesPerSecond: 5Mbps", `"5Mbps" is not a rate in bytes per second: ` + byteRateHint},
		{"nodeBytesPerSecond: Unlimited", `"Unlimited" is not a rate in bytes per second: ` + byteRateHint},
		{"wholeBytesPerSecond: unlimited", `"unlimited" is not a whole number`},
		{"singleBytesPerSecond: " + strings.Repeat("9", 50) + "B/s", `"` + strings.Repeat("9", 50) + `B/s" is out of range`},
		{"startsPerSecond: 0", "0 is not above 0: " + rateHint},
		{"startsPerSecond: 5MB/s", `"5MB/s" is a rate in bytes per second, not a rate: ` + rateHint},
		{"startsPerSecond: many", `"many" is not a rate: ` + rateHint},
		{"fraction: 1.01", "1.01 is not between 0 and 1: " + shareHint},
		{"fraction: -0.1", "-0.1 is not between 0 and 1: " + shareHint},
		{"fraction: 130%", `"130%" is not between 0 and 1: ` + shareHint},
		{"fraction: 5ms", `"5ms" is a time, not a fraction: ` + shareHint},
		{"pricePerSecond: 5MB/s", `"5MB/s" is a rate in bytes per second, not a number`},
	}
	for _, test := range tests {
		t.Run(shortened(test.text), func(t *testing.T) {
			key, _, _ := strings.Cut(test.text, ":")
			err := Read("u.yaml", []byte(header+test.text), "Sample", &units{})
			if diff := cmp.Diff("u.yaml:3: "+key+": "+test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A unit of the key above reaches through the struct that stands there.
func TestUnitOfTheParent(t *testing.T) {
	tests := []struct{ text, want string }{
		{"network: {roundTripSeconds: 5MB}", `u.yaml:3: network.roundTripSeconds: "5MB" is a size, not a time: write seconds (300) or a unit ("5m")`},
		{"network: {roundTripSeconds: {median: -1}}", "u.yaml:3: network.roundTripSeconds.median: -1 is negative: a time is 0 or more"},
		{"network: {linkBytesPerSecond: {a: {value: 5ms}}}", `u.yaml:3: network.linkBytesPerSecond.a.value: "5ms" is a time, not a rate in bytes per second: write bytes per second (25000000), a unit ("200Mbit/s", "25MB/s") or "unlimited"`},
		{"network: {stepsPerSecond: [1, 0]}", `u.yaml:3: network.stepsPerSecond[1]: 0 is not above 0: write a number per second above 0 (12.5) or "unlimited"`},
		{"network: {roundTripSeconds: {sigma: 5ms}}", `u.yaml:3: network.roundTripSeconds.sigma: "5ms" is a time, not a number`},
		{"network: {roundTripSeconds: {distribution: normal}}", `u.yaml:3: network.roundTripSeconds.distribution: "normal" is not one of constant, lognormal`},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			_, err := read("u.yaml", header+test.text)
			if diff := cmp.Diff(test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnitOf(t *testing.T) {
	tests := []struct {
		key  string
		want unit
	}{
		{"runtimeSeconds", seconds}, {"seconds", seconds}, {"milliseconds", plain}, {"second", plain},
		{"nodeBytesPerSecond", byteRate}, {"bytesPerSecond", byteRate}, {"admitPerSecond", rate}, {"perSecond", rate},
		{"compressedBytes", byteCount}, {"megabytes", plain}, {"sizeGiB", gibibytes}, {"memoryGiBSecond", plain},
		{"readFraction", fraction}, {"fraction", fraction}, {"lifetimeHours", hours}, {"startsPerDay", plain}, {"", plain},
	}
	for _, test := range tests {
		if got := unitOf(test.key); got != test.want {
			t.Errorf("unitOf(%q) = %s, want %s", test.key, got.name(), test.want.name())
		}
	}
}

func TestSecondsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "nanoseconds"))
		text := string(appendSeconds(nil, d))
		if got, ok := parseSeconds(text); !ok || got != d {
			t.Fatalf("%d ns is written %s and read as %d ns", d, text, got)
		}
		if !isNumber(text) || strings.HasSuffix(text, ".") || strings.Contains(text, ".") && strings.HasSuffix(text, "0") {
			t.Fatalf("%s is not the short form of a number", text)
		}
	})
}

func TestShortAndLongSecondsAgree(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := number.Draw(t, "text")
		short, _ := shortSeconds(text)
		if long, _ := scaledDuration(text, time.Second); short != long {
			t.Fatalf("%s is %d and %d", text, short, long)
		}
	})
}

func TestAppendFloat(t *testing.T) {
	tests := []struct {
		value float64
		want  string
	}{
		{0, "0"}, {1, "1"}, {1.5, "1.5"}, {-0.1, "-0.1"}, {1e-6, "0.000001"}, {1.25e-7, "1.25e-7"},
		{1e20, "100000000000000000000"}, {1e21, "1e+21"}, {1e-300, "1e-300"}, {123456789.125, "123456789.125"},
	}
	for _, test := range tests {
		if got := string(appendFloat(nil, test.value, 64)); got != test.want {
			t.Errorf("%v is written %s, want %s", test.value, got, test.want)
		}
	}
}

// TestTypedQuantities: times and rates that people type are read as those of files.
func TestTypedQuantities(t *testing.T) {
	for text, want := range map[string]time.Duration{"90": 90 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "250 ms": 250 * time.Millisecond} {
		if got, err := ParseTime(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]float64{"7": 7, "10Mbit/s": 1.25e6, "25MB/s": 25e6, "1.5kB/s": 1500, "unlimited": math.Inf(1)} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"": "is not a time", "-1": "is not a time", "-1s": "is negative", "soon": "is not a time", "5MB": "is a size", "9e99": "is not a time", "NaN": "is not a time", "1e30d": "is not a time"} {
		if got, err := ParseTime(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"": "is not a rate", "0": "is not above 0", "-5": "is not above 0", "10MB": "is a size", "Inf": "is not a rate", "fast/s": "is not a rate"} {
		if got, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v; want %q", text, got, err, want)
		}
	}
}

func TestFloatsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64().Draw(t, "value")
		if math.IsInf(value, 0) || math.IsNaN(value) {
			t.Skip()
		}
		text := string(appendFloat(nil, value, 64))
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || back != value || !isNumber(text) {
			t.Fatalf("%v is written %s and read as %v", value, text, back)
		}
	})
}

func TestWholeNumbers(t *testing.T) {
	tests := []struct {
		text string
		want string // empty if it is none
	}{
		{"0", "0"}, {"-0", "0"}, {"0e9", "0"}, {"0.000e-999999", "0"}, {"3.0", "3"}, {"3e2", "300"}, {"30e-1", "3"}, {"31e-1", ""},
		{"1e19", "10000000000000000000"}, {"1e999999999", ""}, {"1e-999999999", ""},
		{"123456789012345678.0", "123456789012345678"}, {"1.8446744073709551615e19", "18446744073709551615"},
	}
	for _, test := range tests {
		got, ok := parseWhole(test.text)
		if ok != (test.want != "") || ok && got.String() != test.want {
			t.Errorf("parseWhole(%s) = %v, %v; want %s", test.text, got, ok, test.want)
		}
	}
}

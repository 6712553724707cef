package sketch

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// textVersion opens the text form. Another layout of the buckets is another
// version.
const textVersion = "times/1"

// maxTextCount bounds the count that is read, to the whole numbers that every
// reader of JSON holds exactly. It leaves room for a thousand merges.
const maxTextCount = 1 << 53

// MarshalText writes a sketch as one line, which UnmarshalText reads back to
// the same bits; so it stands as a string in JSON and in every file of the
// project:
//
//	times/1 count=3 sumSeconds=4.5 minSeconds=1 maxSeconds=2 buckets=3040:1,3132:2
//
// The sum has all its digits. A bucket stands as number:count, in order, those
// with a count of 0 left out; bucket b below 256 is of b nanoseconds, any other
// begins at (b - 128*s) * 2^s nanoseconds with s = b/128 - 1 rounded down, and is
// 2^s wide. An empty sketch is "times/1 count=0"; refused=N ends the line if
// durations were refused.
func (t *Times) MarshalText() ([]byte, error) {
	out := fmt.Appendf(nil, "%s count=%d", textVersion, t.count)
	if t.count > 0 {
		out = append(append(out, " sumSeconds="...), seconds(t.sum.big())...)
		out = append(append(out, " minSeconds="...), seconds(big.NewInt(int64(t.min)))...)
		out = append(append(out, " maxSeconds="...), seconds(big.NewInt(int64(t.max)))...)
		out = append(out, " buckets="...)
		out = t.appendBuckets(out)
	}
	if t.refused > 0 {
		out = fmt.Appendf(out, " refused=%d", t.refused)
	}
	return out, nil
}

func (t *Times) appendBuckets(out []byte) []byte {
	if t.zeros > 0 {
		out = fmt.Appendf(out, "0:%d,", t.zeros)
	}
	for i, n := range t.counts {
		if n > 0 {
			out = strconv.AppendInt(out, int64(t.first+i), 10)
			out = append(out, ':')
			out = append(strconv.AppendInt(out, n, 10), ',')
		}
	}
	return out[:len(out)-1]
}

// seconds writes nanoseconds as seconds, with all their digits and no more.
func seconds(nanos *big.Int) string {
	whole, rest := new(big.Int).QuoRem(nanos, big.NewInt(int64(time.Second)), new(big.Int))
	if rest.Sign() == 0 {
		return whole.String()
	}
	return whole.String() + "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
}

// UnmarshalText reads what MarshalText wrote, in place of what t held. It
// refuses any other text, and one whose count, sum, minimum and maximum cannot be
// those of its buckets; t then stays as it was.
func (t *Times) UnmarshalText(text []byte) error {
	r := reader{rest: string(text)}
	read := r.times()
	if r.fault != "" {
		return fmt.Errorf("read a sketch of times %q: %s: it must be as cachebench wrote it", shortened(string(text)), r.fault)
	}
	// One value has one text: what is left here is a number such as 007 or 1.50.
	if again, _ := read.MarshalText(); string(again) != string(text) {
		return fmt.Errorf("read a sketch of times %q: cachebench would write it as %q", shortened(string(text)), shortened(string(again)))
	}
	*t = *read
	return nil
}

func shortened(text string) string {
	if len(text) <= 80 {
		return text
	}
	return text[:80] + "..."
}

// A reader takes a text apart. It stops caring at the first fault.
type reader struct {
	rest  string
	fault string
}

func (r *reader) fail(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

func (r *reader) times() *Times {
	t := &Times{}
	version, rest, _ := strings.Cut(r.rest, " ")
	if version != textVersion {
		r.fail("its version is %q, not %s", shortened(version), textVersion)
	}
	r.rest = rest
	t.count = r.whole("count", r.field("count"), 0, maxTextCount)
	if t.count > 0 && r.fault == "" {
		r.filled(t)
	}
	if r.rest != "" {
		t.refused = r.whole("refused", r.field("refused"), 1, maxTextCount)
	}
	if r.rest != "" {
		r.fail("%q stands after its end", shortened(r.rest))
	}
	return t
}

// filled reads the fields that an empty sketch does not have.
func (r *reader) filled(t *Times) {
	t.sum = wideOf(r.nanos("sumSeconds", 128))
	t.min = time.Duration(r.nanos("minSeconds", 63).Int64())
	t.max = time.Duration(r.nanos("maxSeconds", 63).Int64())
	low, high, counted := r.buckets(t)
	switch {
	case r.fault != "":
	case counted != t.count:
		r.fail("count is %d, but its buckets count %d", t.count, counted)
	case t.bucketOfRank(1) != bucketOf(uint64(t.min)) || t.bucketOfRank(t.count) != bucketOf(uint64(t.max)) || t.min > t.max:
		r.fail("minSeconds and maxSeconds are not in the first and the last bucket")
	case t.sum.less(low) || high.less(t.sum):
		r.fail("sumSeconds cannot be the sum of its buckets")
	case t.count == 1 && (t.min != t.max || t.sum != wide{low: uint64(t.min)}):
		r.fail("one duration is not its minimum, maximum and sum at once")
	}
}

func (t *Times) bucketOfRank(rank int64) int {
	bucket, _ := t.bucketAt(rank)
	return bucket
}

// buckets returns the least and the largest sum that the buckets can have, and
// how many durations they count.
func (r *reader) buckets(t *Times) (low, high wide, counted int64) {
	last := -1
	for pair := range strings.SplitSeq(r.field("buckets"), ",") {
		number, count, _ := strings.Cut(pair, ":")
		bucket := int(r.whole("the number of a bucket", number, 0, maxBuckets-1))
		n := r.whole("the count of a bucket", count, 1, maxTextCount)
		if bucket <= last {
			r.fail("bucket %d stands after bucket %d", bucket, last)
		}
		if counted += n; counted > t.count {
			r.fail("count is %d, but its buckets count more", t.count)
		}
		if r.fault != "" {
			return low, high, counted
		}
		last = bucket
		t.fill(bucket, n)
		from, to := edges(bucket)
		low = low.plus(wide{low: uint64(from)}.times(uint64(n)))
		high = high.plus(wide{low: uint64(to)}.times(uint64(n)))
	}
	return low, high, counted
}

func (t *Times) fill(bucket int, n int64) {
	if bucket == 0 {
		t.zeros = n
		return
	}
	t.cover(bucket)
	t.counts[bucket-t.first] = n
}

// field returns the value of the next field, which must have the given key.
func (r *reader) field(key string) string {
	field, rest, more := strings.Cut(r.rest, " ")
	value, ok := strings.CutPrefix(field, key+"=")
	if !ok || more && rest == "" {
		r.fail("%s= is wanted where %q stands", key, shortened(r.rest))
	}
	r.rest = rest
	return value
}

func (r *reader) whole(what, text string, least, most int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		r.fail("%s is %q, not a whole number from %d to %d", what, shortened(text), least, most)
		return least
	}
	return n
}

// nanos reads seconds as nanoseconds of at most so many bits.
func (r *reader) nanos(key string, bits int) *big.Int {
	text := r.field(key)
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction + strings.Repeat("0", max(0, 9-len(fraction)))
	n, ok := new(big.Int), len(fraction) <= 9 && len(digits) < 60 && strings.Trim(digits, "0123456789") == ""
	if ok {
		n, ok = n.SetString(digits, 10)
	}
	if !ok || n.BitLen() > bits {
		r.fail("%s is %q, not seconds of at most nine decimals", key, shortened(text))
		return new(big.Int)
	}
	return n
}

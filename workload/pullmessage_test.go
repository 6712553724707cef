package workload

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPullMessages(t *testing.T) {
	ms := func(n int64) *time.Duration { return new(time.Duration(n) * time.Millisecond) }
	for _, test := range []struct {
		text string
		want pullMessage
	}{
		{`Pulling image "a:1"`, pullMessage{step: stepPulling, reference: "a:1"}},
		{`pulling image "a:1"`, pullMessage{step: stepPulling, reference: "a:1"}},
		{`Successfully pulled image "a:1"`, pullMessage{step: stepPulled, reference: "a:1"}},
		{`Successfully pulled image "a:1" in 49.657983991s`, pullMessage{step: stepPulled, reference: "a:1", took: new(49657983991 * time.Nanosecond)}},
		{`Successfully pulled image "a:1" in 3.2s (5.1s including waiting)`, pullMessage{step: stepPulled, reference: "a:1", took: ms(3200), waiting: ms(5100)}},
		{`Successfully pulled image "a:1" in 3.2s (5.1s including waiting). Image size: 72950530 bytes.`, pullMessage{step: stepPulled, reference: "a:1", took: ms(3200), waiting: ms(5100), bytes: new(int64(72950530))}},
		{`Successfully pulled image "a:1" in 796ms (1m1.594s including waiting). Image size: 0 bytes.`, pullMessage{step: stepPulled, reference: "a:1", took: ms(796), waiting: ms(61594)}},
		{`Successfully pulled image "a:1" in 1h2m0s.`, pullMessage{step: stepPulled, reference: "a:1", took: ms(3720000)}},
		{`Successfully pulled image "a:1" in a while`, pullMessage{step: stepPulled, reference: "a:1", unreadable: true}},
		{`Successfully pulled image "a:1" in 3s (long including waiting)`, pullMessage{step: stepPulled, reference: "a:1", took: ms(3000), unreadable: true}},
		{`Successfully pulled image "a:1" in 3s. Image size: 99999999999999999999 bytes.`, pullMessage{step: stepPulled, reference: "a:1", took: ms(3000)}},
		{`Container image "a:1" already present on machine`, pullMessage{step: stepPresent, reference: "a:1"}},
		{`Container image "a:1" already present on machine and can be accessed by the pod`, pullMessage{step: stepPresent, reference: "a:1"}},
		{`Container image "a:1" is not present with pull policy of Never`, pullMessage{step: stepNever, reference: "a:1"}},
		{`Failed to pull image "a:1": rpc error: "x"`, pullMessage{step: stepFailed, reference: "a:1"}},
		{`Back-off pulling image "a:1": ErrImagePull: no`, pullMessage{step: stepBackOff, reference: "a:1"}},
		{`(combined from similar events): Successfully pulled image "a:1" in 1s`, pullMessage{step: stepPulled, reference: "a:1", took: ms(1000), folded: true}},
		{`Successfully pulled image a:1`, pullMessage{}},
		{`Successfully pulled image "a:1`, pullMessage{}},
		{`Successfully pulled image "a\n:1"`, pullMessage{}},
		{`Created container web`, pullMessage{}},
		{``, pullMessage{}},
	} {
		if got := readPullMessage(test.text); !cmp.Equal(got, test.want, cmp.AllowUnexported(pullMessage{})) {
			t.Errorf("%s\ngot  %+v\nwant %+v", test.text, got, test.want)
		}
	}
}

// TestPullMessageRoundTrip: what the kubelet's own format writes is read as it was.
func TestPullMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reference := rapid.StringMatching(`[!-~]{1,60}`).Draw(t, "reference")
		took := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "took"))
		wait := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "wait"))
		bytes := rapid.Int64Range(1, 1<<50).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "truncated") {
			took, wait = took.Truncate(time.Millisecond), wait.Truncate(time.Millisecond)
		}
		want := pullMessage{step: stepPulled, reference: reference, took: &took}
		text := fmt.Sprintf("Successfully pulled image %q in %v", reference, took)
		if rapid.Bool().Draw(t, "bracket") {
			whole := took + wait
			want.waiting = &whole
			text += fmt.Sprintf(" (%v including waiting)", whole)
			if rapid.Bool().Draw(t, "size") {
				want.bytes = &bytes
				text += ". Image size: " + strconv.FormatInt(bytes, 10) + " bytes."
			}
		}
		if got := readPullMessage(text); !cmp.Equal(got, want, cmp.AllowUnexported(pullMessage{})) {
			t.Fatalf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	})
}

package compare

import (
	"strings"
	"testing"

	"github.com/cachebench/cachebench/reports"
)

// TestWorkload: what was started otherwise is not compared, unless that is allowed.
func TestWorkload(t *testing.T) {
	of := func(digest string, lines ...string) string {
		if digest == "" {
			return simulated(lines...)
		}
		return "workload-digest: " + digest + "\n" + simulated(lines...)
	}
	const line, more = "app=web/arm=cold 10 startup-sec", "app=api/arm=cold 10 startup-sec"
	for _, test := range []struct{ old, new, allow, refusal, doubt string }{
		{old: of("aa", line), new: of("aa", line)},
		{old: of("", line), new: of("", line)},
		{old: of("aa", line), new: of("bb", line), refusal: "another workload: what is started when differs ("},
		{old: of("aa", line), new: of("bb", line), allow: Workload, doubt: "OLD's has the digest aa, NEW's bb"},
		{old: of("aa", line), new: of("bb", line), allow: Starts, refusal: "another workload"},
		{old: of("", line), new: of("bb", line), refusal: "OLD does not say its workload, and the other's is bb (--allow workload)"},
		{old: of("aa", line), new: of("", line), allow: Workload, doubt: "NEW does not say its workload"},
		{old: of("aa", line), new: of("bb", line, more), refusal: "as where NEW adds apps"},
		// Another number of starts says it already.
		{old: of("aa", line), new: strings.Replace(of("bb", line), " 1 10", " 2 10", 1), refusal: "the numbers of starts differ"},
		{old: of("aa", line), new: strings.Replace(of("bb", line), " 1 10", " 2 10", 1), allow: Starts, doubt: "The numbers of starts differ"},
		{old: of("aa", line), new: strings.Replace(of("bb", line), " 1 10", " 2 10", 1), allow: Workload, doubt: "The numbers of starts differ"},
	} {
		opt := Options{}
		if test.allow != "" {
			opt.Allow = []string{test.allow}
		}
		c := judged(t, test.old, test.new, "startup-sec:+5%", opt)
		refusals := strings.Join(c.Refusals, "; ")
		if want := test.refusal != ""; want != (len(c.Refusals) == 1) || !strings.Contains(refusals, test.refusal) || want != (c.Gate.Verdict == reports.Unjudged) {
			t.Errorf("%+v: refusals %q, %s", test, refusals, c.Gate.Verdict)
		}
		if doubts := strings.Join(c.Doubts, " "); !strings.Contains(doubts, test.doubt) || test.doubt == "" && doubts != "" && test.refusal == "" {
			t.Errorf("%+v: doubts %q", test, doubts)
		}
	}
}

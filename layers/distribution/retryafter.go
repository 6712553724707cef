package distribution

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a server can make us believe: a wait beyond it is
// taken as this long.
const maxRetryAfter = 366 * 24 * time.Hour

// parseRetryAfter reads a Retry-After field (RFC 9110 section 10.2.3): seconds or
// a date. A date that has passed is no wait.
func parseRetryAfter(field string, now time.Time) (wait time.Duration, ok bool) {
	field = strings.TrimSpace(field)
	if field == "" {
		return 0, false
	}
	if isDigits(field) {
		seconds, err := strconv.ParseInt(field, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(field)
	if err != nil {
		return 0, false
	}
	return min(max(date.Sub(now), 0), maxRetryAfter), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

package simulate

import "time"

// observer keeps what happens over time, on request.
type observer struct{}

func (o *observer) until(e *engine, t time.Duration) {}
func (o *observer) request(at time.Duration)         {}

package bench

import (
	"context"
	"fmt"
	"time"

	"prana/engine/flow"
)

// Resume is the time from resuming an execution to its next step having run.
type Resume struct {
	Samples int     `json:"samples"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

var resume = measurement{name: "resume", measure: measureResume, lines: resumeLines, about: "from resuming an execution until its next step has run, by a worker in the same process"}

func measureResume(ctx context.Context, b *bench, r *Report) error {
	times, err := b.oneByOne(ctx, "resume", resumeOne)
	if err != nil {
		return err
	}
	p := percentilesOf(times)
	r.Resume = Resume{Samples: len(times), P50: in(time.Millisecond, p.p50), P99: in(time.Millisecond, p.p99)}
	return nil
}

func resumeOne(ctx context.Context, p *process, w waiter) (time.Duration, error) {
	began := time.Now()
	if _, err := p.Engine().Resume(ctx, flow.ResumeRequest{Execution: w.execution}); err != nil {
		return 0, err
	}
	err := p.await(ctx, w.execution)
	return time.Since(began), err
}

func resumeLines(r Report) []Line {
	return []Line{{Of: "until the next step has run", Result: fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", r.Resume.P50, r.Resume.P99)}}
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
)

// IdleChain is the time that one chain of no-op steps takes when nothing else runs, from its start to its end.
type IdleChain struct {
	Steps   int      `json:"steps"`
	Samples int      `json:"samples"`
	P50     float64  `json:"p50_ms"`
	P99     float64  `json:"p99_ms"`
	Bare    Spectrum `json:"bare_asynq"` // the same by bare asynq
}

// Spectrum is a median and the time that one in a hundred exceeds.
type Spectrum struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

func spectrumOf(times []time.Duration) Spectrum {
	p := percentilesOf(times)
	return Spectrum{P50: in(time.Millisecond, p.p50), P99: in(time.Millisecond, p.p99)}
}

// String is for people.
func (s Spectrum) String() string { return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", s.P50, s.P99) }

var idleChain = measurement{
	name: "idle_chain", measure: measureIdleChain, lines: idleChainLines,
	about: "one chain of ten no-op steps on an idle system, from its start to its end, by bare asynq and by the engine",
}

func measureIdleChain(ctx context.Context, b *bench, r *Report) error {
	var ours, bares []time.Duration
	if err := b.turns(ctx, "idle_chain", b.idleTurn(&bares, b.idleBare), b.idleTurn(&ours, b.idleOurs)); err != nil {
		return err
	}
	s := spectrumOf(ours)
	r.IdleChain = IdleChain{Steps: chainSteps, Samples: len(ours), P50: s.P50, P99: s.P99, Bare: spectrumOf(bares)}
	return nil
}

// idleTurn takes its part of the samples in each round, after a few that do not count.
func (b *bench) idleTurn(times *[]time.Duration, take func(ctx context.Context, n int) ([]time.Duration, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		some, err := take(ctx, idleWarmUp+(b.Samples+b.Rounds-1)/b.Rounds)
		if err != nil {
			return err
		}
		*times = append(*times, some[idleWarmUp:]...)
		return nil
	}
}

// idleWarmUp is how many chains do not count in each round: connections and scripts are there after them.
const idleWarmUp = 5

func (b *bench) idleOurs(ctx context.Context, n int) (times []time.Duration, err error) {
	w := newWatch(1)
	p, err := b.launch(ctx, b.dbs[0], w.tell)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop(ctx, p)) }()
	version, err := b.deploy(ctx, p.Engine(), chainSource())
	if err != nil {
		return nil, err
	}
	return oneByOne(ctx, n, w, p.Err(), func() error {
		_, err := p.Engine().Start(ctx, flow.StartRequest{Workflow: b.workflow, Version: version, Input: []byte(left)})
		return err
	})
}

func (b *bench) idleBare(ctx context.Context, n int) (times []time.Duration, err error) {
	s, err := b.newBare(1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.redis.Close()) }()
	if err := s.serve(); err != nil {
		return nil, err
	}
	defer s.stop()
	return oneByOne(ctx, n, s.watch, nil, func() error { return s.begin(ctx) })
}

// oneByOne takes the time of n executions, each begun when the one before has ended.
func oneByOne(ctx context.Context, n int, w *watch, died <-chan error, begin func() error) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		w.again()
		began := time.Now()
		if err := begin(); err != nil {
			return nil, err
		}
		over, err := w.lastEnd(ctx, died)
		if err != nil {
			return nil, err
		}
		times[i] = over.Sub(began)
	}
	return times, nil
}

func idleChainLines(r Report) []Line {
	c := r.IdleChain
	most := max(c.P50, c.Bare.P50)
	return []Line{
		{Of: "bare asynq, asking every millisecond", Result: c.Bare.String(), Bar: c.Bare.P50 / most},
		{Of: "engine", Result: Spectrum{c.P50, c.P99}.String(), Bar: c.P50 / most},
	}
}

package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"prana/engine/flow"
)

// tape records who was told what, in order.
type tape struct {
	mu    sync.Mutex
	heard []string
}

func (t *tape) write(who string, n flow.Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = append(t.heard, who+":"+n.Reason)
}

// says makes a middleware that records, then does what then says.
func (t *tape) says(name string, then flow.Middleware) Named {
	return Named{Name: name, Call: func(ctx context.Context, n flow.Notice, next flow.Next) {
		t.write(name, n)
		then(ctx, n, next)
	}}
}

func pass(ctx context.Context, n flow.Notice, next flow.Next) { next(ctx, n) }

func TestChain(t *testing.T) {
	t.Parallel()
	change := func(ctx context.Context, n flow.Notice, next flow.Next) { n.Reason = "changed"; next(ctx, n) }
	for name, c := range map[string]struct {
		middle flow.Middleware
		heard  []string
		panics int
	}{
		"order":  {pass, []string{"a:why", "b:why", "c:why"}, 0},
		"change": {change, []string{"a:why", "b:why", "c:changed"}, 0},
		"stop":   {func(context.Context, flow.Notice, flow.Next) {}, []string{"a:why", "b:why"}, 0},
		"twice":  {func(ctx context.Context, n flow.Notice, next flow.Next) { next(ctx, n); next(ctx, n) }, []string{"a:why", "b:why", "c:why"}, 0},
		"early":  {func(context.Context, flow.Notice, flow.Next) { panic("boom") }, []string{"a:why", "b:why", "c:why"}, 1},
		"late":   {func(ctx context.Context, n flow.Notice, next flow.Next) { change(ctx, n, next); panic("boom") }, []string{"a:why", "b:why", "c:changed"}, 1},
		"nil":    {nil, []string{"a:why", "b:why", "c:why"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard tape
			var log bytes.Buffer
			tell := Chain(slog.New(slog.NewTextHandler(&log, nil)),
				heard.says("a", pass), heard.says("b", func(ctx context.Context, n flow.Notice, next flow.Next) { c.middle(ctx, n, next) }),
				heard.says("c", pass))
			tell(t.Context(), flow.Notice{Reason: "why"})
			if !slices.Equal(heard.heard, c.heard) {
				t.Errorf("heard %v, not %v", heard.heard, c.heard)
			}
			if got := strings.Count(log.String(), "middleware=b"); got != c.panics || strings.Count(log.String(), "panicked") != c.panics {
				t.Errorf("%d panics logged, not %d: %s", got, c.panics, log.String())
			}
		})
	}
}

func TestChainOfPanics(t *testing.T) {
	t.Parallel()
	var heard tape
	boom := func(context.Context, flow.Notice, flow.Next) { panic("boom") }
	tell := Chain(slog.New(panicking{}), heard.says("a", boom), heard.says("b", boom), heard.says("c", pass))
	tell(t.Context(), flow.Notice{})
	if want := []string{"a:", "b:", "c:"}; !slices.Equal(heard.heard, want) {
		t.Errorf("heard %v", heard.heard)
	}
}

// panicking is a log that cannot be written.
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool { panic("the log is full") }

func TestChangesInPlaceStayInTheChain(t *testing.T) {
	t.Parallel()
	stored := flow.Notice{
		SuspensionData: json.RawMessage(`{"a":1}`),
		Error:          &flow.Problem{Code: "x", Message: "card 4111", Details: map[string]any{"k": 1}},
	}
	spoil := func(_ context.Context, n flow.Notice, _ flow.Next) {
		n.SuspensionData[0], n.Error.Message, n.Error.Details["k"] = '#', "hidden", 2
		panic(errors.New("boom"))
	}
	intact := func(n flow.Notice) bool {
		return string(n.SuspensionData) == `{"a":1}` && n.Error.Message == "card 4111" && n.Error.Details["k"] == 1
	}
	told := false
	tell := Chain(slog.New(slog.DiscardHandler), Named{"spoil", spoil},
		Named{"check", func(_ context.Context, n flow.Notice, _ flow.Next) { told = intact(n) }})
	tell(t.Context(), stored)
	if !told || !intact(stored) {
		t.Errorf("the rest saw it intact: %v; the engine's own: %+v", told, stored)
	}
}

func TestChainWithNextFromGoroutines(t *testing.T) {
	t.Parallel()
	var heard tape
	var wg sync.WaitGroup
	tell := Chain(nil, heard.says("a", func(ctx context.Context, n flow.Notice, next flow.Next) {
		for range 4 {
			wg.Go(func() { next(ctx, n) })
		}
	}), heard.says("b", pass))
	tell(t.Context(), flow.Notice{})
	wg.Wait()
	if len(heard.heard) != 2 {
		t.Errorf("heard %v", heard.heard)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	r := Registry{"logging": pass, "audit": pass, "hole": nil}
	chosen, err := r.Select([]string{"logging", "audit"})
	if err != nil || len(chosen) != 2 || chosen[0].Name != "logging" || chosen[1].Name != "audit" {
		t.Errorf("Select = %v, %v", chosen, err)
	}
	_, err = r.Select([]string{"loging"})
	if !errors.Is(err, flow.ErrInvalid) || !strings.Contains(err.Error(), `"loging"; known are: audit, hole, logging`) {
		t.Errorf("unknown name: %v", err)
	}
	for _, names := range [][]string{{"hole"}, {"audit", "audit"}} {
		if _, err := r.Select(names); !errors.Is(err, flow.ErrInvalid) {
			t.Errorf("Select(%v): %v", names, err)
		}
	}
	if chosen, err := r.Select(nil); err != nil || len(chosen) != 0 {
		t.Errorf("Select(nil) = %v, %v", chosen, err)
	}
}

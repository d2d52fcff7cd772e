package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api"
	"prana/handlers/api/stream"
	"prana/handlers/api/stream/streamtest"
	"prana/handlers/api/wire"
)

// streams serves the API with a stream of a source. around, if given, stands before it.
func streams(t *testing.T, s stream.Source, around func(http.Handler) http.Handler) (*Client, *stream.Hub) {
	t.Helper()
	hub := stream.NewHub(s, 0, slog.New(slog.DiscardHandler))
	e := &engine{}
	h := api.New(api.Config{Engine: e, Store: e, Check: check, Token: token, Stream: hub})
	if around != nil {
		h = around(h)
	}
	c := dial(t, h)
	t.Cleanup(hub.Close)
	return c, hub
}

// torn cuts the connection after some bytes of an answer, wherever that is.
type torn struct {
	http.ResponseWriter
	left int
}

func (w *torn) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left >= 0 {
		return w.ResponseWriter.Write(b)
	}
	_, _ = w.ResponseWriter.Write(b[:len(b)+w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

func (w *torn) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Wherever connections break, every event is told once, in order.
func TestStreamGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	var connections atomic.Int32
	c, _ := streams(t, s, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connections.Add(1)
			h.ServeHTTP(&torn{w, 60 + rand.IntN(3000)}, r) // so much that each brings the beginning at least
		})
	})
	const commits = 60
	next := 1
	for e, err := range c.Stream(t.Context(), StreamFilter{Execution: execID}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Name == "":
			for i := range commits {
				s.Tell(execID, "order", 3*i+1, 3*i+2, 3*i+3)
			}
		case e.Name != flow.NodeCompleted || e.Seq != int64(next) || e.ID == "":
			t.Fatalf("got %+v, want %d", e, next)
		default:
			next++
		}
		if next > 3*commits {
			break
		}
	}
	if connections.Load() < 3 {
		t.Errorf("%d connections", connections.Load())
	}
}

func TestStreamOutlivesARestart(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	var now atomic.Pointer[http.Handler]
	c, hub := streams(t, s, func(h http.Handler) http.Handler {
		now.Store(&h)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) })
	})
	var got []int64
	for e, err := range c.Stream(t.Context(), StreamFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Seq); len(got) == 1 {
			s.Tell(execID, "order", 1)
		}
		if len(got) == 2 {
			hub.Close()
			s.Tell(execID, "order", 2)
			second := stream.NewHub(s, 0, slog.New(slog.DiscardHandler))
			t.Cleanup(second.Close)
			h := api.New(api.Config{Engine: &engine{}, Store: &engine{}, Check: check, Token: token, Stream: second})
			now.Store(&h)
		}
		if len(got) == 3 {
			break
		}
	}
	if !slices.Equal(got, []int64{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestStreamTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	c, _ := streams(t, s, nil)
	var got []string
	for e, err := range c.Stream(t.Context(), StreamFilter{After: "0.zzz.0"}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Name); e.Name == StreamReset {
			s.Tell(execID, "order", 1)
		}
		if len(got) == 3 {
			break
		}
	}
	if !slices.Equal(got, []string{"", StreamReset, flow.NodeCompleted}) {
		t.Errorf("got %q", got)
	}
}

// firstError gives the error with which a stream ends.
func firstError(ctx context.Context, c *Client) error {
	for _, err := range c.Stream(ctx, StreamFilter{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestNoStream(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"an older server": func(w http.ResponseWriter, _ *http.Request) {
			wire.ProblemOf(flow.Problemf("no_route", "there is none")).Write(w)
		},
		"another one":   http.NotFound,
		"a page":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"holds it back": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"all but its head": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", wire.StreamType)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		c := dial(t, h)
		c.begins = 50 * time.Millisecond
		if err := firstError(t.Context(), c); !errors.Is(err, ErrNoStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStreamErrors(t *testing.T) {
	t.Parallel()
	c, _ := streams(t, streamtest.New(1), nil)
	for _, err := range c.Stream(t.Context(), StreamFilter{Execution: "nonsense"}) {
		if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoStream) {
			t.Errorf("no such execution: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range c.Stream(ctx, StreamFilter{}) {
		if cancel(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	c.token = "wrong"
	if err := firstError(t.Context(), c); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a wrong token: %v", err)
	}
}

// A stream that says nothing any more is asked for anew.
func TestSilentStreamsAreDead(t *testing.T) {
	t.Parallel()
	var ids []string
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", wire.StreamType)
		fmt.Fprintf(w, "id: %d\n\n", len(ids))
		if len(ids) == 2 {
			fmt.Fprint(w, "event: x\ndata: {}\n\n")
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	c.silence = 50 * time.Millisecond
	for e, err := range c.Stream(t.Context(), StreamFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name == "x" {
			break
		}
	}
	if !slices.Equal(ids, []string{"", "1"}) {
		t.Errorf("asked with %q", ids)
	}
}

// Who follows asks when something happened, and not otherwise.
func TestFollowRidesOnTheStream(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	var asked atomic.Int32
	c, _ := streams(t, s, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/history") {
				h.ServeHTTP(w, r)
				return
			}
			now := history(flow.Running, nodeRun("a", 0, flow.StepPending))
			if asked.Add(1) > 1 { // nothing is missed from the second on
				if prefer := r.Header.Get("Prefer"); prefer != "" && asked.Load() > 2 {
					t.Errorf("asked with Prefer: %s", prefer)
				}
				now = history(flow.Suspended, nodeRun("a", 0, flow.StepSuspended))
			}
			if asked.Load() > 2 {
				now = history(flow.Completed, nodeRun("a", 0, flow.StepCompleted))
			}
			raw, _ := flow.Encode(now)
			_, _ = w.Write(raw)
		})
	})
	c.pause = 300 * time.Millisecond
	var last flow.Status
	for u, err := range c.Follow(t.Context(), execID) {
		if err != nil {
			t.Fatal(err)
		}
		if last = u.Status; u.Run == nil && u.Status == flow.Suspended {
			s.Tell(execID, "order", 1)
		}
	}
	if last != flow.Completed || asked.Load() != 3 {
		t.Errorf("it ended %s after %d questions", last, asked.Load())
	}
}

func FuzzBlocks(f *testing.F) {
	for _, s := range []string{"", "id: 1\nevent: e\ndata: {}\n\n", ":\n\n", "data\ndata:a\r\n\r\n", "id\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := newReader(strings.NewReader(s))
		for range len(s) + 2 {
			b, err := r.block()
			if err != nil {
				return
			}
			if len(b.data) > 2*len(s)+1 {
				t.Errorf("%q became %q", s, b.data)
			}
		}
		t.Errorf("%q has no end", s)
	})
}

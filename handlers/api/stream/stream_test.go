package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/handlers/api/stream/streamtest"
	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	one   = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"
	two   = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk2"
	other = "17NZ4Qk0Qk0Qk0Qk0Qk0Qk1" // of partition 1
)

func open(t *testing.T, s Source, most int) *Hub {
	t.Helper()
	h := NewHub(s, most, slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	return h
}

func listen(t *testing.T, h *Hub, f Filter, last string) *Listener {
	t.Helper()
	l, err := h.Listen(t.Context(), f, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// heard is "execution seq", or the name of the message, of the next n messages.
func heard(t *testing.T, l *Listener, n int) (texts, ids []string) {
	t.Helper()
	for len(texts) < n {
		found, err := l.Next(t.Context(), 10*time.Second)
		if err != nil || len(found) == 0 {
			t.Fatalf("after %q: %v, %v", texts, found, err)
		}
		for _, m := range found {
			texts, ids = append(texts, textOf(t, m)), append(ids, m.ID)
		}
	}
	return texts, ids
}

func textOf(t *testing.T, m Message) string {
	t.Helper()
	if m.Name == wire.StreamReset {
		return m.Name
	}
	var e flow.FeedEvent
	if err := json.Unmarshal(m.Data, &e); err != nil || e.Name != m.Name {
		t.Fatalf("%s: %s, %v", m.Name, m.Data, err)
	}
	return fmt.Sprint(e.Execution[:1], e.Execution[len(e.Execution)-1:], " ", e.Seq)
}

// Whatever the place at which a listener is cut off, also amid what one commit told, it hears the rest, once and in order.
func TestEveryIDIsAPlaceToGoOn(t *testing.T) {
	t.Parallel()
	s := streamtest.New(2)
	h := open(t, s, 0)
	first := listen(t, h, Filter{}, "")
	begin := first.ID()
	s.Tell(one, "order", 1, 2, 3)
	s.Tell(other, "order", 1)
	s.Tell(two, "bill", 1, 2)
	s.Tell(one, "order", 4)
	s.Tell(other, "order", 2, 3)
	all, ids := heard(t, first, 9)
	for i, id := range append([]string{begin}, ids...) {
		if i == len(all) {
			break
		}
		rest, _ := heard(t, listen(t, h, Filter{}, id), len(all)-i)
		for _, prefix := range []string{"00", "02", "11"} {
			if want, got := of(prefix, all[i:]), of(prefix, rest); !slices.Equal(want, got) {
				t.Errorf("after %s: heard %q, want %q", id, got, want)
			}
		}
	}
}

func of(prefix string, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, prefix) })
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := streamtest.New(2)
	h := open(t, s, 0)
	byExecution, byWorkflow := listen(t, h, Filter{Execution: one}, ""), listen(t, h, Filter{Workflow: "bill"}, "")
	s.Tell(two, "bill", 1)
	s.Tell(one, "order", 1)
	s.Tell(other, "bill", 1)
	if got, _ := heard(t, byExecution, 1); !slices.Equal(got, []string{"00 1"}) {
		t.Errorf("of one execution: %q", got)
	}
	if got, _ := heard(t, byWorkflow, 2); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"02 1", "11 1"}) {
		t.Errorf("of a workflow: %q", got)
	}
	if strings.Contains(byExecution.ID(), "_") {
		t.Errorf("one execution needs one partition: %s", byExecution.ID())
	}
	for _, id := range []string{"nonsense", "27NZ4Qk0Qk0Qk0Qk0Qk0Qk0"} {
		if _, err := h.Listen(t.Context(), Filter{Execution: id}, ""); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A listener who hears nothing moves on all the same, so that its place does not become too old.
func TestPlacesMoveInSilence(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	h := open(t, s, 0)
	l, witness := listen(t, h, Filter{Workflow: "bill"}, ""), listen(t, h, Filter{}, "")
	before := l.ID()
	s.Tell(one, "order", 1)
	_, ids := heard(t, witness, 1)
	if found, err := l.Next(t.Context(), time.Millisecond); len(found) != 0 || err != nil {
		t.Fatal(found, err)
	}
	if l.ID() == before || l.ID() != ids[0] {
		t.Errorf("it stands at %s, began at %s", l.ID(), before)
	}
}

func TestWhatIsMissingIsTold(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	h := open(t, s, 0)
	l := listen(t, h, Filter{}, "")
	s.Tell(one, "order", 1)
	_, ids := heard(t, l, 1)
	s.Tell(one, "order", 2)
	s.Tell(one, "order", 3)
	heard(t, l, 2)
	s.Trim(0)
	for _, last := range []string{ids[0], "nonsense", "1.2.3", strings.Repeat("a.1.1_", 20_000), "0.0.0"} {
		late := listen(t, h, Filter{}, last)
		if got, id := heard(t, late, 1); got[0] != wire.StreamReset || id[0] != l.ID() {
			t.Errorf("%.20s: heard %q with %q", last, got, id)
		}
	}
	s.Lose(0)
	if got, _ := heard(t, l, 1); got[0] != wire.StreamReset {
		t.Errorf("the feed was lost: heard %q", got)
	}
	s.Tell(one, "order", 9)
	if got, _ := heard(t, l, 1); got[0] != "00 9" {
		t.Errorf("after it: heard %q", got)
	}
}

// Who is slower than what is kept in memory reads on from the store.
func TestSlowListenersMissNothing(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	h := open(t, s, 0)
	slow, quick := listen(t, h, Filter{}, ""), listen(t, h, Filter{}, "")
	const n = keptEntries + 500
	for i := range n {
		s.Tell(one, "order", i)
	}
	heard(t, quick, n)
	tail := slow.spots[0].tail
	tail.mu.Lock()
	if len(tail.kept) != keptEntries {
		t.Errorf("%d entries are kept", len(tail.kept))
	}
	tail.mu.Unlock()
	got, _ := heard(t, slow, n)
	for i, text := range got {
		if text != fmt.Sprint("00 ", i) {
			t.Fatalf("%d: heard %q", i, text)
		}
	}
}

func TestBigEntriesAreNotKept(t *testing.T) {
	t.Parallel()
	tail := new(tail)
	var found []flow.FeedEntry
	for i := range 100 {
		found = append(found, flow.FeedEntry{At: flow.FeedPlace{Ms: int64(100 + i)}, Facts: make([]byte, 1<<20)})
	}
	tail.keep(found)
	if len(tail.kept) != 4 || tail.bytes != 4<<20 || tail.first != found[95].At {
		t.Errorf("%d entries of %d bytes are kept, from %v", len(tail.kept), tail.bytes, tail.first)
	}
}

// However many listen, a partition is read by one.
func TestOneReadsForAll(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	h := open(t, s, 0)
	var wg sync.WaitGroup
	for range 100 {
		l := listen(t, h, Filter{}, "")
		wg.Go(func() { heard(t, l, 50) })
	}
	for i := range 50 {
		s.Tell(one, "order", i)
	}
	wg.Wait()
	if opened, piled := s.Seen(); opened != 1 || piled != 1 {
		t.Errorf("opened %d times, %d reads at a time", opened, piled)
	}
}

func TestListenersAreBounded(t *testing.T) {
	t.Parallel()
	h := open(t, streamtest.New(1), 2)
	a, err := h.Listen(t.Context(), Filter{}, "")
	if err != nil {
		t.Fatal(err)
	}
	listen(t, h, Filter{}, "")
	if _, err := h.Listen(t.Context(), Filter{}, ""); !errors.Is(err, ErrTooMany) {
		t.Errorf("the third: %v", err)
	}
	a.Close()
	listen(t, h, Filter{}, "")
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	h := NewHub(streamtest.New(3), 0, slog.New(slog.DiscardHandler))
	l := listen(t, h, Filter{}, "")
	ended := make(chan error)
	go func() {
		_, err := l.Next(t.Context(), time.Hour)
		ended <- err
	}()
	h.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the listener: %v", err)
	}
	if _, err := h.Listen(t.Context(), Filter{}, ""); !errors.Is(err, flow.ErrUnavailable) {
		t.Errorf("the next: %v", err)
	}
	h.Close()
}

func TestTroubleIsTold(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	h := open(t, s, 1)
	s.Fail(flow.ErrUnavailable)
	if _, err := h.Listen(t.Context(), Filter{}, ""); !errors.Is(err, flow.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.Fail(nil)
	l := listen(t, h, Filter{}, "") // the one before holds no place
	s.Fail(flow.ErrUnavailable)     // the tail tries again
	s.Fail(nil)
	s.Tell(one, "order", 1)
	if got, _ := heard(t, l, 1); got[0] != "00 1" {
		t.Errorf("heard %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Next(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", "0.1.2", "0.1.2.3_1.z.0", "_", "0.-1.2", "zzzzzzzzzzzzzz.1.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		places, err := parseID(s)
		for p, at := range places {
			again, err := parseID(formatID([]spot{{tail: &tail{partition: p}, place: at}}))
			if err != nil || again[p] != at {
				t.Errorf("%q: %v became %v, %v", s, at, again[p], err)
			}
		}
		if err != nil && places != nil {
			t.Errorf("%q: %v beside %v", s, places, err)
		}
	})
}

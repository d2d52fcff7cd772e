package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"prana/handlers/api/stream"
	"prana/handlers/api/wire"
)

// sendTime is how long a listener may take to take in what is sent at once; who is slower is cut off, and comes back
// with the id of what it heard last.
const sendTime = 10 * time.Second

// stream tells what happens, as it happens (server-sent events).
func (a *api) stream(w http.ResponseWriter, r *http.Request) error {
	f, err := streamFilter(r)
	if err != nil {
		return err
	}
	l, err := a.Stream.Listen(r.Context(), f, r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	defer l.Close()
	s := &sse{w: w, c: http.NewResponseController(w)}
	s.begin(l.ID())
	if r.Method != http.MethodHead {
		a.tell(r.Context(), s, l)
	}
	return nil
}

func streamFilter(r *http.Request) (stream.Filter, error) {
	q := queryOf(r)
	f := stream.Filter{Execution: q.text("execution_id", "execution"), Workflow: q.text("workflow")}
	return f, q.end()
}

// tell sends what the listener hears, until either end goes away. The beginning has been sent: errors have nobody to go to.
func (a *api) tell(ctx context.Context, s *sse, l *stream.Listener) {
	beat := cmp.Or(a.Heartbeat, wire.Heartbeat)
	for s.flush() == nil {
		found, err := l.Next(ctx, beat)
		switch {
		case errors.Is(err, stream.ErrClosed):
			s.comment("the server ends; come back with the last id")
			_ = s.flush()
			return
		case err != nil:
			if ctx.Err() == nil {
				a.log.WarnContext(ctx, "a stream was cut off, since what happens cannot be read", slog.Any("error", err))
			}
			return
		case len(found) == 0:
			s.comment("still here")
			s.id(l.ID())
		}
		for _, m := range found {
			s.message(m)
		}
	}
}

// sse writes server-sent events.
type sse struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	buf bytes.Buffer
}

// begin answers, and says where the stream begins, so that who is cut off before the first event misses nothing.
func (s *sse) begin(id string) {
	h := s.w.Header()
	h.Set("Content-Type", wire.StreamType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
	s.w.WriteHeader(http.StatusOK)
	s.buf.WriteString("retry: 2000\n")
	s.id(id)
}

// id names the place without telling anything.
func (s *sse) id(id string) { s.field("id", []byte(id)); s.buf.WriteByte('\n') }

func (s *sse) comment(text string) { s.field("", []byte(text)) }

func (s *sse) message(m stream.Message) {
	s.field("id", []byte(m.ID))
	s.field("event", []byte(m.Name))
	s.field("data", m.Data)
	s.buf.WriteByte('\n')
}

// field writes a line; no value has lines of its own.
func (s *sse) field(name string, value []byte) {
	s.buf.WriteString(name)
	s.buf.WriteString(": ")
	s.buf.Write(value)
	s.buf.WriteByte('\n')
}

// flush sends what was written.
func (s *sse) flush() error {
	defer s.buf.Reset()
	_ = s.c.SetWriteDeadline(time.Now().Add(sendTime))
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return err
	}
	return s.c.Flush()
}

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/stream"
	"prana/handlers/api/stream/streamtest"
	"prana/handlers/api/wire"
)

// streaming serves a stream of a source over a real connection, with the deadlines of the server cut short.
func streaming(t *testing.T, s stream.Source, edit func(*Config)) (url string, hub *stream.Hub) {
	t.Helper()
	hub = stream.NewHub(s, 0, slog.New(slog.DiscardHandler))
	c := config(newFake())
	c.Stream = hub
	if edit != nil {
		edit(&c)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(New(c))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	t.Cleanup(func() {
		hub.Close()
		server.Close()
	})
	return server.URL, hub
}

// listening is a connection to a stream.
type listening struct {
	*testing.T
	res  *http.Response
	text *bufio.Reader
}

func connect(t *testing.T, url string, header ...string) *listening {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &listening{t, res, bufio.NewReader(res.Body)}
}

// block reads up to the next empty line.
func (l *listening) block() string {
	l.Helper()
	var b strings.Builder
	for {
		line, err := l.text.ReadString('\n')
		if err != nil {
			l.Fatalf("the stream ended: %v, after %q", err, b.String())
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

func idOf(block string) string {
	_, rest, _ := strings.Cut(block, "id: ")
	id, _, _ := strings.Cut(rest, "\n")
	return id
}

func TestStreamTells(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	url, _ := streaming(t, s, nil)
	l := connect(t, url+"/v1/stream")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"} {
		if got := l.res.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	begin := l.block()
	if !strings.HasPrefix(begin, "retry: 2000\nid: ") {
		t.Errorf("it begins with %q", begin)
	}
	s.Tell(execID, "order", 1, 2)
	first := l.block()
	data := `data: {"execution_id":"` + execID + `","workflow":"order","status":"running","time":"1970-01-01T00:00:00.002Z","name":"node_completed","seq":1,"node":"n","run_index":0,"attempt":0}`
	if first != "id: "+idOf(first)+"\nevent: node_completed\n"+data+"\n" {
		t.Errorf("told %q", first)
	}
	second := l.block()
	if again := connect(t, url+"/v1/stream?execution_id="+execID, "Last-Event-ID", idOf(first)); idOf(again.block()) != idOf(first) || again.block() != second {
		t.Error("it does not go on after the first event")
	}
}

// Streams outlive the deadlines of other requests, and say that they live.
func TestStreamLivesLong(t *testing.T) {
	t.Parallel()
	url, _ := streaming(t, streamtest.New(1), func(c *Config) { c.Heartbeat = 50 * time.Millisecond })
	l := connect(t, url+"/v1/stream")
	begin := l.block()
	for range 10 {
		if beat := l.block(); beat != ": still here\nid: "+idOf(begin)+"\n" {
			t.Fatalf("told %q", beat)
		}
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	url, hub := streaming(t, streamtest.New(1), nil)
	l := connect(t, url+"/v1/stream")
	l.block()
	hub.Close()
	rest, err := io.ReadAll(l.text)
	if err != nil || !strings.HasPrefix(string(rest), ": the server ends") {
		t.Errorf("ended with %q, %v", rest, err)
	}
}

func TestStreamSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	url, _ := streaming(t, streamtest.New(1), nil)
	l := connect(t, url+"/v1/stream", "Last-Event-ID", "0.123.0")
	l.block()
	if got := l.block(); !strings.Contains(got, "\nevent: reset\ndata: {") {
		t.Errorf("told %q", got)
	}
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	hub := stream.NewHub(s, 1, slog.New(slog.DiscardHandler))
	t.Cleanup(hub.Close)
	c := config(newFake())
	c.Stream, c.Token = hub, "secret"
	ask := func(query, token string) int {
		return serve(c, request("GET", "/v1/stream"+query, "", "Authorization", "Bearer "+token)).Code
	}
	for query, want := range map[string]int{"?executions=1": 400, "?execution_id=none": 404, "?execution_id=17NZ4Qk0Qk0Qk0Qk0Qk0Qk0": 404} {
		if got := ask(query, "secret"); got != want {
			t.Errorf("%s: %d", query, got)
		}
	}
	if got := ask("", "wrong"); got != 401 {
		t.Errorf("a wrong token: %d", got)
	}
	if got := serve(c, request("HEAD", "/v1/stream", "", "Authorization", "Bearer secret")).Code; got != 200 {
		t.Errorf("HEAD: %d", got)
	}
	if l, err := hub.Listen(t.Context(), stream.Filter{}, ""); err != nil {
		t.Fatal(err)
	} else {
		defer l.Close()
	}
	w := serve(c, request("GET", "/v1/stream", "", "Authorization", "Bearer secret"))
	if w.Code != 503 || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), "too_many_streams") {
		t.Errorf("one too many: %d %s", w.Code, w.Body)
	}
}

// The example of the document is what a stream looks like.
func TestExampleOfTheStream(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Examples map[string]struct{ Value json.RawMessage }
				}
			}
		}
	}
	if err := json.Unmarshal(openapiJSON, &doc); err != nil {
		t.Fatal(err)
	}
	var text string
	if err := json.Unmarshal(doc.Paths["/v1/stream"]["get"].Responses["200"].Content[wire.StreamType].Examples["step"].Value, &text); err != nil {
		t.Fatal(err)
	}
	begin, rest, _ := strings.Cut(text, "\n\n")
	event, rest, _ := strings.Cut(rest, "\n\n")
	_, data, _ := strings.Cut(event, "\ndata: ")
	var e flow.FeedEvent
	strict := json.NewDecoder(strings.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&e); err != nil {
		t.Fatal(err)
	}
	s := &sse{}
	s.buf.WriteString("retry: 2000\n")
	s.id(idOf(begin))
	raw, err := flow.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	s.message(stream.Message{ID: idOf(event), Name: e.Name, Data: raw})
	s.comment("still here")
	s.id(idOf(rest))
	if s.buf.String() != text {
		t.Errorf("the example is\n%s\nand would be sent as\n%s", text, s.buf.String())
	}
}

// deaf is a connection whose other end takes in nothing: writing to it fails once its deadline is over.
type deaf struct {
	httptest.ResponseRecorder
	until time.Time
}

func (d *deaf) SetWriteDeadline(t time.Time) error { d.until = t; return nil }
func (d *deaf) FlushError() error {
	if d.until.IsZero() {
		return errors.New("it would be written for ever")
	}
	return &net.OpError{Op: "write", Err: context.DeadlineExceeded}
}

// Who takes in nothing is cut off, and takes up no place from then on.
func TestStreamCutsOffTheDeaf(t *testing.T) {
	t.Parallel()
	hub := stream.NewHub(streamtest.New(1), 1, slog.New(slog.DiscardHandler))
	t.Cleanup(hub.Close)
	c := config(newFake())
	c.Stream = hub
	d := &deaf{ResponseRecorder: *httptest.NewRecorder()}
	New(c).ServeHTTP(d, request("GET", "/v1/stream", ""))
	if left := time.Until(d.until); left <= 0 || left > sendTime {
		t.Errorf("it has %s to take in what is sent", left)
	}
	l, err := hub.Listen(t.Context(), stream.Filter{}, "")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// The store failing amid a stream ends it, so that whoever listens comes back with its last id.
func TestStreamEndsWhenNothingCanBeRead(t *testing.T) {
	t.Parallel()
	s := streamtest.New(1)
	url, _ := streaming(t, s, nil)
	l := connect(t, url+"/v1/stream")
	begin := idOf(l.block())
	keep := connect(t, url+"/v1/stream")
	keep.block()
	s.Fail(flow.ErrUnavailable)
	again := connect(t, url+"/v1/stream", "Last-Event-ID", begin)
	again.block()
	if rest, err := io.ReadAll(again.text); err != nil || len(rest) > 0 {
		t.Errorf("told %q, %v", rest, err)
	}
}

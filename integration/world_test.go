package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/node"
)

// call is one request that the world received.
type call struct {
	Method  string
	Path    string // such as "/effect/charge"
	Key     string // Idempotency-Key, or the id of a webhook
	Attempt string
	Pid     int // of the worker process; 0 = not said
	At      time.Time
	Body    string
}

// world is everything outside that workflows touch: it remembers every call.
//
//	/effect/NAME      answers at once
//	/block/NAME       answers when the gate NAME is open; /block/nap after 300 ms
//	/room/NAME        the same, 20 ms after that; who is inside is counted, by key and until it was answered
//	/flaky/NAME?fail=N  answers 503 to the first N calls of each idempotency key
//	/broken/NAME      answers 503 until the gate NAME is open
//	/job/NAME?after=N   says "running" N times, then "completed"
//	/say/NAME?status=&type=&body=  answers with these
//	/attempt/NAME?fail=N  answers 503 to attempts before N, whatever came before
//	/poll/NAME?after=N  says "running" to polls before N, as their keys number them
type world struct {
	*httptest.Server
	mu    sync.Mutex
	all   []call
	seen  map[string]int // by path and key
	gates map[string]chan struct{}
	rooms map[string]*room
	news  *sync.Cond
	left  chan string // names of gates at which a caller gave up
}

func newWorld() *world {
	w := &world{seen: map[string]int{}, gates: map[string]chan struct{}{}, rooms: map[string]*room{}, left: make(chan string, 1000)}
	w.news = sync.NewCond(&w.mu)
	w.Server = httptest.NewServer(w)
	return w
}

// Close lets everybody go who is blocked.
func (w *world) Close() {
	w.mu.Lock()
	for name := range w.gates {
		w.openLocked(name)
	}
	w.mu.Unlock()
	w.Server.Close()
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	n := w.note(r)
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	rw.Header().Set("Content-Type", "application/json")
	switch kind {
	case "block":
		select {
		case <-w.gate(name):
		case <-napping(name):
		case <-r.Context().Done(): // the worker died or gave the step back
			w.left <- name
			return
		}
	case "room":
		key := r.Header.Get("Idempotency-Key")
		w.step(name, key, true)
		select {
		case <-w.gate(name):
		case <-r.Context().Done(): // its worker died; its step is inside still
			w.left <- name
			return
		}
		time.Sleep(20 * time.Millisecond)
		w.step(name, key, false)
	case "broken":
		select {
		case <-w.gate(name):
		default:
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	case "flaky":
		if fail, _ := strconv.Atoi(r.URL.Query().Get("fail")); n <= fail {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	case "attempt":
		if fail, _ := strconv.Atoi(r.URL.Query().Get("fail")); number(r.Header.Get("X-Prana-Attempt")) < fail {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	case "poll":
		if after, _ := strconv.Atoi(r.URL.Query().Get("after")); number(r.Header.Get("Idempotency-Key")) < after {
			fmt.Fprint(rw, `{"status":"running"}`)
			return
		}
		fmt.Fprint(rw, `{"status":"completed"}`)
		return
	case "job":
		if after, _ := strconv.Atoi(r.URL.Query().Get("after")); n <= after {
			fmt.Fprint(rw, `{"status":"running"}`)
			return
		}
		fmt.Fprint(rw, `{"status":"completed"}`)
		return
	case "say":
		say(rw, r.URL.Query())
		return
	}
	fmt.Fprintf(rw, `{"ok":true,"call":%d}`, n)
}

// number gives the number at the end of a text.
func number(s string) int {
	n, _ := strconv.Atoi(s[strings.LastIndex(s, "-")+1:])
	return n
}

// room counts who is inside.
type room struct {
	inside map[string]bool
	most   int
}

// step goes into a room, or out of it.
func (w *world) step(name, key string, in bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms[name] == nil {
		w.rooms[name] = &room{inside: map[string]bool{}}
	}
	r := w.rooms[name]
	if !in {
		delete(r.inside, key)
		return
	}
	r.inside[key] = true
	r.most = max(r.most, len(r.inside))
}

// crowd tells how many were in a room at once, at most.
func (w *world) crowd(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms[name] == nil {
		return 0
	}
	return w.rooms[name].most
}

func say(rw http.ResponseWriter, what url.Values) {
	rw.Header().Set("Content-Type", what.Get("type"))
	if status, err := strconv.Atoi(what.Get("status")); err == nil {
		rw.WriteHeader(status)
	}
	fmt.Fprint(rw, what.Get("body"))
}

// napping ends by itself for the gate "nap", and never for others.
func napping(name string) <-chan time.Time {
	if name != "nap" {
		return nil
	}
	return time.After(300 * time.Millisecond)
}

// note remembers a call and numbers it among those of its path and key.
func (w *world) note(r *http.Request) int {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // a caller that dies is part of the game
	c := call{Method: r.Method, Path: r.URL.Path, Key: r.Header.Get("Idempotency-Key"), Attempt: r.Header.Get("X-Prana-Attempt"), At: time.Now(), Body: string(body)}
	if id := r.Header.Get("webhook-id"); id != "" {
		c.Key = id
	}
	c.Pid, _ = strconv.Atoi(r.Header.Get("X-Pid"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, c)
	w.news.Broadcast()
	id := c.Path + "\x00" + c.Key
	if strings.HasPrefix(c.Path, "/job/") {
		id = c.Path // polls that read carry no key
	}
	w.seen[id]++
	return w.seen[id]
}

// gate is closed when NAME is open.
func (w *world) gate(name string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gateLocked(name)
}

func (w *world) gateLocked(name string) chan struct{} {
	if w.gates[name] == nil {
		w.gates[name] = make(chan struct{})
	}
	return w.gates[name]
}

// open lets all calls of /block/NAME through, now and later.
func (w *world) open(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.openLocked(name)
}

func (w *world) openLocked(name string) {
	select {
	case <-w.gateLocked(name):
	default:
		close(w.gates[name])
	}
}

// calls gives those whose path begins so.
func (w *world) calls(prefix string) []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.callsLocked(prefix)
}

func (w *world) callsLocked(prefix string) []call {
	var out []call
	for _, c := range w.all {
		if strings.HasPrefix(c.Path, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// awaitCalls waits until n calls of the prefix came.
func (w *world) awaitCalls(t testing.TB, prefix string, n int, within time.Duration) []call {
	t.Helper()
	late := false
	timer := time.AfterFunc(within, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		late = true
		w.news.Broadcast()
	})
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		got := w.callsLocked(prefix)
		if len(got) >= n {
			return got
		}
		if late {
			t.Fatalf("%d calls of %s within %s; want %d", len(got), prefix, within, n)
		}
		w.news.Wait()
	}
}

// byKey groups calls by idempotency key.
func byKey(calls []call) map[string][]call {
	m := map[string][]call{}
	for _, c := range calls {
		m[c.Key] = append(m[c.Key], c)
	}
	return m
}

// testNode tells the world at prefix+name, and leaves with its answer.
func testNode(typeName, prefix string) node.Type {
	return node.Type{
		Name:   typeName,
		Fields: []node.Field{{Name: "name", Kind: node.String, Required: true}},
		Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			name, _ := c.Params["name"].(string)
			out, err := tellWorld(ctx, prefix+name, c)
			return node.Outcome{Output: out}, err
		},
	}
}

// spawnNode is caught at the gate "spawn", and then starts a child that nobody waits for.
func spawnNode(world string) node.Type {
	t := testNode("test.spawn", world+"/block/")
	tell := t.Run
	t.Run = func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		out, err := tell(ctx, c)
		child, _ := c.Input.(map[string]any)["child"].(string)
		out.Start = []node.Child{{Workflow: child, Mode: node.FireAndForget}}
		return out, err
	}
	return t
}

func tellWorld(ctx context.Context, to string, c *node.Call) (any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(c.Execution))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Idempotency-Key", c.Key)
	req.Header.Set("X-Prana-Attempt", strconv.Itoa(c.Attempt))
	req.Header.Set("X-Pid", strconv.Itoa(os.Getpid()))
	req.Close = true // a killed worker must not leave a connection that looks alive
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var out any
	return out, json.NewDecoder(res.Body).Decode(&out)
}

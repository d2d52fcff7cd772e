package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const execID = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"

func visit(c *Console, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestPage(t *testing.T) {
	t.Parallel()
	c := New(Config{Version: "v1<script>", Store: "miniredis & memory", Ready: func(context.Context) error { return nil }})
	w := visit(c, "GET", "/")
	page := w.Body.String()
	if w.Code != 200 || !strings.Contains(page, "v1&lt;script&gt;") || !strings.Contains(page, "ready") || strings.Contains(page, "/queues/") {
		t.Errorf("got %d %s", w.Code, page)
	}
	for _, outside := range []string{"http://", "https://", "//", "<script"} {
		if strings.Contains(page, `"`+outside) || strings.Contains(page, "<script") {
			t.Errorf("the page loads something: %s", outside)
		}
	}
}

func TestPolicyAllowsTheStyleOfThePage(t *testing.T) {
	t.Parallel()
	w := visit(New(Config{}), "GET", "/")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(w.Body.String())[1]
	policy := w.Header().Get("Content-Security-Policy")
	if policy != wire.PagePolicy(style, "'none'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy is %s", policy)
	}
}

func TestPageTellsThatRedisIsAway(t *testing.T) {
	t.Parallel()
	c := New(Config{Ready: func(context.Context) error { return errors.New("no route to 10.0.0.1") }})
	page := visit(c, "GET", "/").Body.String()
	if !strings.Contains(page, "Redis cannot be reached") || strings.Contains(page, "10.0.0.1") {
		t.Errorf("got %s", page)
	}
}

func TestOtherPagesAndMethods(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	for target, want := range map[string]int{"GET /x": 404, "GET /queues": 404, "GET /queues/": 404, "POST /": 405, "HEAD /": 200} {
		method, path, _ := strings.Cut(target, " ")
		if w := visit(c, method, path); w.Code != want {
			t.Errorf("%s: got %d, want %d", target, w.Code, want)
		}
	}
}

// open makes a console over a Redis with one task in a queue.
func open(t *testing.T, writable bool) *Console {
	t.Helper()
	server := miniredis.RunT(t)
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: server.Addr()})
	task := asynq.NewTask("prana:step", []byte(`{"execution":"`+execID+`"}`))
	if _, err := client.Enqueue(task, asynq.Queue("{prana-0}"), asynq.TaskID("t1")); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	c := New(Config{Writable: writable, Redis: func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: server.Addr()})
	}})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestQueues(t *testing.T) {
	t.Parallel()
	c := open(t, false)
	for target, says := range map[string]string{
		"/queues":  "FLAG_READ_ONLY",
		"/queues/": "FLAG_READ_ONLY",
		"/queues/api/queues/%7Bprana-0%7D/pending_tasks": "execution " + execID,
	} {
		w := visit(c, "GET", target)
		if w.Code != 200 || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: got %d %s", target, w.Code, w.Body)
		}
		if w.Header().Get("Content-Security-Policy") != queuesPolicy {
			t.Errorf("%s has no policy", target)
		}
	}
	if page := visit(c, "GET", "/").Body.String(); !strings.Contains(page, "read-only") {
		t.Error("the page does not lead to the queues")
	}
}

func TestQueuesAreReadOnlyUnlessConfigured(t *testing.T) {
	t.Parallel()
	const task = "/queues/api/queues/%7Bprana-0%7D/pending_tasks/t1"
	readOnly, writable := open(t, false), open(t, true)
	for _, method := range []string{http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodPatch} {
		if w := visit(readOnly, method, task); w.Code != 405 {
			t.Errorf("%s: got %d", method, w.Code)
		}
	}
	if w := visit(writable, http.MethodDelete, task); w.Code != http.StatusNoContent {
		t.Errorf("writable: got %d %s", w.Code, w.Body)
	}
}

func TestFormatPayload(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"execution":"` + execID + `","step":"1.0"}`: "execution " + execID + ` · {"execution":"` + execID + `","step":"1.0"}`,
		`{"w":"` + execID + `:1.0:2"}`:                "execution " + execID + ` · {"w":"` + execID + `:1.0:2"}`,
		`{"workflow":"order"}`:                        `{"workflow":"order"}`,
		`[1]`:                                         `[1]`,
		`text`:                                        `text`,
		"\xff":                                        "(not text)",
		``:                                            ``,
	} {
		if got := FormatPayload("prana:step", []byte(payload)); got != want {
			t.Errorf("%q: got %q, want %q", payload, got, want)
		}
	}
}

package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"prana/config"
)

// lines are what was logged, by any goroutine.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// starting starts a server with hooks, on any port.
func starting(t *testing.T, log *slog.Logger, all map[string]config.Hook) (*App, error) {
	t.Helper()
	c := TestConfig()
	c.Redis.URL, c.Hooks, c.Limits.HookBody = config.Miniredis, all, 16
	a, err := Start(t.Context(), Options{Config: c, API: true, Listen: "127.0.0.1:0", Logger: log})
	if err == nil {
		t.Cleanup(func() {
			if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	return a, err
}

func TestHooksThatStopTheStart(t *testing.T) {
	t.Parallel()
	long := config.NewSecret("of-at-least-24-bytes-in-all")
	for name, h := range map[string]config.Hook{
		"no secret":             {Event: "e"},
		"short secret":          {Event: "e", Scheme: "github", Secret: config.NewSecret("short")},
		"short previous secret": {Event: "e", Scheme: "bearer", Secret: long, PreviousSecret: config.NewSecret("short")},
		"expression":            {Event: "e", Secret: long, When: "$bdy"},
		"another's option":      {Event: "e", Scheme: "stripe", Secret: long, Header: "X-Mine"},
	} {
		if _, err := starting(t, nil, map[string]config.Hook{"shop": h}); err == nil || !strings.Contains(err.Error(), `"shop"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestHooksAreServedAsConfigured(t *testing.T) {
	t.Parallel()
	var log lines
	previous := "the-secret-that-was-before-it"
	a, err := starting(t, slog.New(slog.NewTextHandler(&log, nil)), map[string]config.Hook{
		"open": {Event: "e", Scheme: "none"},
		"shop": {Event: "e", Scheme: "bearer", Secret: config.NewSecret("of-at-least-24-bytes-in-all"), PreviousSecret: config.NewSecret(previous), Header: "X-Shop", When: "$body > 1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if said := log.String(); !strings.Contains(said, "hook=open") || strings.Contains(said, "hook=shop") {
		t.Errorf("warned of is %s", said)
	}
	for _, tt := range []struct{ hook, token, body, want string }{
		{"shop", previous, "2", `200 "status":"processed"`},
		{"shop", previous, "1", `200 "status":"ignored"`},
		{"shop", "another", "2", "401 "},
		{"shop", previous, strings.Repeat(" ", 17), "413 larger than 16 bytes"},
		{"open", "", "{}", `200 "status":"processed"`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/v1/hooks/"+tt.hook, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Shop", tt.token)
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer bytes.Buffer
		_, err = answer.ReadFrom(res.Body)
		res.Body.Close()
		code, part, _ := strings.Cut(tt.want, " ")
		if err != nil || fmt.Sprint(res.StatusCode) != code || !strings.Contains(answer.String(), part) {
			t.Errorf("%s %s: got %d %s, %v", tt.hook, tt.body, res.StatusCode, &answer, err)
		}
	}
}

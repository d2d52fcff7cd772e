package app

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"prana/config"
)

// TestBodiesAreBoundedAsConfigured: limits.body reaches the API.
func TestBodiesAreBoundedAsConfigured(t *testing.T) {
	t.Parallel()
	c := TestConfig()
	c.Redis.URL, c.Limits.Body = config.Miniredis, 20
	a, err := Start(t.Context(), Options{Config: c, API: true, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for body, want := range map[string]int{`{"type":"t"}`: http.StatusAccepted, `{"type":"t","data":1}`: http.StatusRequestEntityTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/v1/events", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d bytes: got %d, want %d", len(body), res.StatusCode, want)
		}
	}
}

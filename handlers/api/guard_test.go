package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.Token = "Secret"
	for header, want := range map[string]int{
		"Bearer Secret":  200,
		"bearer Secret":  200,
		"Bearer secret":  401,
		"Bearer Secret2": 401,
		"Bearer":         401,
		"Secret":         401,
		"Token Secret":   401,
		"":               401,
	} {
		r := request("GET", "/v1/executions", "", "Authorization", header)
		r.Host = "prana.example.com" // with a token any host will do
		w := serve(c, r)
		if w.Code != want {
			t.Errorf("%q: got %d, want %d", header, w.Code, want)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (want == 401) {
			t.Errorf("%q: WWW-Authenticate is %q", header, challenge)
		}
	}
}

func TestHostWithoutToken(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.Hosts = []string{"prana.internal"}
	for host, want := range map[string]int{
		"localhost":            200,
		"LOCALHOST:8484":       200,
		"app.localhost:8484":   200,
		"127.0.0.1:8484":       200,
		"127.9.9.9":            200,
		"[::1]:8484":           200,
		"[::1]":                200,
		"prana.internal:80":    200,
		"evil.example":         403,
		"127.0.0.1.evil.com":   403,
		"localhost.evil.com":   403,
		"notlocalhost":         403,
		"10.0.0.1:8484":        403,
		"sub.prana.internal":   403,
		"":                     403,
		"evil.com:8484:8484":   403,
		"127.0.0.1@evil.com":   403,
		"prana.internal.":      403,
		"xn--localhost-0.test": 403,
	} {
		r := request("GET", "/v1/executions", "")
		r.Host = host
		if w := serve(c, r); w.Code != want {
			t.Errorf("host %q: got %d, want %d", host, w.Code, want)
		}
	}
}

func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "secret"} {
		c := config(newFake())
		c.Token = token
		for _, tt := range []struct {
			method, name, value string
			want                int
		}{
			{"POST", "Sec-Fetch-Site", "cross-site", 403},
			{"POST", "Sec-Fetch-Site", "same-site", 403},
			{"POST", "Sec-Fetch-Site", "same-origin", 202},
			{"POST", "Origin", "http://evil.example", 403},
			{"POST", "Origin", "http://localhost:8484", 202},
			{"GET", "Sec-Fetch-Site", "cross-site", 405},
		} {
			r := request(tt.method, "/v1/events", `{"type":"t"}`, tt.name, tt.value)
			r.Header.Set("Authorization", "Bearer "+token)
			w := serve(c, r)
			if w.Code != tt.want {
				t.Errorf("%s with %s: %s: got %d, want %d", tt.method, tt.name, tt.value, w.Code, tt.want)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, http.CanonicalHeaderKey("Access-Control-")) {
					t.Errorf("CORS is on: %s", name)
				}
			}
		}
	}
}

func TestWebhooksGetEveryMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"} {
		for path, want := range map[string]string{"/webhook/order": " order ", "/webhook/order/paid/now": " order paid/now"} {
			if w := serve(config(newFake()), request(method, path, "")); w.Code != 200 || w.Body.String() != method+want {
				t.Errorf("%s %s: got %d %s", method, path, w.Code, w.Body)
			}
		}
	}
	if w := serve(config(newFake()), request("PUT", "/v1/hooks/shop", "")); w.Code != 405 {
		t.Errorf("other routes get other methods: %d", w.Code)
	}
}

func TestAnonymousCallers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		token, host, site string
		refused           bool
	}{
		"on this machine":                {"", "localhost:8484", "", false},
		"by another name":                {"", "rebound.example", "", true},
		"a page of others":               {"", "localhost:8484", "cross-site", true},
		"our own page":                   {"", "localhost:8484", "same-origin", false},
		"with a token: by any name":      {"secret", "prana.example", "", false},
		"with a token: a page of others": {"secret", "prana.example", "cross-site", false},
	} {
		r := request("POST", "/webhook/order", "", "Sec-Fetch-Site", tt.site)
		r.Host = tt.host
		if err := Anonymous(Config{Token: tt.token})(r); (err != nil) != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who is refused can follow the link of the problem: documentation is no secret.
func TestDocumentationIsOpen(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.Token = "sesame"
	c.Docs = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	refused := problemIn(t, serve(c, request("GET", "/v1/executions", "")))
	page, _, _ := strings.Cut(refused.Type, "#")
	if w := serve(c, request("GET", page, "")); w.Code != 200 || w.Body.String() != "/docs/problems" {
		t.Errorf("%s: got %d %s", refused.Type, w.Code, w.Body)
	}
}

package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json reads the answer as an object.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return m
}

// text gives a member of the answer.
func (a answer) text(t testing.TB, name string) string {
	t.Helper()
	s, _ := a.json(t)[name].(string)
	return s
}

// items reads the answer as a list.
func (a answer) items(t testing.TB) []map[string]any {
	t.Helper()
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal(a.body, &page); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return page.Items
}

// request asks the API. A text is sent as YAML, anything else as JSON; headers
// are "Name: value".
func (s *system) request(t testing.TB, method, path string, body any, headers ...string) answer {
	t.Helper()
	var content []byte
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		content, media = []byte(b), "application/yaml"
	case []byte:
		content = b
	default:
		content = raw(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.app.URL()+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if content != nil {
		req.Header.Set("Content-Type", media)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	req.Close = true // so that nothing is left behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, text}
}

// must is request with the status that is expected.
func (s *system) must(t testing.TB, status int, method, path string, body any, headers ...string) answer {
	t.Helper()
	a := s.request(t, method, path, body, headers...)
	if a.status != status {
		t.Fatalf("%s %s answered %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

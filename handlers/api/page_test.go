package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// pages reads a list to its end and gives a name of each item.
func pages[T any](t *testing.T, f *fake, target string, name func(T) string) (names []string, turned int) {
	t.Helper()
	for {
		w := send(f, "GET", target, "")
		var page flow.Page[T]
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s, %v", target, w.Code, w.Body, err)
		}
		for _, item := range page.Items {
			names = append(names, name(item))
		}
		link := w.Header().Get("Link")
		if (page.Cursor == "") != (link == "") {
			t.Errorf("cursor %q with Link %q", page.Cursor, link)
		}
		if page.Cursor == "" {
			return names, turned
		}
		target, turned = strings.TrimPrefix(strings.Split(link, ">")[0], "<"), turned+1
	}
}

func TestWorkflowsComeInPages(t *testing.T) {
	t.Parallel()
	f := newFake()
	for i := range 5 {
		f.published = append(f.published, flow.WorkflowInfo{ID: fmt.Sprintf("w%d", i), Version: fmt.Sprint(i), CreatedAt: born.Add(time.Duration(-i) * time.Hour)})
	}
	f.published[3].CreatedAt = f.published[2].CreatedAt        // published at once
	f.published[0].CreatedAt = born.Add(-100 * 24 * time.Hour) // published again: in force, and old
	for _, limit := range []int{1, 2, 5} {
		for target, name := range map[string]func(flow.WorkflowInfo) string{
			"/v1/workflows":            func(i flow.WorkflowInfo) string { return i.ID },
			"/v1/workflows/w/versions": func(i flow.WorkflowInfo) string { return "w" + i.Version },
		} {
			got, turned := pages(t, f, fmt.Sprintf("%s?limit=%d", target, limit), name)
			if !slices.Equal(got, []string{"w0", "w1", "w2", "w3", "w4"}) || turned != 4/limit {
				t.Errorf("%s by %d: got %v in %d more pages", target, limit, got, turned)
			}
		}
	}
	if w := send(f, "GET", "/v1/workflows?cursor=$", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "is not one of this list") {
		t.Errorf("a bad cursor: got %d %s", w.Code, w.Body)
	}
}

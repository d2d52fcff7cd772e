package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"prana/engine/flow"
)

// kin is a store of executions that know only their parents. Those without a name in it are purged.
type kin struct {
	*fake
	names  map[string]string   // by id
	ids    map[string]string   // by name
	parent map[string]string   // by id
	kids   map[string][]string // by id, the oldest first
	reads  int
}

// kinsfolk reads "parent>child" pairs, the older children first.
func kinsfolk(pairs ...string) *kin {
	k := &kin{fake: newFake(), names: map[string]string{}, ids: map[string]string{}, parent: map[string]string{}, kids: map[string][]string{}}
	for _, pair := range pairs {
		parent, child, _ := strings.Cut(pair, ">")
		p, c := k.id(parent), k.id(child)
		k.parent[c], k.kids[p] = p, append(k.kids[p], c)
	}
	return k
}

func (k *kin) id(name string) string {
	if k.ids[name] == "" {
		id := fmt.Sprintf("0%022d", len(k.ids))
		k.ids[name], k.names[id] = id, name
	}
	return k.ids[name]
}

func (k *kin) Executions(_ context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	k.reads++
	if k.names[f.ID] == "" {
		return flow.Page[flow.Summary]{}, nil
	}
	return flow.Page[flow.Summary]{Items: []flow.Summary{{ID: f.ID, Workflow: "w", Status: flow.Running, ParentID: k.parent[f.ID]}}}, nil
}

func (k *kin) Relations(_ context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	k.reads++
	if f.Child != "" {
		return flow.Page[flow.Relation]{Items: []flow.Relation{k.relation(f.Child)}}, nil
	}
	var page flow.Page[flow.Relation]
	kids := k.kids[f.Parent]
	first, _ := strconv.Atoi(f.Cursor) // the number of those that were told
	for i := first; i < len(kids); i++ {
		if len(page.Items) == f.Limit {
			page.Cursor = strconv.Itoa(i)
			break
		}
		page.Items = append(page.Items, k.relation(kids[len(kids)-1-i]))
	}
	return page, nil
}

func (k *kin) relation(child string) flow.Relation {
	return flow.Relation{ParentID: k.parent[child], ChildID: child, Status: flow.Running, Mode: "sync", Children: len(k.kids[child])}
}

// family asks the API, and gives the links as "parent>child distance".
func (k *kin) family(t *testing.T, name, query string) (flow.Family, string) {
	t.Helper()
	c := config(k.fake)
	c.Store = k
	w := serve(c, request("GET", "/v1/executions/"+k.id(name)+"/relations"+query, ""))
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	var f flow.Family
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, l := range f.Items {
		links = append(links, fmt.Sprintf("%s>%s %d", k.names[l.ParentID], k.names[l.ChildID], l.Distance))
	}
	return f, strings.Join(links, ", ")
}

func TestFamily(t *testing.T) {
	t.Parallel()
	k := kinsfolk("top>boss", "boss>me", "boss>other", "me>a", "me>b", "a>c", "c>d")
	for query, want := range map[string]struct {
		root, links string
		truncated   bool
	}{
		"":         {"top", "top>boss -2, boss>me -1, me>a 1, a>c 2, c>d 3, me>b 1", false},
		"?depth=3": {"top", "top>boss -2, boss>me -1, me>a 1, a>c 2, c>d 3, me>b 1", false},
		"?depth=2": {"top", "top>boss -2, boss>me -1, me>a 1, a>c 2, me>b 1", true},
		"?depth=1": {"boss", "boss>me -1, me>a 1, me>b 1", true},
	} {
		f, links := k.family(t, "me", query)
		if links != want.links || f.Truncated != want.truncated || f.Root == nil || k.names[f.Root.ID] != want.root || f.Root.Status != flow.Running {
			t.Errorf("%s: got %s, root %+v, truncated %v", query, links, f.Root, f.Truncated)
		}
	}
	if _, links := k.family(t, "d", ""); links != "top>boss -5, boss>me -4, me>a -3, a>c -2, c>d -1" {
		t.Errorf("of a leaf: got %s", links)
	}
}

// TestFamilyOfThePurged: a parent that is gone is told by its id; an execution that is gone is not found.
func TestFamilyOfThePurged(t *testing.T) {
	t.Parallel()
	k := kinsfolk("gone>me", "me>a")
	delete(k.names, k.ids["gone"])
	f, links := k.family(t, "me", "")
	if links != ">me -1, me>a 1" || f.Root != nil || f.Items[0].ParentID != k.ids["gone"] || f.Truncated {
		t.Errorf("got %s, root %+v", links, f.Root)
	}
	c := config(k.fake)
	c.Store = k
	if w := serve(c, request("GET", "/v1/executions/"+k.ids["gone"]+"/relations", "")); w.Code != 404 {
		t.Errorf("an execution that is gone: got %d %s", w.Code, w.Body)
	}
}

// TestFamilyIsBounded: of too many, the generation that is nearest, and of that the youngest; it says so, and does not
// ask those who have no children.
func TestFamilyIsBounded(t *testing.T) {
	t.Parallel()
	var pairs []string
	for i := range 998 {
		pairs = append(pairs, fmt.Sprintf("me>%d", i))
	}
	pairs = append(pairs, "0>x", "0>y")
	k := kinsfolk(pairs...)
	if f, _ := k.family(t, "me", ""); len(f.Items) != 1000 || f.Truncated || f.Items[0].ChildID != k.ids["0"] || f.Items[1].ChildID != k.ids["x"] {
		t.Errorf("exactly so many: got %d, truncated %v", len(f.Items), f.Truncated)
	}
	if k.reads > 4 {
		t.Errorf("it took %d reads", k.reads)
	}
	for _, more := range []string{"0>z", "y>deep", "me>998"} {
		k := kinsfolk(append(pairs, more)...)
		if f, _ := k.family(t, "me", ""); len(f.Items) != 1000 || !f.Truncated {
			t.Errorf("with %s: got %d, truncated %v", more, len(f.Items), f.Truncated)
		}
	}
	for i := range 500 {
		pairs = append(pairs, fmt.Sprintf("me>late%d", i))
	}
	k = kinsfolk(pairs...)
	f, links := k.family(t, "me", "")
	if len(f.Items) != 1000 || !f.Truncated || !strings.HasSuffix(links, "me>late499 1") || f.Items[0].ChildID != k.ids["498"] {
		t.Errorf("too many: got %d, truncated %v", len(f.Items), f.Truncated)
	}
}

package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
)

var findingPromises = []promise{
	{"executions by every combination of filters", everyExecution},
	{"an execution is found by the error that it has", func(w *world) {
		id := w.create()
		of := func(text string) []string { return w.executions(flow.ExecutionFilter{Error: text}) }
		equal(w, "number before it failed", len(of("refused")), 0)
		w.Advance(2 * slack)
		failed := w.Now()
		w.move(id, fail(flow.Failed, "net", "connection refused"))
		same(w, "refused", of("refused"), []string{id})
		same(w, "refused since", w.executions(flow.ExecutionFilter{Error: "refused", Since: failed.Add(-slack)}), []string{id})
		equal(w, "number refused before", len(w.executions(flow.ExecutionFilter{Error: "refused", Until: failed.Add(-slack)})), 0)
		w.move(id, revive, cleared("net", "connection refused"))
		equal(w, "number while it lives again", len(of("refused")), 0)
		w.move(id, fail(flow.Quarantined, "poison", "5 workers died"))
		same(w, "in quarantine", of("poison died"), []string{id})
		w.move(id, fail(flow.Cancelled, "cancelled", "enough"), cleared("poison", "5 workers died"))
		same(w, "cancelled", of("enough"), []string{id})
		equal(w, "number by errors of its past", len(of("refused"))+len(of("died")), 0)
	}},
	{"an error is found by the words of its code, node and message", func(w *world) {
		var long []string
		for i := range 40 {
			long = append(long, fmt.Sprintf("w%d", i))
		}
		id := w.create(fail(flow.Failed, "http_error", "POST /Orders/42: 503 Über-Last; "+strings.Join(long, " ")), func(c *flow.Change) { c.Error.Node = "charge" })
		for text, found := range map[string]bool{
			"HTTP": true, "http_error": true, "charge 503": true, "über": true, "error, orders!": true, "42": true, "w1 w39": true, "w32": true,
			"4": false, "http nothing": false, "w20": false,
		} {
			equal(w, "found by "+text, slices.Equal(w.executions(flow.ExecutionFilter{Error: text}), []string{id}), found)
			equal(w, "found among the failed by "+text, slices.Equal(w.executions(flow.ExecutionFilter{Error: text, Status: flow.Failed}), []string{id}), found)
		}
	}},
	{"executions by what their ids begin with", func(w *world) {
		var ids []string
		for i := range 40 {
			ids = append(ids, w.create(tagged(map[string]string{"odd": fmt.Sprint(i % 2)})))
			w.Advance(2 * time.Millisecond)
		}
		slices.Reverse(ids)
		for _, prefix := range []string{ids[3], ids[7][:2], "0"} {
			var want []string
			for _, id := range ids {
				if strings.HasPrefix(id, prefix) {
					want = append(want, id)
				}
			}
			same(w, "that begin with "+prefix, w.executions(flow.ExecutionFilter{Prefix: prefix, Limit: 3}), want)
		}
		half := w.executions(flow.ExecutionFilter{Prefix: "0", Limit: 3, Tags: map[string]string{"odd": "1"}})
		equal(w, "number of a tag", len(half), 20)
	}},
	{"what executions cannot be found by is refused", func(w *world) {
		for _, f := range []flow.ExecutionFilter{
			{Prefix: "a:b"},
			{Error: "::"},
			{Error: strings.Repeat("x", flow.MaxErrorText+1)},
			{Error: "a b c d e f g h i j k l m n o p q r s t u"},
			{Tags: map[string]string{"": "x"}},
			{Tags: map[string]string{"x": strings.Repeat("y", flow.MaxTagValue+1)}},
		} {
			_, err := w.Store.Executions(w.Context(), f)
			w.wantErr(err, flow.ErrInvalid)
		}
		equal(w, "children of what is none", len(w.executions(flow.ExecutionFilter{Parent: "nobody"})), 0)
	}},
	{"cursors hold while executions move that are found by tags", func(w *world) {
		wanderers(w, flow.ExecutionFilter{Tags: map[string]string{"team": "a"}}, tagged(map[string]string{"team": "a"}))
	}},
	{"cursors hold while executions move that are found by tags and status", func(w *world) {
		wanderers(w, flow.ExecutionFilter{Tags: map[string]string{"team": "a"}, Status: flow.Running}, tagged(map[string]string{"team": "a"}))
	}},
	{"cursors hold while executions move that are found by parent and status", func(w *world) {
		parent := w.create()
		wanderers(w, flow.ExecutionFilter{Parent: parent, Status: flow.Running}, childOf(parent))
	}},
	{"what is purged is not found", func(w *world) {
		parent := w.create()
		w.create(childOf(parent), tagged(map[string]string{"team": "a"}), fail(flow.Failed, "net", "connection refused"))
		stays := w.create(childOf(parent), tagged(map[string]string{"team": "a"}))
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Failed: 0}, 100), 1)
		same(w, "of the tag", w.executions(flow.ExecutionFilter{Tags: map[string]string{"team": "a"}}), []string{stays})
		same(w, "of the parent", w.executions(flow.ExecutionFilter{Parent: parent}), []string{stays})
		equal(w, "number of the error", len(w.executions(flow.ExecutionFilter{Error: "refused"})), 0)
	}},
}

func tagged(tags map[string]string) edit { return func(c *flow.Change) { c.Head.Tags = tags } }

// fail ends the execution with an error, or puts it into quarantine.
func fail(status flow.Status, code, message string) edit {
	return func(c *flow.Change) {
		c.Front.Status, c.Ended, c.Error = status, status.Terminal(), flow.Problemf(code, "%s", message)
	}
}

func cleared(code, message string) edit {
	return func(c *flow.Change) { c.Cleared = flow.Problemf(code, "%s", message) }
}

// found is an execution with what filters go by.
type found struct {
	id, workflow, parent string
	tags                 map[string]string
	status               flow.Status
	words                string // of its error
	at                   time.Time
}

// everyExecution makes executions of every kind, and asks for them in every way.
func everyExecution(w *world) {
	parent := w.create(workflow("above"))
	var all []found
	for i, ending := range []struct {
		status      flow.Status
		code, words string
	}{{flow.Running, "", ""}, {flow.Failed, "net", "connection refused"}, {flow.Failed, "net", "connection lost"}, {flow.TimedOut, "timeout", "connection"}, {flow.Completed, "", ""}} {
		for j, tags := range []map[string]string{nil, {"team": "a"}, {"team": "b", "env": "=|@"}} {
			for k, of := range []string{"order", "refund"} {
				edits := []edit{workflow(of), tagged(tags), end(ending.status)}
				if ending.code != "" {
					edits = append(edits, fail(ending.status, ending.code, ending.words))
				}
				x := found{workflow: of, tags: tags, status: ending.status, words: ending.code + " " + ending.words}
				if (i+j+k)%2 == 0 {
					x.parent, edits = parent, append(edits, childOf(parent))
				}
				edits = append(edits, func(c *flow.Change) { c.Ended = c.Front.Status.Terminal() })
				w.Advance(2 * time.Millisecond)
				x.id = w.create(edits...)
				x.at = w.whole(x.id).CreatedAt
				all = append(all, x)
			}
		}
	}
	slices.Reverse(all)
	middle := all[len(all)/2].at
	for _, status := range []flow.Status{"", flow.Running, flow.Failed, flow.Completed} {
		for _, of := range []string{"", "refund"} {
			for _, above := range []string{"", parent} {
				for _, tags := range []map[string]string{nil, {"team": "a"}, {"team": "b", "env": "=|@"}, {"team": "b", "env": "none"}} {
					for _, text := range []string{"", "connection", "refused net", "nothing"} {
						for _, f := range []flow.ExecutionFilter{{}, {Since: middle}, {Until: middle}} {
							f.Status, f.Workflow, f.Parent, f.Tags, f.Error, f.Limit = status, of, above, tags, text, 3
							askFound(w, all, f)
						}
					}
				}
			}
		}
	}
}

// askFound compares a list to its end with those of all, newest first, that are asked for. One is not of the kind that is asked for
// by time unless a workflow says so: the parent.
func askFound(w *world, all []found, f flow.ExecutionFilter) {
	w.Helper()
	want := []string{}
	for _, x := range all {
		fits := (f.Status == "" || f.Status == x.status) && (f.Workflow == "" || f.Workflow == x.workflow) && (f.Parent == "" || f.Parent == x.parent) &&
			(f.Since.IsZero() || !x.at.Before(f.Since)) && (f.Until.IsZero() || x.at.Before(f.Until))
		for name, value := range f.Tags {
			fits = fits && x.tags[name] == value
		}
		for word := range strings.FieldsSeq(f.Error) {
			fits = fits && slices.Contains(strings.Fields(x.words), word)
		}
		if fits {
			want = append(want, x.id)
		}
	}
	got := slices.DeleteFunc(w.executions(f), func(id string) bool { return !slices.ContainsFunc(all, func(x found) bool { return x.id == id }) })
	if !slices.Equal(got, want) {
		w.Errorf("executions of %+v are %q, want %q", f, got, want)
	}
}

// wanderers: of executions that a filter finds, those that stay where they are told once, whatever others do between two pages.
func wanderers(w *world, f flow.ExecutionFilter, edits ...edit) {
	told := map[string]int{}
	for range 9 {
		told[w.create(edits...)] = 0
	}
	gone := map[string]bool{}
	f.Limit = 2
	for range 100 {
		page, err := w.Store.Executions(w.Context(), f)
		w.must(err)
		for _, x := range page.Items {
			told[x.ID]++
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
		last := page.Items[len(page.Items)-1].ID // where the cursor stands
		if !gone[last] {
			w.move(last, end(flow.Completed))
			gone[last] = true
		}
		w.create(edits...) // it is newer than all, and comes in no later page
	}
	for id, n := range told {
		if n != 1 {
			w.Errorf("execution %s was told %d times", id, n)
		}
	}
}

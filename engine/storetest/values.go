package storetest

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"prana/engine/flow"
)

var valuePromises = []promise{
	{"values come back byte for byte", func(w *world) {
		var edits []edit
		for i, text := range oddValues() {
			edits = append(edits, value(flow.OutputRef(flow.StepID{Node: i}), raw(text)))
		}
		x := w.whole(w.create(edits...))
		for i, text := range oddValues() {
			got := string(x.Values[flow.OutputRef(flow.StepID{Node: i})])
			if got != text {
				w.Errorf("value %d is %s, want %s", i, flow.Cut(got, 80), flow.Cut(text, 80))
			}
		}
	}},
	{"input and results come back byte for byte, wait data and debts but for spaces", func(w *world) {
		for i, text := range oddValues() {
			s := waiting(0, flow.Wait{Type: flow.CustomWait, Data: json.RawMessage(text)})
			id := w.create(suspend(s), func(c *flow.Change) {
				c.Input = json.RawMessage(text)
				c.Result = &flow.Value{Raw: json.RawMessage(text)}
				c.Outbox = []flow.Outgoing{{ID: "a|b", Kind: flow.SendCancel, To: "@\x00", Data: json.RawMessage(text)}}
			})
			x := w.whole(id)
			out, err := w.Store.Outbox(w.Context(), id)
			w.must(err)
			if string(x.Input) != text || string(x.Result) != text || compact(w, x.Steps[s.ID].Wait.Data) != compact(w, []byte(text)) {
				w.Errorf("text %d came back changed: %s", i, flow.Cut(text, 80))
			}
			if len(out) != 1 || compact(w, out[0].Data) != compact(w, []byte(text)) || out[0].ID != "a|b" || out[0].To != "@\x00" {
				w.Errorf("debt %d came back changed: %s", i, flow.Cut(text, 80))
			}
		}
	}},
	{"chains of the same value are followed", func(w *world) {
		id := w.create(value("o0.000", raw(`{"big":true}`)), value("o1.000", flow.Value{Same: "o0.000"}))
		w.move(id, value("d2.000", flow.Value{Same: "o1.000"}), value("o3.000", flow.Value{Same: "i"}))
		w.move(id, value("o4.000", flow.Value{Same: "d2.000"}), func(c *flow.Change) { c.Result = &flow.Value{Same: "o4.000"} })
		x := w.whole(id)
		wantValues(w, x, map[flow.Ref]string{
			"o0.000": `{"big":true}`, "o1.000": `{"big":true}`, "d2.000": `{"big":true}`,
			"o3.000": `{"n":1}`, "o4.000": `{"big":true}`,
		})
		equal(w, "result", string(x.Result), `{"big":true}`)
	}},
	{"the results of parts are gathered", func(w *world) {
		of := flow.StepID{Node: 3, Run: 1}
		id := w.create(value("l3.001:0", raw(`"a"`)), value("o4.000", flow.Value{Same: "l3.001:0"}),
			value(flow.ResultRef(of, 0), flow.Value{Same: "o4.000"}), value(flow.ResultRef(of, 2), raw(`{"n":2}`)),
			value("o3.001", flow.Value{Results: &flow.Results{Of: of, Count: 3}}), value("d5.000", flow.Value{Same: "o3.001"}))
		nested := flow.StepID{Node: 6}
		w.move(id, value(flow.ResultRef(nested, 0), flow.Value{Same: "o3.001"}), value("o6.000", flow.Value{Results: &flow.Results{Of: nested, Count: 1}}))
		want := map[flow.Ref]string{"o3.001": `["a",null,{"n":2}]`, "d5.000": `["a",null,{"n":2}]`, "o6.000": `[["a",null,{"n":2}]]`}
		hasValues(w, w.whole(id), want)
		hasValues(w, w.load(id, flow.Want{Values: []flow.Ref{"o3.001", "d5.000", "o6.000"}}), want)
		s := step(7, flow.StepPending)
		s.Inputs = []flow.Arrival{{Port: "main", Ref: "d5.000"}}
		w.move(id, run(s))
		hasValues(w, w.load(id, flow.Want{Steps: []flow.StepID{s.ID}, Inputs: true}), map[flow.Ref]string{"d5.000": `["a",null,{"n":2}]`})
	}},
	{"what is emitted comes with the steps that it leads to", func(w *world) {
		asks := waiting(1, flow.Wait{Type: flow.Approval, Timer: true, In: time.Hour})
		id := w.create(suspend(asks))
		first := w.whole(id).Steps[asks.ID]
		again := waiting(1, flow.Wait{Type: flow.Approval, Timer: true, Since: first.Wait.Since, Due: first.Wait.Since.Add(2 * time.Hour), Began: 1, First: 1})
		again.Turn, again.Emitted = 2, 1
		again.Resumed = &flow.Resumption{By: flow.ByTimer, Actor: "Ada", Turn: 1, First: 1, Since: first.Wait.Since}
		mail := step(2, flow.StepPending)
		mail.Inputs = []flow.Arrival{{Edge: 3, Port: "main", Ref: flow.EmissionRef(asks.ID, 0), Aside: true}}
		w.move(id, suspend(again), run(mail), value(flow.EmissionRef(asks.ID, 0), raw(`{"n":1}`)))
		x := w.load(id, flow.Want{Steps: []flow.StepID{asks.ID, mail.ID}, Inputs: true})
		hasValues(w, x, map[flow.Ref]string{flow.EmissionRef(asks.ID, 0): `{"n":1}`})
		hasValues(w, w.whole(id), map[flow.Ref]string{flow.EmissionRef(asks.ID, 0): `{"n":1}`})
		got := x.Steps[asks.ID]
		equal(w, "values emitted", got.Emitted, 1)
		equal(w, "first turn of the wait", got.Wait.First, 1)
		equal(w, "it began when it began", got.Wait.Since.Equal(first.Wait.Since) && got.Wait.Due.Equal(first.Wait.Since.Add(2*time.Hour)), true)
		equal(w, "who ended the turn", got.Resumed.Actor, "Ada")
		equal(w, "first turn that ended", got.Resumed.First, 1)
		same(w, "what led to the mail", x.Steps[mail.ID].Inputs, mail.Inputs)
	}},
	{"of no parts there is an empty list", func(w *world) {
		id := w.create(value("o3.000", flow.Value{Results: &flow.Results{Of: flow.StepID{Node: 3}}}))
		wantValues(w, w.load(id, flow.Want{Values: []flow.Ref{"o3.000"}}), map[flow.Ref]string{"o3.000": `[]`})
	}},
	{"fans and parts come with the steps inside them", func(w *world) {
		outer, part, inner := flow.StepID{Node: 6}, flow.StepID{Node: 6, Run: 3}, flow.StepID{Node: 7, Run: 1}
		leaf := step(8, flow.StepPending)
		item := flow.StepID{Node: 7, Run: 2}
		leaf.Part = &item
		fans := map[flow.StepID]*flow.Fan{
			outer: {Items: 9, Next: 4, Alive: 2, Over: 2, Need: 7, Width: 2, Emit: "loop", Port: "done", Lenient: true, Discard: true, Bytes: 9},
			inner: {Part: &part, Items: 2, Next: 1, Alive: 1, Came: 1, Need: 2, Width: 1},
		}
		parts := map[flow.StepID]*flow.Part{
			part: {
				Owner: outer, Index: 2, Back: []flow.Arrival{{Edge: 3, Port: "main", Ref: "o7.001"}}, Last: map[int]int{7: 1},
				Region: flow.Region{Live: map[int]flow.Live{7: {Open: 1}}, Joins: map[int]*flow.Open{8: {Arrived: []flow.Arrival{{Edge: 2, Port: "a", Ref: "o7.000"}}}}},
			},
			item:              {Owner: inner, Index: 1, Came: true, Region: flow.Region{Live: map[int]flow.Live{8: {Pending: 1}}}},
			{Node: 6, Run: 4}: {Owner: outer, Index: 3, Region: flow.Region{Live: map[int]flow.Live{7: {Suspended: 1}}}},
		}
		id := w.create(run(leaf), func(c *flow.Change) { c.Fans, c.Parts = fans, parts })
		want := map[flow.StepID]*flow.Fan{}
		for owner, f := range fans {
			c := *f
			c.Parts = map[flow.StepID]*flow.Part{}
			want[owner] = &c
		}
		want[outer].Parts[part], want[inner].Parts[item] = parts[part], parts[item]
		same(w, "around the step", w.load(id, flow.Want{Steps: []flow.StepID{leaf.ID}}).Fans, want)
		equal(w, "number of fans without a step", len(w.load(id, flow.Want{}).Fans), 0)
		want[outer].Parts[flow.StepID{Node: 6, Run: 4}] = parts[flow.StepID{Node: 6, Run: 4}]
		same(w, "all", w.whole(id).Fans, want)
		w.move(id, func(c *flow.Change) {
			c.Fans = map[flow.StepID]*flow.Fan{inner: nil}
			c.Parts = map[flow.StepID]*flow.Part{item: nil, part: nil}
		})
		delete(want, inner)
		delete(want[outer].Parts, part)
		same(w, "what is left", w.whole(id).Fans, want)
	}},
	{"the context of a node is written anew, and comes with its record", func(w *world) {
		id := w.create(value("k4", raw(`{"n":1}`)))
		w.move(id, value("k4", raw(`{"n":2}`)))
		wantValues(w, w.load(id, flow.Want{Records: []int{4}}), map[flow.Ref]string{"k4": `{"n":2}`})
	}},
	{"chains are followed for a single step", func(w *world) {
		s := step(5, flow.StepPending)
		s.Inputs = []flow.Arrival{{Port: "main", Ref: "o2.000"}}
		id := w.create(value("o0.000", raw(`[1]`)), value("o1.000", flow.Value{Same: "o0.000"}), value("o2.000", flow.Value{Same: "o1.000"}), run(s))
		x := w.load(id, flow.Want{Steps: []flow.StepID{s.ID}, Inputs: true})
		wantValues(w, x, map[flow.Ref]string{"o2.000": "[1]"})
	}},
	{"chains are followed for the last output of a node", func(w *world) {
		id := w.create(value("o1.003", flow.Value{Same: "i"}), func(c *flow.Change) {
			c.Nodes = map[int]flow.NodeState{1: {Runs: 4, Last: 3}}
		})
		wantValues(w, w.load(id, flow.Want{Outputs: []int{1}}), map[flow.Ref]string{"o1.003": `{"n":1}`})
	}},
	{"the same as nothing is null", func(w *world) {
		x := w.whole(w.create(value("o0.000", flow.Value{}), func(c *flow.Change) { c.Result = &flow.Value{} }))
		equal(w, "value", string(x.Values["o0.000"]), "null")
		equal(w, "result", string(x.Result), "null")
	}},
}

// compact takes the spaces out of JSON and leaves all else.
func compact(w *world, raw []byte) string {
	w.Helper()
	var out bytes.Buffer
	w.must(json.Compact(&out, raw))
	return out.String()
}

// oddValues are values that an encoding could take for something of its own.
func oddValues() []string {
	return []string{
		`null`, `true`, `0`, `-1.50`, `12345678901234567890`, `""`, `[]`, `{}`, `{"a":[],"b":{}}`, ` {"spaced" : 1} `,
		`"i"`, `"o0.000"`, `"d2.000"`, `"@o0.000"`, `"=o0.000"`, `"*o0.000"`, `"&o0.000"`, `"~o0.000"`, `"#1"`,
		`"|"`, `"a|b|c"`, `"@"`, `"a:b.c:1"`, `"{prana-0}"`, `"\u0000"`, `"\\u0000"`, `"\\x00"`, `"<a href=\"x\">&"`,
		`"line\nline\r\n"`, `"Grüße, 世界 🙂"`, `"\u2028"`, `{"Same":"o0.000"}`, `{"same":"i","raw":null}`,
		`"` + strings.Repeat("x", 62) + `"`, `"` + strings.Repeat("ü", 64) + `"`,
		`"` + strings.Repeat("0123456789abcdef", 200*1024/16) + `"`,
	}
}

// hasValues checks some of the values; others may have come along.
func hasValues(w *world, x *flow.Execution, want map[flow.Ref]string) {
	w.Helper()
	for ref, v := range want {
		equal(w, "value "+string(ref), string(x.Values[ref]), v)
	}
}

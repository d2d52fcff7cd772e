package programs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Sources gives the definitions of a program and of those that it starts, the latter first. PARTNER in them stands for the
// address of the partner.
func (p *Program) Sources() []string {
	var all []string
	for _, c := range p.children {
		all = append(all, c.Sources()...)
	}
	return append(all, p.source())
}

// place is where a program goes on: after a port of a node, with a text that an expression gives.
type place struct{ node, port, text string }

// writer writes a definition.
type writer struct {
	nodes       []map[string]any
	connections []string
}

func (p *Program) source() string {
	w := &writer{}
	w.node("trigger", "manual.trigger", nil, nil)
	at := w.pass("start", "{{ $input.id }}", place{node: "trigger", port: "main"})
	w.block(p.body, at)
	mode := "parallel"
	if p.Sequential {
		mode = "sequential"
	}
	raw, err := json.MarshalIndent(map[string]any{"id": p.Name, "mode": mode, "nodes": w.nodes, "connections": w.connections}, "", " ")
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// node adds a node.
func (w *writer) node(key, kind string, params, settings map[string]any) {
	n := map[string]any{"key": key, "type": kind}
	if params != nil {
		n["params"] = params
	}
	if settings != nil {
		n["settings"] = settings
	}
	w.nodes = append(w.nodes, n)
}

// lead connects a place with a port of a node.
func (w *writer) lead(from place, to, port string) {
	w.connections = append(w.connections, fmt.Sprintf("%s.%s -> %s.%s", from.node, from.port, to, port))
}

// after adds a node that follows a place, and gives the place after it, with the text as it was.
func (w *writer) after(at place, key, kind string, params, settings map[string]any) place {
	w.node(key, kind, params, settings)
	w.lead(at, key, "main")
	return place{key, "main", at.text}
}

// pass adds a node that makes a digest of a template, after all of some places.
func (w *writer) pass(key, to string, after ...place) place {
	w.node(key, "faults.pass", map[string]any{"name": key, "to": to}, nil)
	for _, at := range after {
		w.lead(at, key, "main")
	}
	return place{key, "main", outputOf(key)}
}

func outputOf(key string) string { return "$nodes." + key + ".output" }

// braced gives a template for the text at a place.
func (at place) braced() string { return "{{ " + at.text + " }}" }

// whose gives a template for a text that only one execution has at one node.
func (at place) whose(key string) string { return key + "/" + at.braced() }

func (w *writer) block(b block, at place) place {
	for _, s := range b {
		at = w.statement(s, at)
	}
	return at
}

func (w *writer) statement(s statement, at place) place {
	switch s.op {
	case effect:
		return w.effect(s.key, at, 0, nil)
	case lane:
		return w.effect(s.key, at, 0, map[string]any{"concurrency_key": fmt.Sprint("lane-", s.n), "concurrency_limit": 3})
	case retried:
		return w.effect(s.key, at, s.n, map[string]any{"retry_on_failed": true, "max_retries": s.n, "retry_delay_ms": s.ms})
	case failed:
		w.effect(s.key, at, 1000, map[string]any{"retry_on_failed": true, "max_retries": 1, "retry_delay_ms": s.ms, "on_error": "continue_error_output"})
		return place{s.key, "error", at.text}
	case delay:
		return w.after(at, s.key, "time.delay", map[string]any{"duration_ms": s.ms}, nil)
	case event:
		w.wait(s, at, 3_600_000, "fail")
		return place{s.key, "main", outputOf(s.key) + ".brought"}
	case late:
		w.wait(s, at, s.ms, "late")
		return place{s.key, "late", at.text}
	case poll:
		w.after(at, s.key, "poll.poll_until", map[string]any{
			"endpoint": fmt.Sprintf("PARTNER/job?at=%s&after=%d", at.whose(s.key), s.n), "condition": "$response.status == 'completed'", "interval_ms": s.ms,
		}, nil)
		return place{s.key, "main", outputOf(s.key) + ".body.result"}
	case child, spawn:
		return w.child(s, at)
	case fork:
		return w.fork(s, at)
	case choice:
		return w.choice(s, at)
	case loop:
		return w.loop(s, at)
	case each:
		return w.each(s, at)
	}
	panic("no such statement: " + s.op)
}

func (w *writer) effect(key string, at place, fail int, settings map[string]any) place {
	w.after(at, key, "faults.effect", map[string]any{"name": key, "to": at.braced(), "fail": fail}, settings)
	return place{key, "main", outputOf(key)}
}

func (w *writer) wait(s statement, at place, ms int, onTimeout string) {
	w.after(at, s.key, "wait.wait_for_event", map[string]any{
		"event_type": eventType(s), "event_filter": map[string]any{"at": at.whose(s.key)}, "timeout_ms": ms, "on_timeout": onTimeout,
	}, nil)
}

func (w *writer) child(s statement, at place) place {
	mode := "sync"
	switch {
	case s.op == spawn:
		mode = "fire_and_forget"
	case s.async:
		mode = "async"
	}
	next := w.after(at, s.key, "workflow.execute_workflow", map[string]any{
		"workflow_id": s.child.Name, "execution_mode": mode, "input_data": map[string]any{"id": at.whose(s.key)}, "timeout_ms": 3_600_000,
	}, nil)
	if s.op == child {
		next.text = outputOf(s.key)
	}
	return next
}

func (w *writer) fork(s statement, at place) place {
	w.node(s.key, "faults.join", map[string]any{"name": s.key}, map[string]any{"join": "all"})
	for i, b := range s.blocks {
		end := w.block(b, at)
		w.lead(w.pass(fmt.Sprint(s.key, "_", i), end.braced(), end), s.key, fmt.Sprint("arm", i))
	}
	return place{s.key, "main", outputOf(s.key)}
}

func (w *writer) choice(s statement, at place) place {
	in := w.pass(s.key+"_in", at.braced(), at)
	w.after(in, s.key, "logic.if_condition", map[string]any{"condition": `$input < "8"`}, nil)
	var ends []place
	for i, port := range []string{"true", "false"} {
		end := w.block(s.blocks[i], place{s.key, port, in.text})
		ends = append(ends, w.pass(fmt.Sprint(s.key, "_", i), end.braced(), end))
	}
	return w.pass(s.key+"_out", "{{ $input }}", ends...)
}

func (w *writer) loop(s statement, at place) place {
	in := w.pass(s.key+"_in", at.braced(), at)
	head := w.pass(s.key+"_head", "{{ $input }}", in)
	end := w.block(s.blocks[0], head)
	tail := w.pass(s.key+"_tail", end.braced(), end)
	w.after(tail, s.key, "logic.if_condition", map[string]any{"condition": `$input < "6"`}, nil)
	w.lead(place{node: s.key, port: "true"}, s.key+"_head", "main")
	return place{s.key, "false", tail.text}
}

func (w *writer) each(s statement, at place) place {
	var items []string
	for i := range s.n {
		items = append(items, fmt.Sprintf("%s + \"-%d\"", at.text, i))
	}
	w.after(at, s.key, "core.for_each", map[string]any{"collection": "{{ [" + strings.Join(items, ", ") + "] }}", "parallel": s.n}, nil)
	head := w.pass(s.key+"_head", "{{ $input }}", place{node: s.key, port: "loop"})
	end := w.block(s.blocks[0], head)
	w.lead(w.pass(s.key+"_tail", end.braced(), end), s.key, "main")
	w.node(s.key+"_out", "faults.join", map[string]any{"name": s.key + "_out"}, nil)
	w.lead(place{node: s.key, port: "done"}, s.key+"_out", "main")
	return place{s.key + "_out", "main", outputOf(s.key + "_out")}
}

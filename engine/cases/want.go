package cases

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/engine/sim"
)

// wanted compares an execution with what is wanted of it.
func (p *play) wanted(v *flow.View, w *definition.Want) {
	var why error
	if v.Error != nil {
		why = v.Error
	}
	at := func(field string) string { return w.Path + "." + field }
	if w.Refused != "" {
		p.differ(at("refused"), "refused", w.Refused, "it began", nil)
		return
	}
	if w.Status != "" && v.Status != w.Status {
		p.differ(at("status"), "status", string(w.Status), string(v.Status), why)
	}
	if w.Error != "" && codeOf(why) != w.Error {
		p.differ(at("error"), "error", w.Error, orNothing(codeOf(why)), why)
	}
	p.names(at("path"), "path", w.Order, p.sim.Path(v), false)
	p.names(at("ran"), "ran", w.Ran, sim.RunNames(v.Nodes), true)
	p.names(at("waits"), "waits", w.Waits, waiting(v), true)
	p.value(at("output"), "output", w.Output, v.Output, why)
	p.value(at("reply"), "reply", w.Reply, reply(v, w.Reply), why)
	for _, name := range sortedKeys(w.Nodes) {
		p.node(v, plan.Join(at("nodes"), name), name, w.Nodes[name])
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// waiting are the nodes that sleep, whatever they wait for.
func waiting(v *flow.View) []string {
	var keys []string
	for _, s := range v.Suspensions {
		keys = append(keys, s.Node)
	}
	return keys
}

// names compares lists of names; a nil want is none.
func (p *play) names(at, what string, want *[]string, got []string, anyOrder bool) {
	if want == nil {
		return
	}
	expected := slices.Clone(*want)
	if anyOrder {
		got = slices.Sorted(slices.Values(got))
		slices.Sort(expected)
	}
	if !slices.Equal(expected, got) {
		p.differ(at, what, orNothing(listed(expected)), orNothing(listed(got)), nil)
	}
}

// value compares a value with a stored one; a nil want is none.
func (p *play) value(at, what string, want *any, raw json.RawMessage, why error) {
	if want == nil {
		return
	}
	got, err := flow.Decode(raw)
	if err != nil {
		p.fail(at, what, err.Error())
		return
	}
	expected := plainly(*want)
	if diff := differences(expected, got); len(diff) > 0 {
		f := p.differ(at, what, brief(expected), brief(got), why)
		f.Differences = diff
	}
}

// plainly gives a value as it would come out of the store.
func plainly(v any) any {
	raw, err := flow.Encode(v)
	if err != nil {
		return v
	}
	out, err := flow.Decode(raw)
	if err != nil {
		return v
	}
	return out
}

// reply is what the caller is answered, in the form in which it is wanted.
func reply(v *flow.View, want *any) json.RawMessage {
	var r flow.HTTPReply
	if want == nil || json.Unmarshal(v.Reply, &r) != nil {
		return nil
	}
	var body any = r.Body
	if decoded, err := flow.Decode([]byte(r.Body)); err == nil {
		body = decoded
	}
	var form any = map[string]any{"status": r.Status, "body": body}
	if _, isObject := (*want).(map[string]any); !isObject {
		form = r.Status
	}
	raw, _ := flow.Encode(form) // it was decoded
	return raw
}

// node compares what the runs of a node came to.
func (p *play) node(v *flow.View, at, name string, w definition.NodeWant) {
	of, key := p.suite.named(name)
	runs := p.runs(v, of, key)
	what := "nodes." + name + "."
	full := qualified(of.definition.ID, key)
	p.count(at+".runs", what+"runs", w.Runs, len(runs))
	p.count(at+".attempts", what+"attempts", w.Attempts, p.world.attempts[full])
	if w.Port == "" && w.Error == "" && w.Output == nil && w.Params == nil {
		return
	}
	if len(runs) == 0 {
		p.fail(at, strings.TrimSuffix(what, "."), "the node did not run")
		return
	}
	last := runs[len(runs)-1]
	if w.Port != "" && last.Port != w.Port {
		p.differ(at+".port", what+"port", w.Port, orNothing(last.Port), reason(last))
	}
	if got := codeOf(errorOf(last)); w.Error != "" && got != w.Error {
		p.differ(at+".error", what+"error", w.Error, orNothing(got), errorOf(last))
	}
	p.value(at+".output", what+"output", w.Output, last.Output, reason(last))
	p.params(at, what, w.Params, p.world.params[full])
}

func (p *play) count(at, what string, want *int, got int) {
	if want != nil && *want != got {
		p.differ(at, what, strconv.Itoa(*want), strconv.Itoa(got), nil)
	}
}

// params compares those that are wanted with what the node was given last.
func (p *play) params(at, what string, want, got map[string]any) {
	for _, name := range sortedKeys(want) {
		raw, err := flow.Encode(got[name])
		if err != nil {
			continue // what cannot be written was never wanted
		}
		v := want[name]
		p.value(plan.Join(at+".params", name), what+"params."+name, &v, raw, nil)
	}
}

// errorOf is the error of a run, or of its last failed attempt.
func errorOf(r flow.NodeRun) error {
	if r.Error != nil {
		return r.Error
	}
	if n := len(r.Attempts); n > 0 && r.Attempts[n-1].Error != nil {
		return r.Attempts[n-1].Error
	}
	return nil
}

// reason is why a run left nothing, if it did not.
func reason(r flow.NodeRun) error {
	if r.Status == flow.StepCompleted && r.Error == nil {
		return nil
	}
	return errorOf(r)
}

// runs are those of a node: of the execution, or of all executions of another workflow.
func (p *play) runs(v *flow.View, of *workflow, key string) []flow.NodeRun {
	if of == p.suite.workflows[0] {
		return runsOf(v, key)
	}
	var runs []flow.NodeRun
	for _, x := range p.others {
		if x.Workflow == of.definition.ID {
			runs = append(runs, runsOf(x, key)...)
		}
	}
	return runs
}

func runsOf(v *flow.View, key string) []flow.NodeRun {
	return slices.DeleteFunc(slices.Clone(v.Nodes), func(r flow.NodeRun) bool { return r.Node != key })
}

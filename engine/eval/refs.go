package eval

import (
	"maps"
	"slices"
)

// Refs says what a program reads, known from its syntax trees. A branch that
// is never taken counts as well.
type Refs struct {
	Input           bool               // $input
	InputPorts      []string           // $inputs.PORT, by name
	Inputs          bool               // $inputs as a whole, or with a computed name
	Nodes           map[string]NodeRef // $nodes.KEY
	Vars            bool               // $vars, $variables
	Workflow        bool
	Execution       bool // $execution, whatever the field
	State           bool // $execution.state, or $execution as a whole
	Trigger         bool
	Loop            bool // $loop, or $execution.loop, or $execution as a whole
	Now             bool // $now, now()
	Response        bool
	HTTP            bool
	Event           bool
	Env             []string // names of $env
	Secrets         []string // names of $secrets
	ResumeURL       bool     // $execution.resume_url, by name
	ResumeURLs      []string // nodes of $execution.resume_urls
	ExecutionFields []string // $execution.FIELD by name; "*" when it is read as a whole
}

// NodeRef says which parts of a node are read. $nodes.KEY alone reads all four.
type NodeRef struct{ Output, Error, Port, Context bool }

// Union returns what r and o read together.
func (r Refs) Union(o Refs) Refs {
	out := r.clone()
	for key, ref := range o.Nodes {
		out.node(key, ref)
	}
	out.InputPorts = append(out.InputPorts, o.InputPorts...)
	out.Env = append(out.Env, o.Env...)
	out.Secrets = append(out.Secrets, o.Secrets...)
	out.ResumeURLs = append(out.ResumeURLs, o.ResumeURLs...)
	out.ExecutionFields = append(out.ExecutionFields, o.ExecutionFields...)
	out.Input = r.Input || o.Input
	out.Inputs = r.Inputs || o.Inputs
	out.Vars = r.Vars || o.Vars
	out.Workflow = r.Workflow || o.Workflow
	out.Execution = r.Execution || o.Execution
	out.State = r.State || o.State
	out.ResumeURL = r.ResumeURL || o.ResumeURL
	out.Trigger = r.Trigger || o.Trigger
	out.Loop = r.Loop || o.Loop
	out.Now = r.Now || o.Now
	out.Response = r.Response || o.Response
	out.HTTP = r.HTTP || o.HTTP
	out.Event = r.Event || o.Event
	return out.sorted()
}

func (r Refs) clone() Refs {
	r.Nodes = maps.Clone(r.Nodes)
	r.InputPorts = slices.Clone(r.InputPorts)
	r.Env = slices.Clone(r.Env)
	r.Secrets = slices.Clone(r.Secrets)
	r.ResumeURLs = slices.Clone(r.ResumeURLs)
	r.ExecutionFields = slices.Clone(r.ExecutionFields)
	return r
}

func (r Refs) sorted() Refs {
	for _, names := range []*[]string{&r.InputPorts, &r.Env, &r.Secrets, &r.ResumeURLs, &r.ExecutionFields} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return r
}

func (r *Refs) node(key string, ref NodeRef) {
	if r.Nodes == nil {
		r.Nodes = map[string]NodeRef{}
	}
	old := r.Nodes[key]
	r.Nodes[key] = NodeRef{
		Output:  old.Output || ref.Output,
		Error:   old.Error || ref.Error,
		Port:    old.Port || ref.Port,
		Context: old.Context || ref.Context,
	}
}

var (
	commonRoots = []string{
		"$input", "$inputs", "$nodes", "$vars", "$variables", "$env", "$secrets",
		"$workflow", "$execution", "$trigger", "$loop", "$now",
	}
	specialRoots = []string{"$response", "$http", "$event"}
	nodeFields   = []string{"output", "error", "port", "context"}
)

// Roots lists every root that an expression may begin with, wherever it exists.
func Roots() []string { return slices.Concat(commonRoots, specialRoots) }

// where says when a root exists that the scope does not have.
var where = map[string]string{
	"$response": "$response exists only in the condition of a poll",
	"$http":     "$http exists only in the condition of a poll",
	"$event":    "$event exists only in the match of a wait for an event",
	selfRoot:    "$self exists only inside #pipe",
}

// reference checks a path from a root and records what it reads. keys are the
// constant steps after the root.
func (w *rewriter) reference(pos int, root string, keys []any) {
	r := &w.c.refs
	first, named := firstName(keys)
	switch root {
	case "$input":
		r.Input = true
	case "$inputs":
		if named {
			r.InputPorts = append(r.InputPorts, first)
		} else {
			r.Inputs = true
		}
	case "$nodes":
		w.nodeReference(pos, keys)
	case "$vars", "$variables":
		r.Vars = true
	case "$env":
		w.envReference(pos, first, named)
	case "$secrets":
		if !named {
			w.dynamic(pos, root)
		} else {
			r.Secrets = append(r.Secrets, first)
		}
	case "$execution":
		w.executionReference(pos, keys)
	case "$loop":
		r.Loop = r.Loop || w.c.leavesLoops(keys)
	default:
		r.plain(root)
	}
}

func (r *Refs) plain(root string) {
	switch root {
	case "$workflow":
		r.Workflow = true
	case "$trigger":
		r.Trigger = true
	case "$now":
		r.Now = true
	case "$response":
		r.Response = true
	case "$http":
		r.HTTP = true
	case "$event":
		r.Event = true
	}
}

func firstName(keys []any) (string, bool) {
	if len(keys) == 0 {
		return "", false
	}
	name, ok := keys[0].(string)
	return name, ok
}

// dynamic refuses what could read anything: the engine loads, and a reader
// trusts, only what is named.
func (w *rewriter) dynamic(pos int, root string) {
	w.issue(pos, CodeDynamicReference, root+" needs a constant name after it", "write "+root+`.NAME or `+root+`["NAME"]`)
}

func (w *rewriter) nodeReference(pos int, keys []any) {
	key, named := firstName(keys)
	if !named {
		w.dynamic(pos, "$nodes")
		return
	}
	if !w.knownNode(pos, key) {
		return
	}
	part, named := firstName(keys[1:])
	ref := NodeRef{Output: part == "output", Error: part == "error", Port: part == "port", Context: part == "context"}
	if len(keys) == 1 {
		ref = NodeRef{Output: true, Error: true, Port: true, Context: true}
	} else if !named || ref == (NodeRef{}) {
		hint := didYouMean(part, nodeFields)
		if hint == "" {
			hint = "a node has output, error, port and context"
		}
		w.issue(pos, CodeUnknownField, "$nodes."+key+" has no "+quote(part), hint)
		return
	}
	w.c.refs.node(key, ref)
}

func (w *rewriter) knownNode(pos int, key string) bool {
	nodes := w.c.scope.Nodes
	if nodes == nil || nodes[key] {
		return true
	}
	w.issue(pos, CodeUnknownNode, "there is no node "+quote(key), didYouMean(key, sortedKeys(nodes)))
	return false
}

func (w *rewriter) envReference(pos int, name string, named bool) {
	if !named {
		w.dynamic(pos, "$env")
		return
	}
	if !slices.Contains(w.c.scope.Env, name) {
		hint := didYouMean(name, w.c.scope.Env)
		if hint == "" {
			hint = "add it to the allow-list of environment names"
		}
		w.issue(pos, CodeEnvNotAllowed, "$env."+name+" is not on the allow-list", hint)
		return
	}
	w.c.refs.Env = append(w.c.refs.Env, name)
}

// executionReference knows $execution as a whole to be without resume URLs: they are made only where they are named.
func (w *rewriter) executionReference(pos int, keys []any) {
	r := &w.c.refs
	r.Execution = true
	name, named := firstName(keys)
	if !named {
		name = "*"
	}
	r.ResumeURL = r.ResumeURL || name == "resume_url"
	if name == "resume_urls" {
		w.urlReference(pos, keys[1:])
	}
	r.ExecutionFields = append(r.ExecutionFields, name)
	r.State = r.State || name == "state" || name == "*"
	r.Loop = r.Loop || name == "loop" || name == "*"
}

func (w *rewriter) urlReference(pos int, keys []any) {
	key, named := firstName(keys)
	if !named {
		w.dynamic(pos, "$execution.resume_urls")
	} else if w.knownNode(pos, key) {
		w.c.refs.ResumeURLs = append(w.c.refs.ResumeURLs, key)
	}
}

package suspend

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"prana/engine/flow"
)

// Load reads an execution, or the part of it that is wanted, in one round trip.
func (s *Store) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	if _, ok := flow.PartitionOf(id); !ok {
		return nil, flow.NotFound("execution", flow.Cut(id, 64))
	}
	r, err := s.read(ctx, id, want)
	if err != nil {
		return nil, trouble("loading execution "+id, err)
	}
	if len(r.fields) == 0 {
		return nil, flow.NotFound("execution", id)
	}
	x, err := r.execution(id)
	if err != nil {
		return nil, fmt.Errorf("loading execution %s: %w", id, err)
	}
	x.Whole = want.All
	return x, nil
}

// reading is what Redis answered.
type reading struct {
	want   *flow.Want // what was asked for; nil = everything
	now    int64
	fields map[string]string
	state  map[string]string
}

func (s *Store) read(ctx context.Context, id string, want flow.Want) (reading, error) {
	answer, err := s.groups.run(ctx, home(id), loadScript, []string{executionKey(id), stateKey(id)}, loadArgs(want))
	if err != nil || len(answer) == 0 {
		return reading{}, err
	}
	now, err := strconv.ParseInt(fmt.Sprint(answer[0]), 10, 64)
	if err != nil || len(answer) != 3 {
		return reading{}, fmt.Errorf("the load script answered %d values", len(answer))
	}
	return reading{&want, now, pairs(answer[1]), pairs(answer[2])}, nil
}

func (r reading) wantsNode(n int) bool {
	w := r.want
	return w == nil || w.All || slices.Contains(w.Nodes, n) || slices.Contains(w.Outputs, n) || slices.Contains(w.Records, n)
}

func pairs(v any) map[string]string {
	list, _ := v.([]any)
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		k, _ := list[i].(string)
		m[k], _ = list[i+1].(string)
	}
	return m
}

func loadArgs(want flow.Want) []any {
	if want.All {
		return []any{"all"}
	}
	fields := stepFields(want.Steps)
	for _, n := range want.Nodes {
		fields = append(fields, nodeField(n))
	}
	for _, n := range want.Records {
		fields = append(fields, string(flow.ContextRef(n)))
	}
	if want.Input {
		fields = append(fields, fieldInput)
	}
	if want.Reply {
		fields = append(fields, fieldReply)
	}
	state := "0"
	if want.State {
		state = "1"
	}
	args := append([]any{state, len(fields)}, fields...)
	var steps []any
	if want.Inputs {
		for _, id := range want.Steps {
			steps = append(steps, id.String())
		}
	}
	args = append(append(args, len(steps)), steps...)
	for _, nodes := range [][]int{want.Outputs, want.Records} {
		args = append(args, len(nodes))
		for _, n := range nodes {
			args = append(args, n)
		}
	}
	args = append(args, len(want.Values))
	for _, ref := range want.Values {
		args = append(args, string(ref))
	}
	return args
}

// stepFields are what is read of an execution in any case, and of steps with who claims them.
func stepFields(steps []flow.StepID) []any {
	fields := []any{fieldRev, fieldHead, fieldFront, fieldEnded}
	for _, id := range steps {
		fields = append(fields, stepField(id), claimField(id))
	}
	return fields
}

// execution builds what the fields tell.
func (r reading) execution(id string) (*flow.Execution, error) {
	x := &flow.Execution{
		ID: id, Rev: r.fields[fieldRev], Now: fromMillis(r.now),
		Steps: make(map[flow.StepID]*flow.Step, len(r.fields)/4), Nodes: map[int]flow.NodeState{}, Values: make(map[flow.Ref]json.RawMessage, len(r.fields)/2),
		Claims: map[flow.StepID]string{}, State: map[string]json.RawMessage{},
	}
	var err error
	if x.Head, err = decodeHead(r.fields[fieldHead]); err != nil {
		return nil, err
	}
	if x.Front, err = decodeFront(r.fields[fieldFront]); err != nil {
		return nil, err
	}
	vs := values{r.fields, map[string]json.RawMessage{}}
	for name, v := range r.fields {
		if err := vs.field(x, name, v); err != nil {
			return nil, err
		}
	}
	if err := decodeFrontNodes(r.fields[fieldFront], r.wantsNode, x.Nodes); err != nil { // which are newer than fields are
		return nil, err
	}
	if err := r.fans(x); err != nil {
		return nil, err
	}
	for k, v := range r.state {
		x.State[k] = json.RawMessage(v)
	}
	return x, nil
}

// field puts one field of the hash into its place.
func (vs values) field(x *flow.Execution, name, v string) (err error) {
	switch name {
	case fieldRev, fieldHead, fieldFront, "":
		return nil
	case fieldInput:
		x.Input = json.RawMessage(v)
		x.Values[flow.InputRef] = x.Input
		return nil
	case fieldResult:
		x.Result, err = vs.follow(v)
		return err
	case fieldReply:
		x.Reply = json.RawMessage(v)
		return nil
	case fieldProblem:
		return json.Unmarshal([]byte(v), &x.Error)
	case fieldEnded:
		x.EndedAt, _, err = unstamp(v)
		return err
	}
	return vs.numbered(x, name, v)
}

// fans reads the fans that were loaded, and puts each part into its own.
func (r reading) fans(x *flow.Execution) error {
	for name, v := range r.fields {
		id, ok := named(name, 'w')
		if !ok {
			continue
		}
		f, err := decodeFan(v)
		if err != nil {
			return err
		}
		if x.Fans == nil {
			x.Fans = map[flow.StepID]*flow.Fan{}
		}
		x.Fans[id] = f
	}
	if len(x.Fans) == 0 {
		return nil
	}
	for name, v := range r.fields {
		id, ok := named(name, 'p')
		if !ok {
			continue
		}
		p, err := decodePart(v)
		if err != nil {
			return err
		}
		if f := x.Fans[p.Owner]; f != nil {
			f.Parts[id] = p
		}
	}
	return nil
}

// named gives the step that a field is of whose name begins with a letter. Other fields are called by the letter alone.
func named(field string, letter byte) (flow.StepID, bool) {
	if len(field) < 2 || field[0] != letter {
		return flow.StepID{}, false
	}
	id, err := flow.ParseStepID(field[1:])
	return id, err == nil
}

// numbered places the fields of nodes and steps.
func (vs values) numbered(x *flow.Execution, name, v string) (err error) {
	kind, rest := name[:1], name[1:]
	switch kind {
	case "o", "d", "g", "l", "r", "k", "b", "m":
		x.Values[flow.Ref(name)], err = vs.follow(v)
		return err
	case "n":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return fmt.Errorf("field %q names no node", flow.Cut(name, 40))
		}
		x.Nodes[n], err = decodeNode(v)
		return err
	case "a", "c":
		id, err := flow.ParseStepID(rest)
		if err != nil {
			return err
		}
		if kind == "c" {
			x.Claims[id] = v
			return nil
		}
		x.Steps[id], err = decodeStep(id, v)
		return err
	}
	return nil // fields of later formats and of guards
}

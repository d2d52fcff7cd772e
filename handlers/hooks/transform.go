package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"prana/engine/eval"
	"prana/engine/flow"
)

// Roots of the expressions of a hook.
var roots = []string{"$body", "$headers", "$query"}

// compile reads the expressions of a hook, so that what is wrong with them shows at the start.
func (h *hook) compile() error {
	var errs []error
	one := func(name, source string, with func(string, eval.Scope) (*eval.Program, []eval.Issue)) *eval.Program {
		if source == "" {
			return nil
		}
		p, issues := with(source, eval.Scope{Extra: roots})
		for _, i := range issues {
			errs = append(errs, fmt.Errorf("%s: %s", name, i))
		}
		if p != nil && !reflect.DeepEqual(p.Refs(), eval.Refs{}) {
			errs = append(errs, fmt.Errorf("%s: there is no execution yet to read of; a hook knows $body, $headers and $query", name))
		}
		return p
	}
	value := func(source string, s eval.Scope) (*eval.Program, []eval.Issue) { return eval.CompileValue(source, s) }
	h.id, h.event = one("id", h.ID, value), one("event", h.Event, value)
	h.data, h.when = one("data", h.Data, value), one("when", h.When, eval.CompileCondition)
	return errors.Join(errs...)
}

// act is what a delivery asks for.
type act struct {
	id    string // empty = the hook has no expression for it
	event string
	data  json.RawMessage
}

// transform evaluates the expressions of the hook; false: the delivery is of no use.
func (h *hook) transform(d *flow.Delivery) (a act, use bool, err error) {
	env, err := envOf(d)
	if err != nil {
		return a, false, err
	}
	if h.when != nil {
		if use, err := h.when.EvalBool(env); err != nil || !use {
			return a, false, unfit("when", err)
		}
	}
	if a.id, err = textOf("id", h.id, env); err != nil {
		return a, false, err
	}
	if a.event, err = textOf("event", h.event, env); err != nil {
		return a, false, err
	}
	a.data, err = h.dataOf(d, env)
	return a, true, err
}

func envOf(d *flow.Delivery) (eval.Env, error) {
	body, err := flow.Decode([]byte(d.Body))
	if err != nil { // JSON it is; what remains is a number beyond the limits
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the body cannot be used: %v", err)
	}
	headers := make(map[string]any, len(d.Headers))
	for name, value := range d.Headers {
		headers[name] = value
	}
	return eval.Env{"body": body, "headers": headers, "query": d.Query}, nil
}

func (h *hook) dataOf(d *flow.Delivery, env eval.Env) (json.RawMessage, error) {
	if h.data == nil {
		return json.RawMessage(d.Body), nil
	}
	v, err := h.data.Eval(env)
	if err != nil {
		return nil, unfit("data", err)
	}
	raw, err := flow.Encode(v)
	return raw, unfit("data", err)
}

// textOf computes an id or a type: a text, or a number as it is written.
func textOf(name string, p *eval.Program, env eval.Env) (string, error) {
	if p == nil {
		return "", nil
	}
	v, err := p.Eval(env)
	if err != nil {
		return "", unfit(name, err)
	}
	text, ok := v.(string)
	if raw, err := flow.Encode(v); !ok && err == nil && len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		text = string(raw)
	}
	if text == "" || name == "id" && len(text) > maxID {
		return "", unfit(name, fmt.Errorf("it must give a text that is not empty, an id one of at most %d bytes", maxID))
	}
	return text, nil
}

// unfit says which expression a delivery does not fit, and where; never with its values.
func unfit(name string, err error) error {
	if err == nil {
		return nil
	}
	p := flow.Problemf("hook_expression_failed", "the hook's expression %s cannot be computed from this delivery: %s", name, flow.Cut(err.Error(), 300))
	p.Details = map[string]any{"expression": name}
	if e, ok := errors.AsType[*eval.Error](err); ok {
		p.Message = fmt.Sprintf("the hook's expression %s cannot be computed from this delivery: %s", name, e.Message)
		p.Details["line"], p.Details["column"] = e.Line, e.Column
	}
	return p
}

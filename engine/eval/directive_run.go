package eval

import (
	"errors"
	"maps"
)

// turns gathers what the turns of a #map or #flat_map give.
type turns struct {
	out []any
}

func (t *turns) add(v any) { t.out = append(t.out, v) }

func (t *turns) splice(v any) {
	if list, ok := toList(v); ok {
		t.out = append(t.out, list...)
		return
	}
	t.out = append(t.out, v)
}

func each(gather func(*turns, any)) func(*compiler, string, []any) computation {
	return func(c *compiler, path string, args []any) computation {
		list := c.argument(path, args, 0)
		template := c.inLoop(func() evaluator { return c.argument(path, args, 1) })
		return func(r *run) (any, error) {
			t := &turns{out: []any{}}
			err := r.loop(list, func(any) error {
				v, err := template.eval(r)
				if err != nil {
					return err
				}
				gather(t, v)
				return r.room(len(t.out))
			})
			return t.out, err
		}
	}
}

func compileFilter(c *compiler, path string, args []any) computation {
	list := c.argument(path, args, 0)
	condition := c.inLoop(func() evaluator { return c.test(at(path, 1), args[1]) })
	return func(r *run) (any, error) {
		out := []any{}
		err := r.loop(list, func(item any) error {
			keep, err := r.holds(condition)
			if keep {
				out = append(out, item)
			}
			return err
		})
		return out, err
	}
}

// loop evaluates turn for each element, under a $loop of its own.
func (r *run) loop(list evaluator, turn func(item any) error) error {
	v, err := list.eval(r)
	if err != nil {
		return err
	}
	items, _ := toList(v)
	outer := r.root("loop")
	defer r.shadow("loop", nil)()
	for i, item := range items {
		r.local["loop"] = map[string]any{"item": item, "index": i, "parentloop": outer}
		if err := r.step(stepsPerTurn); err != nil {
			return err
		}
		if err := turn(item); err != nil {
			return err
		}
	}
	return nil
}

// shadow lets a directive have a root of its own until the result is called.
// What is evaluated meanwhile pays for all that it makes: it may be evaluated
// more than once.
func (r *run) shadow(root string, v any) (restore func()) {
	if r.local == nil {
		r.local = map[string]any{}
	}
	outer, had := r.local[root]
	r.local[root] = v
	r.turns++
	return func() {
		r.turns--
		if r.local[root] = outer; !had {
			delete(r.local, root)
		}
	}
}

// root gives what a root stands for here.
func (r *run) root(name string) any {
	if v, ok := r.local[name]; ok {
		return v
	}
	return r.env[name]
}

// room answers for the length of a list that grows.
func (r *run) room(n int) error {
	if n > maxResultNodes {
		return errResultSize
	}
	return nil
}

// made answers for a part of the tree that is made anew in every turn.
func (r *run) made(bytes int) error {
	if r == nil || r.turns == 0 {
		return nil
	}
	if err := r.step(1); err != nil {
		return err
	}
	return r.count(bytes, 0)
}

// holds evaluates a condition.
func (r *run) holds(condition evaluator) (bool, error) {
	v, err := condition.eval(r)
	if err != nil {
		return false, err
	}
	return boolean(condition, v)
}

func compileIf(c *compiler, path string, args []any) computation {
	condition := c.test(at(path, 0), args[0])
	then, otherwise := c.argument(path, args, 1), c.argument(path, args, 2)
	return func(r *run) (any, error) {
		holds, err := r.holds(condition)
		switch {
		case err != nil:
			return nil, err
		case holds:
			return then.eval(r)
		}
		return otherwise.eval(r)
	}
}

// branch is a pair of #cond or #case.
type branch struct{ when, then evaluator }

func (c *compiler) branches(path string, v any, when func(path string, v any) evaluator) []branch {
	list, _ := v.([]any)
	out := make([]branch, len(list))
	for i, e := range list {
		pair, _ := e.([]any)
		here := at(path, i)
		out[i] = branch{when(at(here, 0), pair[0]), c.argument(here, pair, 1)}
	}
	return out
}

func compileCond(c *compiler, path string, args []any) computation {
	branches := c.branches(at(path, 0), args[0], c.test)
	return func(r *run) (any, error) {
		for _, b := range branches {
			if holds, err := r.holds(b.when); err != nil {
				return nil, err
			} else if holds {
				return b.then.eval(r)
			}
		}
		return nil, nil
	}
}

func compileCase(c *compiler, path string, args []any) computation {
	value := c.argument(path, args, 0)
	branches := c.branches(at(path, 1), args[1], c.value)
	otherwise := c.argument(path, args, 2)
	return func(r *run) (any, error) {
		v, err := value.eval(r)
		if err != nil {
			return nil, err
		}
		for _, b := range branches {
			pattern, err := b.when.eval(r)
			if err != nil {
				return nil, err
			}
			if same, err := r.equalStep(v, pattern); err != nil {
				return nil, err
			} else if same {
				return b.then.eval(r)
			}
		}
		return otherwise.eval(r)
	}
}

func compileMerge(c *compiler, path string, args []any) computation {
	objects := make([]evaluator, len(args))
	for i := range args {
		objects[i] = c.argument(path, args, i)
	}
	return func(r *run) (any, error) {
		out := map[string]any{}
		for _, o := range objects {
			v, err := o.eval(r)
			if err != nil {
				return nil, err
			}
			fields, _ := toObject(v)
			if err := r.step(len(fields)); err != nil {
				return nil, err
			}
			maps.Copy(out, fields)
		}
		return out, nil
	}
}

func compilePick(c *compiler, path string, args []any) computation {
	object, names := c.argument(path, args, 0), c.argument(path, args, 1)
	return func(r *run) (any, error) {
		v, err := object.eval(r)
		if err != nil {
			return nil, err
		}
		n, err := names.eval(r)
		if err != nil {
			return nil, err
		}
		list, ok := toList(n)
		if !ok {
			return nil, wrong("#pick", "a list of names", n)
		}
		return r.pick(v, list)
	}
}

func (r *run) pick(v any, names []any) (any, error) {
	fields, _ := toObject(v)
	out := map[string]any{}
	for _, name := range names {
		key, ok := name.(string)
		if !ok {
			return nil, errors.New("#pick needs names that are strings, not " + kindOf(name))
		}
		if v, ok := fields[key]; ok {
			out[key] = v
		}
	}
	return out, r.step(len(names))
}

func compilePipe(c *compiler, path string, args []any) computation {
	first := c.argument(path, args, 0)
	list, _ := args[1].([]any)
	stages := make([]evaluator, len(list))
	for i := range list {
		stages[i] = c.inPipe(func() evaluator { return c.argument(at(path, 1), list, i) })
	}
	return func(r *run) (any, error) {
		v, err := first.eval(r)
		if err != nil {
			return nil, err
		}
		defer r.shadow("self", nil)()
		for _, stage := range stages {
			r.local["self"] = v
			if v, err = stage.eval(r); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

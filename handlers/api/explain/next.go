package explain

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"prana/engine/flow"
)

// maxNext bounds the commands that are offered.
const maxNext = 3

// next offers what makes sense now.
func next(v *flow.View, reasons []Reason) []Command {
	id := Quoted(v.ID)
	all := []Command{}
	add := func(line, why string) { all = append(all, Command{line, why}) }
	switch v.Status {
	case flow.Completed:
		add("prana result "+id, "get its output alone")
		add("prana rerun "+id, "run it again")
	case flow.Failed:
		all = afterFailure(v)
	case flow.TimedOut, flow.Cancelled:
		add("prana rerun "+id, "run it again")
		add("prana show "+id+" --timeline", "see where the time went")
	case flow.Quarantined:
		add("prana retry "+id, "once the cause is mended, run again what its workers died at")
		add("prana cancel "+id, "give it up")
	case flow.Cancelling:
		add("prana show "+id+" --follow", "watch it end")
		add("prana terminate "+id, "end it at once; what is not undone by then never is")
	case flow.Paused:
		add("prana unpause "+id, "let it go on")
		add("prana cancel "+id, "give it up")
	case flow.Pending:
		add("prana cancel "+id, "never begin it")
	default:
		all = whileAlive(v, reasons)
	}
	return all[:min(len(all), maxNext)]
}

func afterFailure(v *flow.View) []Command {
	id := Quoted(v.ID)
	var all []Command
	if v.ParentID != "" {
		all = append(all, Command{"prana explain " + Quoted(v.ParentID), "see what its parent made of it"})
	}
	all = append(all, Command{"prana retry " + id, "run again what failed; what completed stays"})
	if n := culprit(v); n != nil {
		all = append(all,
			Command{"prana show " + id + " --node " + Quoted(n.Node), "see its input and its error whole"},
			Command{"prana rerun " + id + " --from " + Quoted(n.Node) + " --plan", "see what a new execution from there would run again"})
	} else {
		all = append(all, Command{"prana rerun " + id + " --plan", "see what a new execution would run again"})
	}
	return all
}

// whileAlive offers what moves the first reasons, and a place to watch from.
func whileAlive(v *flow.View, reasons []Reason) []Command {
	var all []Command
	likely := slices.SortedStableFunc(slices.Values(reasons), func(a, b Reason) int {
		return cmp.Compare(btoi(b.forPeople()), btoi(a.forPeople()))
	})
	for _, r := range likely {
		if r.Command == nil || len(all) >= maxNext-1 {
			continue
		}
		all = append(all, *r.Command)
		if s, ok := suspension(v, r.SuspensionID); ok && s.Type == flow.Approval {
			all = append(all, decide("reject", v, s))
		}
	}
	return append(all, Command{"prana show " + Quoted(v.ID) + " --follow", "watch what happens"})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func suspension(v *flow.View, id string) (flow.Suspension, bool) {
	i := slices.IndexFunc(v.Suspensions, func(s flow.Suspension) bool { return s.ID == id })
	if i < 0 {
		return flow.Suspension{}, false
	}
	return v.Suspensions[i], true
}

// decide is the command that approves or rejects.
func decide(verb string, v *flow.View, s flow.Suspension) Command {
	c := Command{Line: "prana " + verb + " " + Quoted(v.ID), Why: verb + " it"}
	if approvals(v) > 1 {
		c.Line += " --node " + Quoted(s.Node)
	}
	return c
}

func approvals(v *flow.View) (n int) {
	for _, s := range v.Suspensions {
		if s.Type == flow.Approval {
			n++
		}
	}
	return n
}

// send is the command that publishes an event which passes the filter. Whether it satisfies a match as well, only the
// server can tell.
func (n note) send() Command {
	words := []string{"prana event send", Quoted(n.EventType)}
	if data := inside(n.EventFilter); flat(data) {
		for _, name := range slices.Sorted(maps.Keys(data)) {
			words = append(words, "-i", Quoted(piece(name, data[name])))
		}
	} else {
		raw, _ := flow.Encode(data)
		words = append(words, "--data", Quoted(string(raw)))
	}
	if n.Match != nil {
		return Command{strings.Join(append(words, "--dry-run"), " "), "see whether it would take such an event"}
	}
	return Command{strings.Join(words, " "), "send it the event"}
}

// inside makes an object in which the paths lead to the values, as [flow.Lookup] follows them: for it, a member "0" is as good
// as the first of a list.
func inside(filter map[string]any) map[string]any {
	data := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(filter)) {
		at, names := data, strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
		if len(names) == 0 {
			continue
		}
		for _, name := range names[:len(names)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[names[len(names)-1]] = filter[path]
	}
	return data
}

// flat tells whether each member can be written as -i name=value.
func flat(data map[string]any) bool {
	for name, v := range data {
		if _, object := v.(map[string]any); object || name == "" || strings.ContainsAny(name, ":=") {
			return false
		}
	}
	return true
}

func piece(name string, v any) string {
	if s, ok := v.(string); ok {
		return name + "=" + s
	}
	raw, _ := flow.Encode(v)
	return name + ":=" + string(raw)
}

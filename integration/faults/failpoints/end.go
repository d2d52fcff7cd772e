package failpoints

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/suspend"
)

// end tells all that came of a play, a line each: executions with their nodes, effects, kept events, and what was told.
func (s *Stage) end() []string {
	page, err := s.store.Executions(s.ctx, flow.ExecutionFilter{Limit: 1000})
	s.must(err)
	names := map[string]string{}
	for _, x := range page.Items {
		names[x.ID] = x.Workflow
	}
	var all []string
	for _, x := range page.Items {
		all = append(all, execution(s.view(x.ID), names))
	}
	slices.Sort(all)
	all = append(all, s.effects()...)
	all = append(all, s.kept()...)
	for _, name := range slices.Sorted(maps.Keys(s.world.notices)) {
		all = append(all, "notice "+name)
	}
	for range s.world.posts {
		all = append(all, "post")
	}
	return append(all, s.told...)
}

// execution tells about one in a line: workflow, start id, parent, status, problem, output; then its nodes.
func execution(v *flow.View, names map[string]string) string {
	head := v.Workflow
	add := func(format string, args ...any) { head += fmt.Sprintf(format, args...) }
	if v.StartID != "" {
		add("/%s", named(v.StartID))
	}
	if v.ParentID != "" {
		add(" of %s", names[v.ParentID])
	}
	if v.RerunOf != "" {
		add(" again")
	}
	add(" %s", v.Status)
	if v.Error != nil {
		add(" (%s)", v.Error.Code)
	}
	if len(v.Output) > 0 && string(v.Output) != "null" {
		add(" %s", v.Output)
	}
	if len(v.Inbox) > 0 {
		add(" inbox %d", len(v.Inbox))
	}
	var runs []string
	for _, n := range v.Nodes {
		runs = append(runs, nodeRun(n))
	}
	slices.Sort(runs)
	return head + ": " + strings.Join(runs, ", ")
}

// nodeRun tells about a run what is not as usual.
func nodeRun(n flow.NodeRun) string {
	text := n.Node
	if n.Item != nil {
		text += fmt.Sprintf("[%d]", *n.Item)
	} else if n.RunIndex > 0 {
		text += fmt.Sprintf("#%d", n.RunIndex)
	}
	if n.Status != flow.StepCompleted {
		text += " " + string(n.Status)
	}
	if n.Attempt > 0 {
		text += fmt.Sprintf(" attempt %d", n.Attempt)
	}
	if n.ResumedBy != "" {
		text += " by " + n.ResumedBy
	}
	if n.Port != "" && n.Port != flow.PortMain {
		text += " -> " + n.Port
	}
	if n.Kept {
		text += " kept"
	}
	return text
}

// effects tells under how many keys each node touched the world; an activation has one, whatever its attempts.
func (s *Stage) effects() []string {
	keys := map[string]map[string]bool{}
	of := map[string]string{}
	for _, c := range s.world.calls {
		if keys[c.Node] == nil {
			keys[c.Node] = map[string]bool{}
		}
		keys[c.Node][c.Key] = true
		if first, known := of[c.Key]; known && first != c.Activation {
			s.world.wrong = append(s.world.wrong, fmt.Sprintf("%s and %s had the same key", first, c.Activation))
		}
		of[c.Key] = c.Activation
	}
	seen := map[string]string{}
	for key, activation := range of {
		if other, known := seen[activation]; known {
			s.world.wrong = append(s.world.wrong, fmt.Sprintf("%s had the keys %s and %s", activation, other, key))
		}
		seen[activation] = key
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, fmt.Sprintf("effect %s: %d", name, len(keys[name])))
	}
	return all
}

// alertID is the id of an entry of an outbox, which is random.
var alertID = regexp.MustCompile(`^[0-9A-Za-z]{11}\.\d+$`)

// named gives an id as scenarios write it.
func named(id string) string {
	if alertID.MatchString(id) {
		return "ALERT"
	}
	return id
}

// kept tells which events are kept for waits to come.
func (s *Stage) kept() []string {
	var all []string
	for _, key := range s.raw.Keys(s.ctx, "{prana-r*}:kept:*").Val() {
		for _, id := range s.raw.ZRange(s.ctx, key, 0, -1).Val() {
			all = append(all, "kept event "+named(id))
		}
	}
	slices.Sort(all)
	return all
}

// mayStay are the kinds of keys that stay when everything is over.
var mayStay = []string{
	"prana:", "asynq:", "{prana-0}:x:", "{prana-0}:v:", "{prana-0}:workflows", "{prana-0}:wf:", "{prana-0}:wfst:",
	"{prana-0}:rel", "{prana-0}:children:", "{prana-0}:tag:", "{prana-0}:err:", "{prana-0}:feed", "{prana-0}:types", "{prana-0}:sleepers", "{prana-0}:wake:",
}

// mayStayInSlots are those of rendezvous slots, after the tag.
var mayStayInSlots = []string{"start:", "def:", "defs", "cron:", "crons", "e:", "took:", "kept:", "keptby:", "marks:", "until:"}

// leftovers tells what stands in the store that has no reason to: waits, debts, places, what is due, what an audit finds.
func (s *Stage) leftovers() []string {
	var all []string
	for _, key := range s.raw.Keys(s.ctx, "*").Val() {
		list, rest := mayStay, key
		if slot, after, ok := strings.Cut(key, "}:"); ok && strings.HasPrefix(slot, "{prana-r") {
			list, rest = mayStayInSlots, after
		}
		if !slices.ContainsFunc(list, func(kind string) bool { return strings.HasPrefix(rest, kind) }) {
			all = append(all, "key "+key+" is left")
		}
	}
	a, err := s.store.Audit(s.ctx, 0, suspend.AuditOptions{})
	s.must(err)
	for _, f := range a.Findings {
		if f.Invariant != "asynq" { // hints of dead processes, which cost nothing
			all = append(all, fmt.Sprintf("the audit finds %s: %s %s", f.Invariant, f.Execution, f.Message))
		}
	}
	return all
}

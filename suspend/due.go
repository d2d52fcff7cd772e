package suspend

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"prana/engine/flow"
)

// Due takes what is due in a partition, and hides it for the lease.
func (s *Store) Due(ctx context.Context, partition, limit int, lease time.Duration) ([]flow.DueEntry, time.Duration, error) {
	lines, next, err := s.takeDue(ctx, dueKey(tag(partition)), limit, lease)
	if err != nil {
		return nil, 0, trouble("looking for what is due", err)
	}
	entries := make([]flow.DueEntry, 0, len(lines))
	for _, l := range lines {
		e, err := parseEntry(l.member)
		if err != nil { // one bad record must not stop the others
			s.redis.ZRem(ctx, dueKey(tag(partition)), l.member)
			continue
		}
		e.At = l.at
		entries = append(entries, e)
	}
	return entries, next, nil
}

// LoadDue reads what entries of steps are about.
func (s *Store) LoadDue(ctx context.Context, due []flow.DueEntry) ([]flow.Found, error) {
	of := dueSteps(due)
	keys, args := make([]string, len(of)), []any{}
	for i, d := range of {
		keys[i], args = executionKey(d.execution), append(append(args, len(d.names)), d.names...)
	}
	answer, err := dueLoadScript.Run(ctx, s.redis, keys, args...).Slice()
	if err != nil {
		return nil, trouble("loading what is due", err)
	}
	now, err := strconv.ParseInt(fmt.Sprint(answer[0]), 10, 64)
	if err != nil || len(answer) != len(of)+1 {
		return nil, fmt.Errorf("the script that loads what is due answered %d values", len(answer))
	}
	found := make([]flow.Found, len(due))
	for i, d := range of {
		d.read(answered(d.names, answer[i+1]), now, found)
	}
	return found, nil
}

// dueExecution is an execution with steps that are due.
type dueExecution struct {
	execution string
	steps     []flow.StepID
	at        []int // of the entries of its steps among all
	names     []any // of the fields to read
}

// dueSteps gathers the steps of each execution.
func dueSteps(due []flow.DueEntry) (all []*dueExecution) {
	of := make(map[string]*dueExecution, len(due))
	for i, e := range due {
		d := of[e.Execution]
		if d == nil {
			d = &dueExecution{execution: e.Execution}
			of[e.Execution], all = d, append(all, d)
		}
		d.steps, d.at = append(d.steps, e.Step), append(d.at, i)
	}
	for _, d := range all {
		d.names = stepFields(d.steps)
	}
	return all
}

// read makes the execution of its fields, for all of its entries; for each alone, when the record of one of them cannot be read.
func (d *dueExecution) read(fields map[string]string, now int64, found []flow.Found) {
	if fields[fieldRev] == "" {
		return
	}
	x, err := reading{want: &flow.Want{Steps: d.steps}, now: now, fields: fields}.execution(d.execution)
	if err != nil && len(d.steps) > 1 {
		for i := range d.steps {
			own := d.steps[i : i+1]
			alone := &dueExecution{d.execution, own, d.at[i : i+1], stepFields(own)}
			alone.read(only(fields, alone.names), now, found)
		}
		return
	}
	if err != nil {
		x, err = nil, fmt.Errorf("loading execution %s: %w", d.execution, err)
	}
	for _, at := range d.at {
		found[at] = flow.Found{Execution: x, Err: err}
	}
}

// answered makes a map of the values that HMGET answered.
func answered(names []any, values any) map[string]string {
	list, _ := values.([]any)
	fields := make(map[string]string, len(list))
	for i, v := range list {
		if text, ok := v.(string); ok {
			fields[names[i].(string)] = text
		}
	}
	return fields
}

func only(fields map[string]string, names []any) map[string]string {
	some := make(map[string]string, len(names))
	for _, n := range names {
		if v, ok := fields[n.(string)]; ok {
			some[n.(string)] = v
		}
	}
	return some
}

// dueLine is a member of a set by time, and when it was due.
type dueLine struct {
	member string
	at     time.Time
}

// takeDue takes what is due in a set, and hides it for the lease. next is the time until there is more; negative = never.
func (s *Store) takeDue(ctx context.Context, key string, limit int, lease time.Duration) (lines []dueLine, next time.Duration, err error) {
	answer, err := dueScript.Run(ctx, s.redis, []string{key}, limit, flow.Millis(lease)).StringSlice()
	if err != nil {
		return nil, 0, err
	}
	ms, err := strconv.ParseInt(answer[0], 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("the due script answered %q", flow.Cut(answer[0], 40))
	}
	for i := 1; i+1 < len(answer); i += 2 {
		at, _ := strconv.ParseFloat(answer[i+1], 64)
		lines = append(lines, dueLine{answer[i], fromMillis(int64(at))})
	}
	return lines, max(-1, time.Duration(ms)*time.Millisecond), nil
}

func parseEntry(line string) (flow.DueEntry, error) {
	execution, rest, err := splitEntry(line)
	if err != nil {
		return flow.DueEntry{}, err
	}
	switch rest {
	case deadlineEntry:
		return flow.DueEntry{Execution: execution, Kind: flow.DueDeadline}, nil
	case outboxEntry:
		return flow.DueEntry{Execution: execution, Kind: flow.DueOutbox}, nil
	}
	step, err := flow.ParseStepID(rest)
	e := flow.DueEntry{Execution: execution, Kind: flow.DueStep, Step: step}
	if err == nil && entryOf(e) != line { // which could never be settled or forgotten
		err = fmt.Errorf("%q is not how an entry of the due index is written", flow.Cut(line, 80))
	}
	return e, err
}

func entryOf(e flow.DueEntry) string {
	switch e.Kind {
	case flow.DueDeadline:
		return e.Execution + ":" + deadlineEntry
	case flow.DueOutbox:
		return e.Execution + ":" + outboxEntry
	}
	return stepEntry(e.Execution, e.Step)
}

// Settle gives an entry its next time, unless its step moved on.
func (s *Store) Settle(ctx context.Context, e flow.DueEntry, d time.Duration, note string) error {
	ms := ""
	if d >= 0 {
		ms = strconv.FormatInt(flow.Millis(d), 10)
	}
	keys := []string{dueKey(home(e.Execution)), executionKey(e.Execution)}
	err := settleScript.Run(ctx, s.redis, keys, entryOf(e), ms, stepField(e.Step), e.Token, claimField(e.Step), note).Err()
	return trouble("settling an entry of execution "+e.Execution, err)
}

// Forget removes an entry that leads nowhere.
func (s *Store) Forget(ctx context.Context, e flow.DueEntry) error {
	return trouble("forgetting an entry of execution "+e.Execution, s.redis.ZRem(ctx, dueKey(home(e.Execution)), entryOf(e)).Err())
}

// lookedThrough is how long a list of asynq's may be that is looked through for a task: a longer one is a backlog, and of the many in
// it each is looked for again and again.
const lookedThrough = 1000

// Task tells where the task of a dispatch stands. What is left of one that says that it stands in a list, and does not, is removed.
func (s *Store) Task(ctx context.Context, d flow.Dispatch) (flow.TaskState, error) {
	t, err := s.encoder.Locate(d)
	if err != nil {
		return "", fmt.Errorf("finding the task of a step of execution %s: %w", d.Execution, err)
	}
	state, err := taskScript.Run(ctx, s.redis, []string{t.Key, t.Pending, t.Scheduled, t.Active, t.Retry, t.Lease}, t.ID, lookedThrough).Text()
	if err != nil {
		return "", trouble("finding the task of a step of execution "+d.Execution, err)
	}
	switch state := flow.TaskState(state); state {
	case "":
		return flow.TaskMissing, nil
	case flow.TaskPending, flow.TaskScheduled, flow.TaskActive, flow.TaskRetry:
		return state, nil
	}
	return flow.TaskDone, nil
}

// Renew prolongs the claims of running steps, with one script for each partition.
func (s *Store) Renew(ctx context.Context, claimant string, steps []flow.Dispatch, d time.Duration) ([]flow.Dispatch, error) {
	groups := map[string][]flow.Dispatch{}
	for _, st := range steps {
		groups[home(st.Execution)] = append(groups[home(st.Execution)], st)
	}
	var lost []flow.Dispatch
	for tag, group := range groups {
		l, err := s.renew(ctx, tag, claimant, group, d)
		if err != nil {
			return nil, err
		}
		lost = append(lost, l...)
	}
	return lost, nil
}

func (s *Store) renew(ctx context.Context, tag, claimant string, steps []flow.Dispatch, d time.Duration) ([]flow.Dispatch, error) {
	keys := []string{dueKey(tag)}
	args := []any{claimant, d.Milliseconds()}
	for _, st := range steps {
		keys = append(keys, executionKey(st.Execution))
		args = append(args, stepEntry(st.Execution, st.Step), st.Step.String(), st.Token)
	}
	numbers, err := renewScript.Run(ctx, s.redis, keys, args...).Int64Slice()
	if err != nil {
		return nil, trouble("renewing the claims of running steps", err)
	}
	var lost []flow.Dispatch
	for _, n := range numbers {
		lost = append(lost, steps[n-1])
	}
	return lost, nil
}

package suspend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"prana/engine/flow"
)

// script collects the keys and arguments of one call of commit.lua.
type script struct {
	encoder Encoder
	format  int
	keys    []string
	numbers map[string]int // of the keys, once there are many
	guards  int
	checks  []any
	ops     []any
	tasks   map[string]int // sleepers to wake, by hash tag of the queue

	handover *flow.Handover
	pull     *flow.Pull
	pulled   flow.Task // what all tasks have that are pulled
	ends     []ending
}

// ending is a task that the script acknowledges.
type ending struct {
	end *flow.End
	key string
}

// scripts are used again, since each step needs one.
var scripts = sync.Pool{New: func() any {
	return &script{keys: make([]string, 0, fewKeys), checks: make([]any, 0, 16), ops: make([]any, 0, 96)}
}}

func (s *Store) script() *script {
	b := scripts.Get().(*script)
	b.encoder, b.format = s.encoder, s.format
	return b
}

// release gives a script back that was called. One that grew goes.
func (b *script) release() {
	if len(b.ops) > 1000 {
		return
	}
	clear(b.keys)
	clear(b.checks)
	clear(b.ops)
	*b = script{keys: b.keys[:0], checks: b.checks[:0], ops: b.ops[:0]}
	scripts.Put(b)
}

// fewKeys is how many keys are looked through faster than they are found in a map.
const fewKeys = 24

// key gives the number under which the script knows a key.
func (b *script) key(k string) int {
	if n := b.number(k); n > 0 {
		return n
	}
	b.keys = append(b.keys, k)
	n := len(b.keys)
	if b.numbers != nil {
		b.numbers[k] = n
	} else if n == fewKeys {
		b.numbers = make(map[string]int, 4*fewKeys)
		for i, known := range b.keys {
			b.numbers[known] = i + 1
		}
	}
	return n
}

// number is that of a key that is known, or 0.
func (b *script) number(k string) int {
	if b.numbers != nil {
		return b.numbers[k]
	}
	return slices.Index(b.keys, k) + 1
}

func (b *script) op(letter, key string, args ...any) {
	b.ops = append(append(b.ops, letter, b.key(key)), args...)
}

// Commit stores all of the changes in one script, or nothing.
func (s *Store) Commit(ctx context.Context, changes ...*flow.Change) error {
	tag := home(changes[0].Execution)
	err := s.commit(ctx, s.bringing(tag), changes)
	if errors.Is(err, errFeed) {
		s.wanted(tag)
		err = s.commit(ctx, true, changes)
	}
	return err
}

// commit is one try; fed = it brings what the changes tell.
func (s *Store) commit(ctx context.Context, fed bool, changes []*flow.Change) error {
	b := s.script()
	defer b.release()
	if !fed {
		b.op("?", feedKey(home(changes[0].Execution)))
	}
	for _, ch := range changes {
		if err := b.change(ch, fed); err != nil {
			return fmt.Errorf("committing execution %s: %w", ch.Execution, err)
		}
	}
	b.wake()
	answer, err := s.run(ctx, home(changes[0].Execution), b)
	if err != nil {
		return fmt.Errorf("committing execution %s: %w", changes[0].Execution, err)
	}
	return s.report(ctx, b, answer, changes)
}

// run calls the script and gives its refusals their names.
func (s *Store) run(ctx context.Context, slot string, b *script) (answer []any, err error) {
	answer, err = s.groups.run(ctx, slot, commitScript, b.keys, []any{b.guards}, b.checks, b.ops)
	if err != nil {
		return nil, trouble("calling the script", err)
	}
	switch answer[0] {
	case "ok", "repeated":
		return answer, nil
	case "stale":
		return nil, flow.ErrStale
	case "exists":
		return nil, flow.ErrExists
	case "taken":
		return nil, flow.ErrTaken
	case "feed":
		return nil, errFeed
	}
	return nil, fmt.Errorf("the script answered %v", answer)
}

// report tells the changes what became of their tasks.
func (s *Store) report(ctx context.Context, b *script, answer []any, changes []*flow.Change) error {
	repeated := answer[0] == "repeated"
	if !repeated {
		now, err := strconv.ParseInt(fmt.Sprint(answer[1]), 10, 64)
		if err != nil {
			return err
		}
		for _, ch := range changes {
			ch.At = fromMillis(now)
		}
	}
	for _, e := range b.ends {
		if repeated || slices.Contains(answer[4:], any(e.key)) {
			e.end.Acknowledged = e.key
		}
	}
	if p := b.pull; p != nil && !repeated { // else they are lost, as when a dequeue's reply is: the sweeper finds them
		p.Tasks = b.tasksIn(answer[3])
	}
	h := b.handover
	switch {
	case h == nil:
		return nil
	case repeated: // whose first answer was lost; nobody else takes a task that is being worked on
		state, err := s.redis.HGet(ctx, h.Task.Key, "state").Result()
		h.Taken = err == nil && state == "active"
		return nil
	}
	h.Taken = answer[2] != int64(0)
	return nil
}

// change adds one change, and what it tells if that is asked for. Guards come before all operations of all changes.
func (b *script) change(ch *flow.Change, fed bool) error {
	if err := check(ch); err != nil {
		return err
	}
	b.guard(ch)
	if err := b.snapshot(ch); err != nil {
		return err
	}
	tag := home(ch.Execution)
	b.born(ch, tag)
	for _, st := range ch.Steps {
		b.line(ch, st, tag)
	}
	for _, c := range ch.Closed {
		if err := b.closed(ch, c, tag); err != nil {
			return err
		}
	}
	b.opened(ch, tag)
	if err := b.tasksOf(ch); err != nil {
		return err
	}
	if len(ch.Outbox) > 0 {
		b.op("+", dueKey(tag), flow.OutboxDue.Milliseconds(), ch.Execution+":"+outboxEntry)
	}
	b.status(ch, tag)
	b.failure(ch, tag)
	if fed {
		return b.feed(ch, tag)
	}
	return nil
}

func check(ch *flow.Change) error {
	if _, ok := flow.PartitionOf(ch.Execution); !ok {
		return flow.Problemf(flow.ErrInvalid.Code, "%q is not the id of an execution", flow.Cut(ch.Execution, 64))
	}
	if ch.Prev == "" && ch.Head == nil {
		return flow.Problemf(flow.ErrInvalid.Code, "a new execution has no head")
	}
	if ch.WorkflowID() == "" {
		return flow.Problemf(flow.ErrInvalid.Code, "a change of execution %s does not say of which workflow it is", ch.Execution)
	}
	return nil
}

func (b *script) guard(ch *flow.Change) {
	b.guards++
	b.checks = append(b.checks, b.key(executionKey(ch.Execution)), ch.Prev, ch.Op, flag(ch.Revived))
	if ch.Prev == "" {
		b.checks = append(b.checks, 0)
	} else {
		b.checks = append(b.checks, len(ch.Steps))
		for _, st := range ch.Steps {
			b.checks = append(b.checks, claimField(st.ID))
		}
	}
	b.checks = append(b.checks, len(ch.Takes))
	for _, t := range ch.Takes {
		b.checks = append(b.checks, takenField(t), t.Began)
	}
}

// snapshot writes the execution's own hash; it is the first write of a change.
func (b *script) snapshot(ch *flow.Change) error {
	front, err := encodeFront(&ch.Front)
	if err != nil {
		return err
	}
	plain := []any{fieldRev, ch.Op, fieldFront, front}
	var stamped []any
	if ch.Head != nil {
		head, err := encodeHead(ch.Head)
		if err != nil {
			return err
		}
		stamped = append(stamped, fieldHead, head)
		plain = append(plain, fieldInput, encodeValue(flow.Value{Raw: ch.Input}))
	}
	for _, st := range ch.Steps {
		record, err := encodeStep(st, ch.Op, b.format)
		if err != nil {
			return err
		}
		stamped = append(stamped, stepField(st.ID), record)
	}
	var nodes []any
	for _, n := range slices.Sorted(maps.Keys(ch.Nodes)) {
		if n < frontNodes {
			nodes = append(nodes, n, encodeNode(ch.Nodes[n]))
		} else {
			plain = append(plain, nodeField(n), encodeNode(ch.Nodes[n]))
		}
	}
	for ref, v := range ch.Values {
		plain = append(plain, string(ref), encodeValue(v))
	}
	fans, err := fanFields(ch)
	if err != nil {
		return err
	}
	return b.write(ch, nodes, append(plain, fans...), stamped)
}

// fanFields gives the fields of the fans and the parts that are written.
func fanFields(ch *flow.Change) ([]any, error) {
	var fields []any
	for id, f := range ch.Fans {
		if f == nil {
			continue
		}
		raw, err := encodeFan(f)
		if err != nil {
			return nil, err
		}
		fields = append(fields, fanField(id), raw)
	}
	for id, p := range ch.Parts {
		if p == nil {
			continue
		}
		raw, err := encodePart(p)
		if err != nil {
			return nil, err
		}
		fields = append(fields, partField(id), raw)
	}
	return fields, nil
}

// fansGone gives the fields of those that are no more.
func fansGone(ch *flow.Change) []any {
	var fields []any
	for id, f := range ch.Fans {
		if f == nil {
			fields = append(fields, fanField(id))
		}
	}
	for id, p := range ch.Parts {
		if p == nil {
			fields = append(fields, partField(id))
		}
	}
	return fields
}

func (b *script) write(ch *flow.Change, nodes, plain, stamped []any) error {
	if ch.Result != nil {
		plain = append(plain, fieldResult, encodeValue(*ch.Result))
	}
	if ch.Error != nil {
		raw, err := flow.Encode(ch.Error)
		if err != nil {
			return err
		}
		plain = append(plain, fieldProblem, []byte(raw))
	}
	if ch.Ended {
		stamped = append(stamped, fieldEnded, "")
	}
	key := executionKey(ch.Execution)
	b.op("v", key, flag(b.format > firstFormat), len(nodes)/2)
	b.ops = append(append(b.ops, nodes...), len(plain)/2, len(stamped)/2)
	b.ops = append(append(b.ops, plain...), stamped...)
	gone := append(fansGone(ch), outlived(ch)...)
	if len(gone) > 0 {
		b.op("d", key, append([]any{len(gone)}, gone...)...)
	}
	for _, t := range ch.Takes {
		b.op("f", key, takenField(t), t.Now)
	}
	if ch.Reply != nil {
		b.op("f", key, fieldReply, []byte(ch.Reply))
	}
	b.state(ch)
	return b.outbox(ch)
}

// outlived are the fields of a life that is over, unless the same change ends the next one, too.
func outlived(ch *flow.Change) []any {
	var gone []any
	if !ch.Revived {
		return gone
	}
	if !ch.Ended {
		gone = append(gone, fieldEnded)
	}
	if ch.Error == nil {
		gone = append(gone, fieldProblem)
	}
	if ch.Result == nil {
		gone = append(gone, fieldResult)
	}
	return gone
}

// state writes the shared state.
func (b *script) state(ch *flow.Change) {
	var set, gone []any
	for _, k := range slices.Sorted(maps.Keys(ch.State)) {
		if ch.State[k] == nil {
			gone = append(gone, k)
			continue
		}
		set = append(set, k, []byte(ch.State[k]))
	}
	key := stateKey(ch.Execution)
	if len(set) > 0 {
		b.op("h", key, append([]any{len(set) / 2, 0}, set...)...)
	}
	if len(gone) > 0 {
		b.op("d", key, append([]any{len(gone)}, gone...)...)
	}
}

func (b *script) outbox(ch *flow.Change) error {
	if len(ch.Outbox) == 0 {
		return nil
	}
	args := []any{len(ch.Outbox), 0}
	for _, o := range ch.Outbox {
		raw, err := flow.Encode(storedOutgoing{Kind: o.Kind, To: o.To, Data: o.Data})
		if err != nil {
			return err
		}
		args = append(args, o.ID, []byte(raw))
	}
	b.op("h", outboxKey(ch.Execution), args...)
	return nil
}

type storedOutgoing struct {
	Kind string          `json:"k"`
	To   string          `json:"t,omitempty"`
	Data json.RawMessage `json:"d,omitempty"`
}

// born enters a new execution into the lists, and its deadline into the due index.
func (b *script) born(ch *flow.Change, tag string) {
	if ch.Head == nil {
		return
	}
	for _, list := range bornLists(b.format, tag, ch.Head.Workflow) {
		b.op("+", list, 0, ch.Execution)
	}
	for _, list := range tagLists(tag, ch.Head.Tags) {
		b.op("+", list, 0, ch.Execution)
	}
	if ch.Head.Timeout > 0 {
		b.op("+", dueKey(tag), flow.Millis(ch.Head.Timeout), ch.Execution+":"+deadlineEntry)
	}
	if p := ch.Head.Parent; p != nil {
		for _, list := range relationLists(tag, p.Execution) {
			b.op("+", list, 0, relation(p.Execution, p.Step, ch.Execution))
		}
	}
}

func relation(parent string, step flow.StepID, child string) string {
	return parent + ":" + step.String() + ":" + child
}

// line puts a step into its place in the due index.
func (b *script) line(ch *flow.Change, st *flow.Step, tag string) {
	due, entry := dueKey(tag), stepEntry(ch.Execution, st.ID)
	switch {
	case st.Status == flow.StepQuarantined || st.Status == flow.StepOpen:
		b.op("=", due, "+inf", entry)
	case !st.Status.Live():
		b.op("-", due, entry)
	case st.Token == "": // held, as long as the execution is paused
		b.op("=", due, "+inf", entry)
	case dispatched(ch, st):
		b.op("+", due, flow.FreshDue.Milliseconds(), entry)
	case st.Status == flow.StepSuspended:
		b.waitLine(st.Wait, due, entry)
	case slices.Contains(ch.Front.Ready, st.ID):
		b.op("=", due, "+inf", entry)
	default:
		b.op("+", due, 0, entry)
	}
}

func dispatched(ch *flow.Change, st *flow.Step) bool {
	return slices.ContainsFunc(ch.Dispatch, func(d flow.Dispatch) bool { return d.Step == st.ID && d.In <= 0 })
}

func (b *script) waitLine(w *flow.Wait, due, entry string) {
	if w != nil && w.Looks() && !(w.In > 0 && w.In < flow.LookDue) {
		b.op("+", due, flow.LookDue.Milliseconds(), entry)
		return
	}
	b.when(w, due, entry)
}

// when scores a member by the time that ends a wait.
func (b *script) when(w *flow.Wait, key, member string) {
	switch {
	case w == nil || !w.HasDue():
		b.op("=", key, "+inf", member)
	case !w.Due.IsZero():
		b.op("=", key, w.Due.UnixMilli(), member)
	case !w.Until.IsZero():
		b.op("=", key, w.Until.UnixMilli(), member)
	default:
		b.op("+", key, flow.Millis(w.In), member)
	}
}

// closed removes every trace of a wait but its record.
func (b *script) closed(ch *flow.Change, c flow.Closed, tag string) error {
	id := c.ID.String()
	for _, list := range waitLists(firstFormat, tag, ch.WorkflowID(), c.Type, c.Event) {
		b.op("-", list, id)
	}
	if c.Event != nil {
		b.op("-", waitersKey(tag, c.Event.Key()), id)
		b.op("#", shapesKey(tag, c.Event.Type), c.Event.Shape(), -1)
	}
	if c.Alarm == nil {
		return nil
	}
	t, err := b.encoder.Locate(*c.Alarm)
	if err != nil {
		return err
	}
	b.op("x", t.Key, b.key(t.Scheduled), t.ID)
	return nil
}

// opened lists new waits and registers what they listen for.
func (b *script) opened(ch *flow.Change, tag string) {
	if len(ch.Opened) > 0 {
		b.known(tag, ch)
	}
	for _, id := range ch.Opened {
		i := slices.IndexFunc(ch.Steps, func(s *flow.Step) bool { return s.ID == id.Step })
		if i < 0 || ch.Steps[i].Wait == nil {
			continue
		}
		w := ch.Steps[i].Wait
		b.op("s", suspendTypesKey(tag), w.Type)
		for _, list := range waitLists(b.format, tag, ch.WorkflowID(), w.Type, w.Event) {
			b.when(w, list, id.String())
		}
		if w.Event != nil {
			b.op("+", waitersKey(tag, w.Event.Key()), 0, id.String())
			b.op("#", shapesKey(tag, w.Event.Type), w.Event.Shape(), 1)
		}
	}
}

// known has the lists of a workflow read with those of all others.
func (b *script) known(tag string, ch *flow.Change) {
	if b.format > firstFormat {
		b.op("s", workflowsKey(tag), ch.WorkflowID())
	}
}

// tasksOf acknowledges the tasks that are over, and writes new ones.
func (b *script) tasksOf(ch *flow.Change) error {
	for i := range ch.Ends {
		if err := b.end(&ch.Ends[i]); err != nil {
			return err
		}
	}
	for i, d := range ch.Dispatch {
		if d.Queue != "" {
			continue // it lies in another slot: the writer enqueues it next, and its line stands until then
		}
		t, err := b.encoder.Encode(d)
		if err != nil {
			return err
		}
		switch {
		case d.In > 0:
			b.op("a", t.Key, b.key(t.Scheduled), t.ID, t.Message, flow.Millis(d.In))
		case ch.Handover != nil && i == len(ch.Dispatch)-1:
			b.handover, ch.Handover.Task = ch.Handover, t
			b.op("t", t.Key, b.key(t.Active), b.key(t.Lease), b.key(t.Paused), b.key(t.Pending), t.ID, t.Message, int(t.LeaseFor.Seconds()))
		default:
			b.op("n", t.Key, b.key(t.Pending), t.ID, t.Message, flag(d.First))
			b.wakes(t.Queue)
		}
	}
	return b.pulls(ch)
}

// pulls takes tasks out of their queue.
func (b *script) pulls(ch *flow.Change) error {
	if ch.Pull == nil || len(ch.Ends) == 0 {
		return nil
	}
	t, err := b.encoder.Locate(ch.Ends[0].Dispatch)
	if err != nil {
		return err
	}
	prefix := strings.TrimSuffix(t.Key, t.ID)
	b.pull, b.pulled = ch.Pull, flow.Task{Key: prefix, QueueKeys: t.QueueKeys}
	b.op("p", t.Pending, b.key(t.Active), b.key(t.Lease), b.key(t.Paused), ch.Pull.Most, int(t.LeaseFor.Seconds()), prefix)
	return nil
}

// tasksIn gives what was pulled.
func (b *script) tasksIn(answer any) []flow.Task {
	texts, _ := answer.([]any)
	all := make([]flow.Task, len(texts)/2)
	for i := range all {
		id, message := fmt.Sprint(texts[2*i]), fmt.Sprint(texts[2*i+1])
		all[i] = flow.Task{ID: id, Key: b.pulled.Key + id, Message: []byte(message), QueueKeys: b.pulled.QueueKeys}
	}
	return all
}

// end acknowledges a task.
func (b *script) end(e *flow.End) error {
	t, err := b.encoder.Locate(e.Dispatch)
	if err != nil {
		return err
	}
	b.ends = append(b.ends, ending{e, t.Key})
	b.op("r", t.Key, b.key(t.Active), b.key(t.Lease), t.ID)
	return nil
}

// enqueue writes a task for now, unless it exists.
func (b *script) enqueue(d flow.Dispatch) error {
	t, err := b.encoder.Encode(d)
	if err != nil {
		return err
	}
	b.op("e", t.Key, b.key(t.Pending), b.key(t.Scheduled), t.ID, t.Message, flag(d.First))
	b.wakes(t.Queue)
	return nil
}

// wakes notes that there is a task more in a queue.
func (b *script) wakes(queue string) {
	if b.tasks == nil {
		b.tasks = map[string]int{}
	}
	b.tasks["{"+queue+"}:"]++
}

// wake lets sleepers of the queues know that there are tasks.
func (b *script) wake() {
	for _, tag := range slices.Sorted(maps.Keys(b.tasks)) {
		b.op("k", sleepersKey(tag), b.tasks[tag])
	}
}

// status moves the execution between the lists by status. Those of terminal
// statuses are ordered by their end, and retention goes along them.
func (b *script) status(ch *flow.Change, tag string) {
	if !ch.Ended && !ch.Deadline.IsZero() {
		b.op("=", dueKey(tag), ch.Deadline.UnixMilli(), ch.Execution+":"+deadlineEntry)
	}
	if ch.Was == ch.Front.Status && !ch.Revived {
		return
	}
	if ch.Was != "" {
		for _, list := range statusLists(firstFormat, tag, ch.WorkflowID(), ch.Was) {
			b.op("-", list, ch.Execution)
		}
	}
	b.known(tag, ch)
	for _, list := range statusLists(b.format, tag, ch.WorkflowID(), ch.Front.Status) {
		b.op("+", list, 0, ch.Execution)
	}
	if ch.Ended {
		b.op("-", dueKey(tag), ch.Execution+":"+deadlineEntry)
	}
}

// failure lists an execution by the words of its error, at the time at which it came into the list of its status.
func (b *script) failure(ch *flow.Change, tag string) {
	for _, list := range errorLists(tag, ch.Cleared) {
		b.op("-", list, ch.Execution)
	}
	if !ch.Front.Status.Over() {
		return
	}
	for _, list := range errorLists(tag, ch.Error) {
		b.op("+", list, 0, ch.Execution)
	}
}

// Enqueue writes tasks that do not exist, and makes alarms among them due at once.
func (s *Store) Enqueue(ctx context.Context, ds ...flow.Dispatch) error {
	bySlot := map[string][]flow.Dispatch{}
	for _, d := range ds {
		t := home(d.Execution) + d.Queue
		bySlot[t] = append(bySlot[t], d)
	}
	for _, slot := range slices.Sorted(maps.Keys(bySlot)) {
		b := s.script()
		for _, d := range bySlot[slot] {
			if err := b.enqueue(d); err != nil {
				return fmt.Errorf("enqueueing a step of execution %s: %w", d.Execution, err)
			}
		}
		b.wake()
		if _, err := s.run(ctx, slot, b); err != nil {
			return fmt.Errorf("enqueueing %d tasks: %w", len(ds), err)
		}
	}
	return nil
}

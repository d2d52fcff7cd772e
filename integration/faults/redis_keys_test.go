package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
	"prana/suspend"
)

// robbed are workflows with everything that has keys of its own: shared state, waits for events, one of which time ends (a
// delay would also have an alarm, which mends what happens to the due index), a child.
var robbed = []string{`
id: robbed
nodes:
  - {key: start, type: manual.trigger}
  - {key: state, type: workflow.set_state, params: {kept: "{{ $nodes.start.output.id }}"}}
  - {key: nap, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 12000, on_timeout: late}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: go, event_filter: {id: $nodes.start.output.id}}}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: robbed_child, execution_mode: sync}}
  - {key: both, type: data.merge}
  - {key: told, type: faults.pass, params: {name: told, to: "{{ $nodes.start.output.id }}"}}
connections: [start -> state, state -> nap, state -> hear, state -> child, nap.late -> both, hear -> both, child -> both, both -> told]
`, `
id: robbed_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 12000}}
connections: [start -> nap]
`}

// What becomes of executions one of whose keys is deleted.
const (
	goesOn = "goes on"               // nothing but lists needed it
	isGone = "is gone"               // it was the execution
	waits  = "waits until it is met" // for what the doctor says, and says how to end
)

// robbery is the deletion of a key of an execution, or of the partition it lives in.
type robbery struct {
	key     string // without the tag of the partition
	finding string // invariant that the doctor finds broken; empty = nothing relies on the key
	fate    string
	all     bool // what is waiting in the same partition shares the fate
	unseen  bool // something is lost, and nobody notices
	cure    func(k *robberies, r *robbery)

	partition int
	victims   []string // executions; the first one owns the key, if one does
	names     []string
}

// robberies are all kinds of keys that FORMAT.md gives an execution that rests, or its partition.
var robberiesOf = []robbery{
	{key: "x:VICTIM", finding: "I12", fate: isGone},
	{key: "x:CHILD", finding: "I10", fate: waits, cure: (*robberies).cancel},
	{key: "due", finding: "I1", fate: waits, all: true, cure: (*robberies).drawLines},
	{key: "ev:*", finding: "I7", fate: waits, all: true, cure: (*robberies).resume},
	{key: "shapes:*", finding: "I7", fate: waits, all: true, cure: (*robberies).resume},
	{key: "workflows", finding: "I12", fate: goesOn},
	{key: "wf:robbed", finding: "I12", fate: goesOn},
	{key: "wfst:robbed:suspended", finding: "I12", fate: goesOn},
	{key: "rel", finding: "I12", fate: goesOn},
	{key: "children:VICTIM", finding: "I12", fate: goesOn},
	{key: "types", finding: "I5", fate: goesOn},
	{key: "wfsus:robbed:external_event", finding: "I5", fate: goesOn},
	{key: "wfsus:robbed_child:delay", finding: "I5", fate: goesOn},
	{key: "wfsus:robbed:sub_workflow", finding: "I5", fate: goesOn},
	{key: "listen:*", finding: "I5", fate: goesOn},
	{key: "v:VICTIM", fate: goesOn, unseen: true}, // what reads the shared state afterwards reads null
	{key: "beats", fate: goesOn},
}

// robberies are under way in one fleet, each in a partition of its own.
type robberies struct {
	*part
	fleet *fleet.Fleet
	all   []*robbery
}

// TestAKeyDeleted deletes each kind of key under executions that wait. Others are untouched; the loss is found, and said with what is
// to be done about it; what is to be done helps; and no process dies or keeps trying for ever.
func TestAKeyDeleted(t *testing.T) {
	t.Parallel()
	p := begin(t)
	k := &robberies{part: p, fleet: p.fleet(fleet.Options{Workers: 1, Servers: 1, Partitions: len(robberiesOf)})}
	k.start(3)
	found, unseen := 0, 0
	for _, r := range k.all {
		k.rob(r)
	}
	for _, r := range k.all {
		switch {
		case !k.finds(r):
		case r.unseen:
			unseen++
		default:
			found++
		}
	}
	p.want("kinds of keys deleted, and found missing by doctor, or needed by nothing", float64(found), "", "=", float64(len(robberiesOf)-unseen))
	p.admit("kinds of keys whose loss nobody notices (the shared state)", float64(unseen), "", "=", 0)
	k.publish()
	right, executions := 0, 0
	for _, r := range k.all {
		right += k.fates(r)
		executions += len(r.victims)
	}
	p.want("executions whose fate is as it must be", float64(right), "", "=", float64(executions))
	cured, wanted := 0, 0
	for _, r := range k.all {
		if r.cure != nil {
			r.cure(k, r)
			wanted += len(r.victims)
			cured += k.ended(r)
		}
	}
	p.want("executions that end after what doctor says was done", float64(cured), "", "=", float64(wanted))
	p.want("processes that ended", float64(2-len(k.fleet.Workers())-len(k.fleet.Servers())), "", "=", 0)
	p.want("writes a second, of a partition in which nothing happens any more", k.writes(3*time.Second)/float64(len(robberiesOf)), "", "≤", 2)
}

// start has so many executions rest in every partition, or more.
func (k *robberies) start(each int) {
	k.Helper()
	if err := k.fleet.Deploy(k.Context(), robbed...); err != nil {
		k.Fatal(err)
	}
	for i := range robberiesOf {
		r := robberiesOf[i]
		r.partition = i
		k.all = append(k.all, &r)
	}
	few := func(r *robbery) bool { return len(r.victims) < each }
	for n := 0; slices.ContainsFunc(k.all, few); n++ {
		name := fmt.Sprint("n", n)
		res, err := k.fleet.Engine.Start(k.Context(), flow.StartRequest{Workflow: "robbed", Input: json.RawMessage(`{"id":"` + name + `"}`)})
		if err != nil {
			k.Fatal(err)
		}
		partition, _ := flow.PartitionOf(res.ExecutionID)
		r := k.all[partition]
		r.victims, r.names = append(r.victims, res.ExecutionID), append(r.names, name)
	}
	for _, r := range k.all {
		for _, id := range r.victims {
			k.await(id, func(v *flow.View) bool {
				return v.Status == flow.Suspended && len(v.Children) == 1 && len(v.Nodes) == 5
			})
		}
	}
}

// await waits until an execution is as it should be; false when it is not in time.
func (k *robberies) await(id string, is func(*flow.View) bool) bool {
	for until := time.Now().Add(40 * time.Second); time.Now().Before(until); rest(k.Context(), 20*time.Millisecond) {
		if v, err := k.fleet.Engine.Describe(k.Context(), id); err == nil && is(v) {
			return true
		}
	}
	return false
}

func ended(v *flow.View) bool { return v.Status.Terminal() }

func (r *robbery) tag() string { return fmt.Sprintf("{prana-%d}:", r.partition) }

// rob deletes the key.
func (k *robberies) rob(r *robbery) {
	k.Helper()
	v, err := k.fleet.Engine.Describe(k.Context(), r.victims[0])
	if err != nil {
		k.Fatal(err)
	}
	key := strings.NewReplacer("VICTIM", v.ID, "CHILD", v.Children[0].ChildID).Replace(r.key)
	keys, err := k.fleet.Raw.Keys(k.Context(), r.tag()+key).Result()
	if err != nil || len(keys) == 0 {
		k.Fatalf("there is no key %s%s (%v)", r.tag(), key, err)
	}
	if err := k.fleet.Raw.Del(k.Context(), keys...).Err(); err != nil {
		k.Fatal(err)
	}
}

// findings are what the doctor says of a partition.
func (k *robberies) findings(r *robbery) []suspend.Finding {
	k.Helper()
	a, err := k.fleet.App.Store().Audit(k.Context(), r.partition, suspend.AuditOptions{})
	if err != nil {
		k.Fatal(err)
	}
	return a.Findings
}

// finds tells whether the doctor says which execution lost something, and what to do.
func (k *robberies) finds(r *robbery) bool {
	k.Helper()
	all := k.findings(r)
	if r.finding == "" {
		return len(all) == 0
	}
	for _, f := range all {
		if f.Invariant == r.finding && f.Execution != "" && f.Hint != "" {
			return true
		}
	}
	k.Logf("%s: doctor finds %+v", r.key, all)
	return false
}

// publish sends everybody the event that they wait for.
func (k *robberies) publish() {
	k.Helper()
	for _, r := range k.all {
		for _, name := range r.names {
			if _, err := k.fleet.Engine.Publish(k.Context(), flow.Event{ID: name, Type: "go", Data: json.RawMessage(`{"id":"` + name + `"}`)}); err != nil {
				k.Fatal(err)
			}
		}
	}
}

// fates counts the executions of a partition that came to what they must.
func (k *robberies) fates(r *robbery) (right int) {
	k.Helper()
	for i, id := range r.victims {
		fate := goesOn
		if i == 0 || r.all {
			fate = r.fate
		}
		is := false
		switch fate {
		case goesOn:
			is = k.await(id, func(v *flow.View) bool { return v.Status == flow.Completed && string(v.Output) == expected(r.names[i]) })
		case isGone:
			_, err := k.fleet.Engine.Describe(k.Context(), id)
			is = errors.Is(err, flow.ErrNotFound) && len(k.findings(r)) > 0
		case waits:
			v, err := k.fleet.Engine.Describe(k.Context(), id)
			is = err == nil && v.Status == flow.Suspended && k.finds(r)
		}
		if is {
			right++
			continue
		}
		k.Errorf("%s deleted: execution %d, %s, should be one that %s", r.key, i, id, fate)
	}
	return right
}

// ended counts those that have ended.
func (k *robberies) ended(r *robbery) (n int) {
	for _, id := range r.victims {
		if k.await(id, ended) {
			n++
		}
	}
	return n
}

// cancel ends an execution that waits for a child that is gone.
func (k *robberies) cancel(r *robbery) {
	k.Helper()
	if err := k.fleet.Engine.Cancel(k.Context(), flow.CancelRequest{Execution: r.victims[0], Reason: "its child is gone"}); err != nil {
		k.Error(err)
	}
}

// resume ends waits by hand that events do not find.
func (k *robberies) resume(r *robbery) {
	k.Helper()
	for _, id := range r.victims {
		if _, err := k.fleet.Engine.Resume(k.Context(), flow.ResumeRequest{Execution: id, Node: "hear", Data: json.RawMessage(`{}`)}); err != nil {
			k.Error(err)
		}
	}
}

// drawLines writes the lines again that the doctor misses, due now.
func (k *robberies) drawLines(r *robbery) {
	k.Helper()
	now := float64(time.Now().UnixMilli())
	for _, f := range k.findings(r) {
		step, ok := strings.CutPrefix(f.Message, "the line of step ")
		if !ok {
			continue
		}
		step, _, _ = strings.Cut(step, " ")
		if err := k.fleet.Raw.ZAdd(k.Context(), r.tag()+"due", redis.Z{Score: now, Member: f.Execution + ":" + step}).Err(); err != nil {
			k.Fatal(err)
		}
	}
}

// writes counts what is written a second.
func (k *robberies) writes(during time.Duration) float64 {
	k.Helper()
	changes := func() float64 {
		text, err := k.fleet.Raw.Info(k.Context(), "persistence").Result()
		if err != nil {
			k.Fatal(err)
		}
		lines := slices.Collect(strings.Lines(text))
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "rdb_changes_since_last_save:") })
		n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(lines[i], "rdb_changes_since_last_save:")), 64)
		if err != nil {
			k.Fatal(err)
		}
		return n
	}
	before := changes()
	rest(k.Context(), during)
	return (changes() - before) / during.Seconds()
}

// expected is what an execution of that name leaves.
func expected(name string) string { return fmt.Sprintf("%q", partner.Digest("told", name)) }

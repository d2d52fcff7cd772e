package engine

import (
	"context"
	"time"

	"prana/engine/flow"
)

// Store remembers executions between two tasks. Everything it does is atomic
// and survives the loss of its reply: repeating a call gives the same answer
// and changes nothing. Errors of the medium match flow.ErrUnavailable.
type Store interface {
	// Load reads an execution, or flow.ErrNotFound.
	Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error)
	// Commit stores all of the changes, or nothing: they belong to executions of
	// one partition. ErrStale when one of them moved, ErrExists, ErrTaken.
	//
	// A change whose execution has its Op as revision was stored before: the whole commit is then a
	// repetition and nil. Now is the store's clock. Every step written gets At = now and the change's Op, and, where
	// they are zero: CreatedAt, StartedAt (now - Ran) when it ran, EndedAt when it is no longer live, Resumed.At,
	// Wait.Since, Wait.Due (Until, or now + In, when it has a due), and EndedAt and StartedAt of its last Attempt.
	// Its claim is removed. Its line in the due index becomes: now + FreshDue when the change dispatches it at once; never when
	// it is among Front.Ready; now when it is pending and not dispatched; now + LookDue (or its own end, if that is sooner) when it waits for an event or a place;
	// Wait.Due or never when it waits otherwise; gone when it is not live (never when quarantined). A new execution with
	// a Timeout has a deadline line until it ended, and a revived one again at its Deadline. Every Outgoing makes an outbox line at now + OutboxDue.
	// A Dispatch with a Queue is not enqueued; whoever commits does that next.
	Commit(ctx context.Context, changes ...*flow.Change) error

	Definitions
	Schedules
	NamedQueues
	Rendezvous
	Index
	Keeper
}

// Keeper keeps the secret of the store.
type Keeper interface {
	// Key gives 32 random bytes, made once and kept with the data. Who knows them can end every wait: never to be stored
	// elsewhere, logged or answered.
	Key(ctx context.Context) ([]byte, error)
}

// Definitions keeps workflows for ever, by id and version.
type Definitions interface {
	// PutWorkflow stores a version and makes it the newest. created is false when it was there. With the same step
	// its Schedule becomes the workflow's: one with the same ticks goes on where the former stopped, another begins now,
	// and without one the former is gone.
	PutWorkflow(ctx context.Context, w *flow.Workflow, version string) (created bool, err error)
	// Workflow reads a version (empty: the newest) and names it; flow.ErrNotFound.
	Workflow(ctx context.Context, id, version string) (*flow.Workflow, string, error)
}

// Schedules know which workflows start by themselves, and where each stands.
type Schedules interface {
	// DueSchedules takes at most limit schedules that are to be looked at, and hides them for the lease. A new one is
	// due at once. next is the time until the next one; negative when there is none.
	DueSchedules(ctx context.Context, limit int, lease time.Duration) (due []flow.ScheduleState, next time.Duration, err error)
	// MoveSchedule moves a schedule from where it was seen. False when it was moved elsewhere or replaced
	// meanwhile: nothing is changed then.
	MoveSchedule(ctx context.Context, from flow.ScheduleState, to flow.ScheduleMove) (moved bool, err error)
}

// NamedQueues know what queues there are beside the partitions' own, so that workers find one that came to be while they run.
type NamedQueues interface {
	// AddQueue makes a name known for ever. The Problem too_many_queues when there are flow.MaxQueues others.
	AddQueue(ctx context.Context, name string) error
	// Queues lists the names, in their order.
	Queues(ctx context.Context) ([]string, error)
}

// Rendezvous is where things meet that do not know an execution.
type Rendezvous interface {
	// ReserveStart binds a start id of a workflow to an execution id, once. It
	// answers the execution that holds it; flow.ErrMismatch when it was bound with another digest.
	ReserveStart(ctx context.Context, workflow, startID, execution, digest string) (holder string, err error)

	// RecordEvent keeps an event while it is being published, and counts its id
	// once: at is when it was recorded, by which OfferEvent and FinishEvent tell this record from one that was made after the
	// store lost it; known is the result of an event of that id that was finished before. Who asks while another publishes it waits for
	// that one's result, or takes over when that one died. The Problem too_many_events when too many of its type are kept.
	RecordEvent(ctx context.Context, e flow.Event) (at time.Time, known *flow.PublishResult, err error)
	// OverdueEvents takes at most limit events whose publisher seems dead, to be published on, and hides them for the lease.
	// next is the time until there is another one; negative when none is being published.
	OverdueEvents(ctx context.Context, limit int, lease time.Duration) (overdue []flow.Event, next time.Duration, err error)
	// Waiting lists the waits of all partitions that match type and filter, oldest first, from a cursor ("" = start), without
	// those of groups that have no place left. It costs nothing that grows with the number of those.
	Waiting(ctx context.Context, e flow.Event, without []string, cursor string, limit int) (waits []flow.Taker, next string, err error)
	// Suspensions is that of Queries: by event type it finds the waits that an event does not match.
	Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error)
	// OfferEvent gives waits a place among those who may take an event that is being published, or kept: at most Event.Limit
	// together, at most flow.Places of a group, and of those whose group says nothing one once it is published, unless Keep. A place
	// is held until somebody says what became of its wait. A kept event is used up by the taking of the last place of a group, or of
	// the limit, and is kept no longer, unless Keep and not the limit.
	OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error)
	// FinishEvent stores what came of it, with what became of the last offer. Unless it was used up, it stays for later waits;
	// result.Buffered is set. Nothing is stored when others were at it: open are waits of whom nobody said what became of them, took
	// are all that took it, if there are more than result counts. The publisher counts them and asks again.
	FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, result *flow.PublishResult) (open, took []flow.SuspensionID, err error)
	// KeptEvents lists the events that a new wait of this subscription may take, in the order in which they came, from a cursor ("" = start).
	KeptEvents(ctx context.Context, sub flow.Subscription, cursor string, limit int) (kept []flow.KeptEvent, next string, err error)

	// Acquire gives the holder one of limit places of a concurrency key, or a place in its queue, which it keeps when it
	// asks again. position is 0 when it holds a place, else its number in the queue, from 1. Nobody overtakes; promoted
	// are others who got a place by this call, such as after the limit was raised.
	Acquire(ctx context.Context, key string, h flow.Holder, limit int) (position int, promoted []flow.Holder, err error)
	// Release takes the holder out of the key, be it from a place or from the queue, and gives what is free to the first of the queue.
	Release(ctx context.Context, key string, h flow.Holder) (promoted []flow.Holder, err error)
	// Holders gives at most n of those that hold a place, at random.
	Holders(ctx context.Context, key string, n int) ([]flow.Holder, error)
}

// Index finds executions that time, death or a debt must move.
type Index interface {
	// Due takes at most limit entries whose time has come, oldest first, and hides them for the lease.
	// next is the time until the next entry is due; negative when there is none. Each says when it was due: an entry of a step
	// that nobody took yet at the very time that the commit gave it.
	Due(ctx context.Context, partition, limit int, lease time.Duration) (due []flow.DueEntry, next time.Duration, err error)
	// LoadDue reads what entries of steps are about, in their order: all of one partition, in one round trip. The error is for all of
	// them; a record that cannot be read is the error of its own entry.
	LoadDue(ctx context.Context, due []flow.DueEntry) ([]flow.Found, error)
	// Settle gives an entry its next time: in d from now, or never by time alone when d is negative.
	// note (16 characters at most, beginning with "look") is kept as the claim of the step unless it is empty; it keeps nobody from claiming. It does nothing to an entry that is
	// gone, or whose step carries another token than the entry's.
	Settle(ctx context.Context, e flow.DueEntry, d time.Duration, note string) error
	// Forget removes an entry that leads nowhere.
	Forget(ctx context.Context, e flow.DueEntry) error
	// Enqueue writes tasks that do not exist, and makes alarms among them due at once.
	Enqueue(ctx context.Context, d ...flow.Dispatch) error
	// Task tells where the task of a dispatch stands.
	Task(ctx context.Context, d flow.Dispatch) (flow.TaskState, error)
	// Renew prolongs the claims of running steps for d and tells which of them were lost to another token or claimant.
	Renew(ctx context.Context, claimant string, steps []flow.Dispatch, d time.Duration) (lost []flow.Dispatch, err error)

	// Outbox reads what an execution still has to tell others.
	Outbox(ctx context.Context, execution string) ([]flow.Outgoing, error)
	// Delivered removes an entry of the outbox.
	Delivered(ctx context.Context, execution, id string) error
	// Purge removes at most limit executions of the partition that ended before the given age, with all their keys.
	Purge(ctx context.Context, partition int, age map[flow.Status]time.Duration, limit int) (purged int, err error)
}

// Queries are the reads behind the lists of the API.
//
// A page costs the same however much there is that it does not tell. Lists are in a total order, and a cursor is a place
// in it: rows that come or go meanwhile neither repeat nor hide others. A page may be shorter than its limit, or empty,
// and have a cursor nevertheless: the list ends where there is none.
type Queries interface {
	// Executions come newest first; those of one status by the time since when they have it.
	Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error)
	// Suspensions come in the order in which time ends them; those that it never ends come last.
	Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error)
	// Relations come newest child first.
	Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error)
	// Delays lists those that are pending, in the order of their end; of one execution, also those that are over.
	Delays(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error)
	Workflows(ctx context.Context) ([]flow.WorkflowInfo, error)
	Versions(ctx context.Context, id string) ([]flow.WorkflowInfo, error)
	// Schedules come in the order in which they are looked at, which is that of their next ticks.
	Schedules(ctx context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error)
	Ping(ctx context.Context) error
}

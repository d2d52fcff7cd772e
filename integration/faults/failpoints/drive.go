package failpoints

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"prana/engine/flow"
	"prana/tasks"
)

// queues are those that have tasks: the partition's own, and the named one of the scenarios.
var queues = []string{"asynq:{prana-0}:", "asynq:{prana-0.slow}:"}

// dueIndex is that of the only partition.
const dueIndex = "{prana-0}:due"

// hint is a task as asynq has it.
type hint struct {
	queue, id string
	flow.Dispatch
}

// hands is the worker of a process for which the stage stands: what its commits took along, and nobody but it knows.
type hands struct {
	mu    sync.Mutex
	tasks []flow.Task
}

// works marks what the process does for a task.
type works struct{}

// Free tells whether it does.
func (h *hands) Free(ctx context.Context) bool { return ctx.Value(works{}) != nil }

// Pulls is as Free.
func (h *hands) Pulls(ctx context.Context) bool { return h.Free(ctx) }

// Take keeps a task for the stage.
func (h *hands) Take(_ context.Context, t flow.Task) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tasks = append(h.tasks, t)
}

// Acknowledged has nothing to tell: the stage finds no task any more.
func (h *hands) Acknowledged(string) {}

// next gives what was taken along.
func (h *hands) next() (t flow.Task, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tasks) == 0 {
		return t, false
	}
	t, h.tasks = h.tasks[0], h.tasks[1:]
	return t, true
}

// next gives the task that the process took along, or takes one out of a queue, as asynq does: it is active then. nil when there is none.
func (s *Stage) next() *hint {
	if t, ok := s.process.hands.next(); ok {
		return &hint{"asynq:{" + t.Queue + "}:", t.ID, s.read(t.Message)}
	}
	for _, q := range queues {
		id, err := s.raw.LMove(s.ctx, q+"pending", q+"active", "RIGHT", "LEFT").Result()
		if err != nil {
			continue
		}
		msg, err := s.raw.HGet(s.ctx, q+"t:"+id, "msg").Bytes()
		if err != nil { // its hash is gone, as asynq finds it, too
			continue
		}
		s.must(s.raw.HSet(s.ctx, q+"t:"+id, "state", "active").Err())
		return &hint{q, id, s.read(msg)}
	}
	return nil
}

// read decodes what asynq stores of a task: type, payload.
func (s *Stage) read(msg []byte) flow.Dispatch {
	var fields [3][]byte
	for len(msg) > 0 {
		num, kind, n := protowire.ConsumeTag(msg)
		size := protowire.ConsumeFieldValue(num, kind, msg[n:])
		if n < 0 || size < 0 {
			s.fail("a task cannot be read")
		}
		if kind == protowire.BytesType && int(num) < len(fields) {
			fields[num], _ = protowire.ConsumeBytes(msg[n:])
		}
		msg = msg[n+size:]
	}
	d, err := tasks.ReadStep(asynq.NewTask(string(fields[1]), fields[2]))
	s.must(err)
	return d
}

// work has the process work off all tasks that are there. One that it cannot decide comes again, and one of a process that
// died stays active.
func (s *Stage) work() {
	if s.scenario.Worker {
		s.letWork()
		return
	}
	for h := s.next(); h != nil; h = s.next() {
		s.done = append(s.done, h.Dispatch)
		err := s.do(func(ctx context.Context, p *process) error {
			err := p.engine.RunStep(context.WithValue(ctx, works{}, true), h.Dispatch)
			if p.wire.dead() {
				return err
			}
			s.must(s.raw.LRem(s.ctx, h.queue+"active", 0, h.id).Err())
			if err != nil {
				s.must(s.raw.HSet(s.ctx, h.queue+"t:"+h.id, "state", "pending").Err())
				s.must(s.raw.LPush(s.ctx, h.queue+"pending", h.id).Err())
				return err
			}
			s.must(s.raw.Del(s.ctx, h.queue+"t:"+h.id).Err())
			return nil
		})
		if err != nil && len(s.done) > 1000 {
			s.fail("a task comes again and again: %v", err)
		}
	}
}

// soon is how far ahead a timer may be that is waited for: those of the scenarios that are to ring are shorter.
const soon = time.Second

// sweep waits for what is due soon, if there is anything, and has the process look at it.
func (s *Stage) sweep() bool {
	first := s.raw.ZRangeWithScores(s.ctx, dueIndex, 0, 0).Val()
	if len(first) == 0 {
		return false
	}
	for {
		now, err := s.raw.Time(s.ctx).Result()
		s.must(err)
		ahead := first[0].Score - float64(now.UnixMilli())
		if ahead > float64(soon.Milliseconds()) {
			return false
		}
		if ahead <= 0 {
			break
		}
		time.Sleep(time.Duration(ahead) * time.Millisecond)
	}
	_ = s.do(func(ctx context.Context, p *process) error { // what fails comes up again
		_, err := p.engine.Sweep(ctx, 0)
		return err
	})
	return true
}

// maxRounds bounds how long a recovery may take, in rounds of ten seconds.
const maxRounds = 12

// until works and sweeps until it is so. When nothing is left to be done, time passes.
func (s *Stage) until(what string, so func() bool) {
	for began := s.rounds; ; {
		s.work()
		if so() {
			return
		}
		if s.sweep() {
			continue
		}
		if s.rounds-began > maxRounds {
			s.fail("it does not come to that: %s", what)
		}
		s.pass()
		s.followUp()
	}
}

// followUp is what a process looks at beside the due index every few seconds.
func (s *Stage) followUp() {
	_ = s.do(func(ctx context.Context, p *process) error {
		_, err := p.engine.PublishOverdue(ctx)
		return err
	})
	_ = s.do(func(ctx context.Context, p *process) error {
		_, err := p.engine.Tick(ctx)
		return err
	})
}

// round is how much time passes at once: as much as hides what a dead process took.
const round = 10 * time.Second

// pass lets time pass, by moving what is due to an earlier time. Waits know by themselves when their time is up, so nothing
// that is to come later happens now. The stamps of records stay, and a millisecond less keeps what was to come a round after a commit
// from being due at the very stamp of it, by which a line is told that nobody took yet.
func (s *Stage) pass() {
	s.rounds++
	keys := s.raw.Keys(s.ctx, "{prana-r*}:publishing").Val()
	keys = append(keys, s.raw.Keys(s.ctx, "{prana-r*}:crons").Val()...)
	for _, key := range append(keys, dueIndex) {
		for _, z := range s.raw.ZRangeWithScores(s.ctx, key, 0, -1).Val() {
			z.Score -= float64(round.Milliseconds() - 1) // infinity stays what it is
			s.must(s.raw.ZAddArgs(s.ctx, key, redis.ZAddArgs{XX: true, Members: []redis.Z{z}}).Err())
		}
	}
	if s.scenario.Worker {
		s.forward()
	}
}

// hourLater makes an execution an hour older than it is, which its deadline goes by.
func (s *Stage) hourLater(id string) {
	key := "{prana-0}:x:" + id
	head, err := s.raw.HGet(s.ctx, key, "h").Result()
	s.must(err)
	born, rest, _ := strings.Cut(head, "|")
	at, err := strconv.ParseInt(born, 10, 64)
	s.must(err)
	hour := time.Hour.Milliseconds()
	s.must(s.raw.HSet(s.ctx, key, "h", strconv.FormatInt(at-hour, 10)+"|"+rest).Err())
	s.must(s.raw.ZIncrBy(s.ctx, "{prana-0}:wf:late", -float64(hour), id).Err())
	s.must(s.raw.ZIncrBy(s.ctx, dueIndex, -float64(hour), id+":!").Err())
}

// settle waits until nothing is owed or to be done any more.
func (s *Stage) settle() {
	s.until("nothing is left to be done", func() bool {
		for _, pattern := range []string{dueIndex, "{prana-r*}:publishing"} {
			if len(s.raw.Keys(s.ctx, pattern).Val()) > 0 {
				return false
			}
		}
		return true
	})
}

// ends waits until executions are over.
func (s *Stage) ends(ids ...string) {
	for _, id := range ids {
		s.until("execution "+id+" ends", func() bool {
			x, err := s.store.Load(s.ctx, id, flow.Want{})
			s.must(err)
			return x.Status.Terminal()
		})
	}
}

// hears waits until an execution waits for an event of a type.
func (s *Stage) hears(id, eventType string) {
	s.until("an event "+eventType+" is waited for", func() bool {
		for _, w := range s.view(id).Suspensions {
			if w.EventType == eventType {
				return true
			}
		}
		return false
	})
}

// waits waits until a node of an execution waits, for whatever that may be.
func (s *Stage) waits(id, key string) {
	s.until("node "+key+" waits", func() bool {
		for _, n := range s.view(id).Nodes {
			if n.Node == key && n.Status == flow.StepSuspended {
				return true
			}
		}
		return false
	})
}

// childOf is the execution that a node started.
func (s *Stage) childOf(id, key string) string {
	for _, c := range s.view(id).Children {
		if c.Node == key {
			return c.ChildID
		}
	}
	s.fail("node %s of %s has no child", key, id)
	return ""
}

package faults

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/integration/faults/fleet"
	"prana/tasks"
)

// forgetTasks deletes every key of asynq's at once, those that know queues, servers and workers among them, and tells how many tasks
// there were. The intake queue stays: what others enqueued there is nowhere else.
var forgetTasks = redis.NewScript(`
local tasks, intake = 0, 'asynq:{' .. ARGV[1] .. '}:'
for _, key in ipairs(redis.call('KEYS', 'asynq:*')) do
  if string.sub(key, 1, #intake) ~= intake then
    tasks = tasks + (string.find(key, '}:t:', 1, true) and 1 or 0)
    redis.call('UNLINK', key)
  end
end
return tasks`)

// TestAsynqForgetsEverything deletes all keys of asynq's but those of the intake queue three times in the middle of a run: tasks are
// hints, and made anew.
func TestAsynqForgetsEverything(t *testing.T) {
	t.Parallel()
	const times, atLeast = 3, 10
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 1, Partitions: 2, Slots: p.size(8, 16)})
	f.Partner.Slow = 100 * time.Millisecond
	l := p.load(f, loadOptions{Executions: p.size(100, 1500), Programs: p.size(20, 100), Over: time.Duration(p.size(8, 90)) * time.Second})
	forgotten, rounds := 0, 0
	for range times {
		rest(p.Context(), time.Duration(p.size(2, 25))*time.Second)
		for give := time.Now().Add(20 * time.Second); time.Now().Before(give); rest(p.Context(), time.Millisecond) {
			if all, err := f.Raw.Keys(p.Context(), "asynq:{prana-*}:t:*").Result(); err != nil {
				t.Fatal(err)
			} else if len(all) >= atLeast {
				break
			}
		}
		n, err := forgetTasks.Run(p.Context(), f.Raw, nil, tasks.IntakeQueue).Int()
		if err != nil {
			t.Fatal(err)
		}
		forgotten += n
		rounds += min(1, n/atLeast)
	}
	took := l.await(2 * time.Minute)
	p.want("times that everything of asynq's was deleted, at least ten tasks each time", float64(rounds), "", "=", times)
	p.tell("tasks deleted", float64(forgotten), "")
	p.want("all had ended after the last time, or the last start, within", took.Seconds(), "s", "≤", 60)
	l.check()
	p.wantSound(f)
}

// forgetKeys deletes keys of asynq's in all partitions if so many tasks stand in them, or are them, and tells how many.
var forgetKeys = redis.NewScript(`
local keys, tasks = redis.call('KEYS', 'asynq:{prana-*}:' .. ARGV[1]), 0
for _, key in ipairs(keys) do
  local kind = redis.call('TYPE', key).ok
  tasks = tasks + (kind == 'list' and redis.call('LLEN', key) or kind == 'zset' and redis.call('ZCARD', key) or 1)
end
if tasks < tonumber(ARGV[2]) then
  return 0
end
redis.call('UNLINK', unpack(keys))
return tasks`)

// TestAsynqForgetsAList deletes one kind of asynq's keys at a time, so that what is left says otherwise: tasks that say that they
// stand in a list and do not, and lists of tasks that are gone.
func TestAsynqForgetsAList(t *testing.T) {
	t.Parallel()
	const atLeast = 2
	kinds := []string{"t:*", "pending", "scheduled", "active", "lease"} // the tasks first: what says that it stands in a list goes with them
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 1, Partitions: 2, Slots: p.size(4, 8)})
	f.Partner.Slow = 200 * time.Millisecond
	l := p.load(f, loadOptions{Executions: p.size(150, 1500), Programs: p.size(20, 100), Over: time.Duration(p.size(10, 90)) * time.Second})
	deleted, hit := 0, 0
	for range p.size(1, 5) {
		for _, kind := range kinds {
			rest(p.Context(), time.Duration(p.size(1, 3))*time.Second)
			n := p.forget(f, kind, atLeast)
			deleted, hit = deleted+n, hit+min(1, n)
		}
	}
	took := l.await(2 * time.Minute)
	p.want("times that a list of asynq's, or all tasks alone, were deleted, at least two tasks each time", float64(hit), "", "=", float64(len(kinds)*p.size(1, 5)))
	p.tell("tasks that stood there", float64(deleted), "")
	p.want("all had ended after the last time, or the last start, within", took.Seconds(), "s", "≤", 60)
	l.check()
	p.wantSound(f)
}

// forget deletes keys of one kind as soon as so many tasks stand in them; 0 = they never did.
func (p *part) forget(f *fleet.Fleet, kind string, atLeast int) (deleted int) {
	p.Helper()
	for give := time.Now().Add(20 * time.Second); deleted == 0 && time.Now().Before(give); rest(p.Context(), time.Millisecond) {
		n, err := forgetKeys.Run(p.Context(), f.Raw, nil, kind, atLeast).Int()
		if err != nil {
			p.Fatal(err)
		}
		deleted = n
	}
	return deleted
}

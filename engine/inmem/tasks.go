package inmem

import (
	"context"
	"slices"
	"time"

	"prana/engine/flow"
)

// task is what the queue knows of a dispatch.
type task struct {
	dispatch flow.Dispatch
	state    flow.TaskState // pending, scheduled or active
	due      time.Time      // of an alarm
}

// Alarm is a task that becomes pending at a later time.
type Alarm struct {
	Dispatch flow.Dispatch
	Due      time.Time
}

// taskID names a task in its queue: no other queue knows it.
func taskID(d flow.Dispatch) string {
	return d.Queue + "/" + d.Execution + ":" + d.Step.String() + ":" + d.Token
}

// Enqueue writes tasks that do not exist and makes alarms among them pending:
// whatever is enqueued by name is wanted now.
func (s *Store) Enqueue(ctx context.Context, ds ...flow.Dispatch) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range ds {
		home, ok := s.home(d.Execution)
		if !ok {
			return flow.Problemf(flow.ErrInvalid.Code, "%q names no partition of this store", d.Execution)
		}
		if t := home.tasks[taskID(d)]; t != nil && t.state == flow.TaskScheduled {
			home.push(t)
			continue
		}
		d = clone(d)
		d.In = 0
		home.enqueue(d, s.now())
	}
	return nil
}

// Task tells where the task of a dispatch stands.
func (s *Store) Task(ctx context.Context, d flow.Dispatch) (flow.TaskState, error) {
	if err := alive(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	home, _ := s.home(d.Execution)
	home.forward(s.now())
	if t := home.tasks[taskID(d)]; t != nil {
		return t.state, nil
	}
	return flow.TaskMissing, nil
}

// Tasks lists the pending tasks of all queues of a partition in the order in which Pop gives them.
func (s *Store) Tasks(partition int) []flow.Dispatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.at(partition)
	home.forward(s.now())
	var out []flow.Dispatch
	for _, id := range home.queue {
		out = append(out, clone(home.tasks[id].dispatch))
	}
	return out
}

// Alarms lists the tasks of a partition whose time has not come, the next one first.
func (s *Store) Alarms(partition int) []Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.at(partition)
	home.forward(s.now())
	var out []Alarm
	for _, t := range home.alarms() {
		out = append(out, Alarm{Dispatch: clone(t.dispatch), Due: t.due})
	}
	return out
}

// Pop takes the next pending task, of whatever queue; it is active until Done.
func (s *Store) Pop(partition int) (flow.Dispatch, bool) { return s.Take(partition, 0) }

// Take takes a pending task out of turn, by its place in Tasks; false when there are not so many.
func (s *Store) Take(partition, place int) (flow.Dispatch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.at(partition)
	home.forward(s.now())
	if place >= len(home.queue) {
		return flow.Dispatch{}, false
	}
	t := home.tasks[home.queue[place]]
	home.queue = slices.Delete(home.queue, place, place+1)
	t.state = flow.TaskActive
	return clone(t.dispatch), true
}

// Done acknowledges a task: the queue forgets it.
func (s *Store) Done(d flow.Dispatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	home, _ := s.home(d.Execution)
	home.remove(taskID(d))
}

// Lose forgets every task of a partition, as if somebody had deleted the queue.
func (s *Store) Lose(partition int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.at(partition)
	clear(home.tasks)
	home.queue = nil
}

// enqueue writes a task unless it exists.
func (p *partition) enqueue(d flow.Dispatch, now time.Time) {
	id := taskID(d)
	if p.tasks[id] != nil {
		return
	}
	t := &task{dispatch: d, state: flow.TaskScheduled, due: now.Add(millis(d.In))}
	p.tasks[id] = t
	if d.In <= 0 {
		p.push(t)
	}
}

// push makes a task pending: what goes on with something under way is popped
// before what only begins.
func (p *partition) push(t *task) {
	t.state = flow.TaskPending
	end := len(p.queue)
	if t.dispatch.First {
		end = 0
	}
	p.queue = slices.Insert(p.queue, end, taskID(t.dispatch))
}

// forward makes the alarms pending whose time has come, as asynq does by itself.
func (p *partition) forward(now time.Time) {
	for _, t := range p.alarms() {
		if !t.due.After(now) {
			p.push(t)
		}
	}
}

func (p *partition) alarms() []*task {
	var out []*task
	for _, t := range p.tasks {
		if t.state == flow.TaskScheduled {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *task) int { return a.due.Compare(b.due) })
	return out
}

// withdraw removes an alarm; a task that became pending runs and finds nothing to do.
func (p *partition) withdraw(d flow.Dispatch) {
	if t := p.tasks[taskID(d)]; t != nil && t.state == flow.TaskScheduled {
		p.remove(taskID(d))
	}
}

func (p *partition) remove(id string) {
	delete(p.tasks, id)
	p.queue = slices.DeleteFunc(p.queue, func(q string) bool { return q == id })
}

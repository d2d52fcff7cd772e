package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/handlers/api/wire"
	"prana/tasks"
)

// process is a worker with all asynq Servers that it runs.
type process struct {
	wire.Worker
	queues map[string]bool // as asynq calls them
	own    int             // steps at once from the partitions' own queues
	named  int             // or from a named one: any of the same slots
	tasks  []*asynq.WorkerInfo
}

// workers lists the processes that serve now, by their ids.
func (q queues) workers() ([]process, error) {
	servers, err := q.inspector().Servers()
	if err != nil {
		return nil, away("listing the workers", err)
	}
	known := map[string]*process{}
	for _, s := range servers {
		id := s.Host + ":" + strconv.Itoa(s.PID)
		if known[id] == nil {
			known[id] = &process{queues: map[string]bool{}, Worker: wire.Worker{ID: id, Host: s.Host, PID: s.PID, Status: s.Status, StartedAt: s.Started}}
		}
		known[id].add(s)
	}
	list := make([]process, 0, len(known))
	for _, id := range slices.Sorted(maps.Keys(known)) {
		list = append(list, *known[id])
	}
	return list, nil
}

// add counts an asynq Server in.
func (p *process) add(s *asynq.ServerInfo) {
	if s.Started.Before(p.StartedAt) {
		p.StartedAt = s.Started
	}
	p.tasks = append(p.tasks, s.ActiveWorkers...)
	for queue := range s.Queues {
		p.queues[queue] = true
	}
	switch {
	case s.Queues[tasks.IntakeQueue] > 0:
	case slices.ContainsFunc(slices.Collect(maps.Keys(s.Queues)), isNamed):
		p.named = max(p.named, s.Concurrency)
	default:
		p.own += s.Concurrency
	}
	p.Concurrency = max(p.own, p.named)
}

func isNamed(queue string) bool { return strings.Contains(queue, ".") }

// Workers gives a page of the processes that serve now, with what each runs.
func (q queues) Workers(ctx context.Context, f wire.PageFilter) (flow.Page[wire.Worker], error) {
	all, err := q.workers()
	if err != nil {
		return flow.Page[wire.Worker]{}, err
	}
	page, err := wire.CutPage(all, func(p process) string { return p.ID }, f.Limit, f.Cursor)
	workers := flow.Page[wire.Worker]{Cursor: page.Cursor}
	for _, p := range page.Items {
		workers.Items = append(workers.Items, q.describe(ctx, p))
	}
	return workers, err
}

// runningAtMost bounds the tasks that are told of one worker.
const runningAtMost = 100

func (q queues) describe(ctx context.Context, p process) wire.Worker {
	w := p.Worker
	w.Queues, w.Running, w.Tasks = namesOf(p.queues), len(p.tasks), []wire.Running{}
	slices.SortFunc(p.tasks, func(a, b *asynq.WorkerInfo) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.TaskID, b.TaskID))
	})
	for _, t := range p.tasks[:min(len(p.tasks), runningAtMost)] {
		w.Tasks = append(w.Tasks, q.running(ctx, t))
	}
	return w
}

// namesOf gives the names of queues as definitions call them; the intake keeps its own.
func namesOf(queues map[string]bool) []string {
	names := map[string]bool{}
	for queue := range queues {
		_, name, _ := strings.Cut(queue, ".")
		if name == "" && queue == tasks.IntakeQueue {
			name = queue
		}
		names[cmp.Or(name, flow.DefaultQueue)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// running tells about a task: of a step, whose it is. The node is known where the definition can be read.
func (q queues) running(ctx context.Context, t *asynq.WorkerInfo) wire.Running {
	r := wire.Running{Type: t.TaskType, Queue: t.Queue, StartedAt: t.Started.UTC().Truncate(time.Millisecond)}
	d, err := tasks.ReadStep(asynq.NewTask(t.TaskType, t.TaskPayload))
	if err != nil {
		return r // of the intake
	}
	id, version, _ := strings.Cut(d.Workflow, "@")
	r.ExecutionID, r.Workflow = d.Execution, id
	if w, _, err := q.store.Workflow(ctx, id, version); err == nil && d.Step.Node < len(w.Nodes) {
		r.Node = w.Nodes[d.Step.Node].Key
	}
	return r
}

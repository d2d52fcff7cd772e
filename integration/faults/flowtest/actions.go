package flowtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// most is how many executions there are at a time.
const most = 6

func (w *Machine) start(t *rapid.T) {
	if len(w.all) == most {
		t.Skip("there are enough executions")
	}
	x := &execution{name: w.name("execution"), short: rapid.IntRange(0, 2).Draw(t, "short") == 2}
	id := "long"
	if x.short {
		id = "short"
	}
	var err error
	x.id, err = w.Start(w.ctx, id, []byte(fmt.Sprintf(`{"id":%q}`, x.name)))
	w.must(t, err)
	w.all = append(w.all, x)
	w.follow(t, x, true)
}

// pick draws an execution.
func (w *Machine) pick(t *rapid.T) *execution {
	if len(w.all) == 0 {
		t.Skip("there is no execution")
	}
	return w.all[rapid.IntRange(0, len(w.all)-1).Draw(t, "execution")]
}

// pop takes the next task, and tells whether it may move its execution.
func (w *Machine) pop(t *rapid.T) (d flow.Dispatch, x *execution, moves bool) {
	if len(w.queue) == 0 {
		t.Skip("there is no task")
	}
	all, err := w.Pop(w.ctx, 1)
	w.must(t, err)
	d = all[0]
	id := d.Execution + ":" + d.Step.String() + ":" + d.Token
	w.queue = slices.DeleteFunc(w.queue, func(q string) bool { return q == id })
	x = w.all[slices.IndexFunc(w.all, func(x *execution) bool { return x.id == d.Execution })]
	if moves = x.task == id; moves {
		x.queued = false
	}
	return d, x, moves
}

// run runs a task, now and then twice.
func (w *Machine) run(t *rapid.T) {
	d, x, moves := w.pop(t)
	w.work(t, d, x, moves)
	if rapid.IntRange(0, 4).Draw(t, "comes twice") == 0 {
		w.counts.Doubled++
		w.work(t, d, x, false)
	}
	w.old = append(w.old, d)
}

func (w *Machine) work(t *rapid.T, d flow.Dispatch, x *execution, moves bool) {
	w.counts.Tasks++
	p := w.some(t, 2)
	losses := p.Replies.Losses()
	_, err := until(func() error { return p.RunStep(w.ctx, d) })
	w.must(t, err)
	follows := false
	if moves {
		x.task = ""
		w.rest()
		looks := x.stage == toWait && len(x.letters) == 0 && len(x.kept) > 0
		if looks && p.Replies.Losses() > losses && len(w.fresh(t)) == 0 {
			x.stage, x.unlooked = waiting, true
			return
		}
		follows = x.run(w.broken.Load())
	}
	w.follow(t, x, follows)
}

// runOld runs a task that was run before, as asynq does when an ack was lost.
func (w *Machine) runOld(t *rapid.T) {
	if len(w.old) == 0 {
		t.Skip("nothing was run yet")
	}
	d := w.old[rapid.IntRange(0, len(w.old)-1).Draw(t, "task")]
	x := w.all[slices.IndexFunc(w.all, func(x *execution) bool { return x.id == d.Execution })]
	w.counts.Doubled++
	w.work(t, d, x, false)
}

// drop loses a task: its worker died before it began.
func (w *Machine) drop(t *rapid.T) {
	w.pop(t)
	w.counts.Dropped++
}

// sweep looks at everything, as if the time for that had come: what was lost has a task again, and so has what waited long enough.
func (w *Machine) sweep(t *rapid.T) {
	time.Sleep(moment)
	w.must(t, w.Age(w.ctx, desk.Due))
	p := w.Processes[rapid.IntRange(0, processes-1).Draw(t, "process")]
	_, err := p.Sweep(w.ctx, 0)
	w.must(t, err)
	w.rest()
	in, err := w.Redis.LRange(w.ctx, desk.Pending, 0, -1).Result()
	w.must(t, err)
	for _, x := range w.all {
		x.look()
		if wants := x.stage != over && (x.stage != waiting || x.short); wants && !x.queued {
			w.found(t, x, in)
		}
	}
}

// found notes the task that was made for an execution.
func (w *Machine) found(t *rapid.T, x *execution, in []string) {
	i := slices.IndexFunc(in, func(id string) bool { return id[:len(x.id)] == x.id && !slices.Contains(w.queue, id) })
	if i < 0 {
		t.Logf("it is %s", x.name)
		t.Fatal("an execution has no task, and was given none")
	}
	if in[i] == x.task && x.stage != waiting {
		t.Logf("it is that of %s", x.name)
		t.Fatal("a task was lost, and came again with the same token")
	}
	x.task, x.queued = in[i], true
	w.queue = append(w.queue, in[i])
}

func (w *Machine) publish(t *rapid.T) {
	x := w.pick(t)
	id := w.name("event")
	r := w.event(t, x, id)
	matched := x.publish(id)
	if (r.Matched == 1) != matched || r.Buffered == matched {
		t.Logf("event %s for %s was told %+v", id, x.name, r)
		t.Fatalf("an event that matches (%v) was told otherwise", matched)
	}
	w.asked = append(w.asked, request{"event", x, id, r})
	w.follow(t, x, matched)
}

func (w *Machine) event(t *rapid.T, x *execution, id string) flow.PublishResult {
	data := fmt.Sprintf(`{"by":"event","id":%q}`, x.name)
	r, err := w.Publish(w.ctx, w.some(t, 8), flow.Event{ID: id, Type: "go", Data: []byte(data)})
	w.must(t, err)
	return r
}

func (w *Machine) resume(t *rapid.T) { w.resumeAs(t, w.pick(t), w.name("resume")) }

func (w *Machine) resumeAs(t *rapid.T, x *execution, id string) {
	p := w.some(t, 3)
	var got flow.ResumeResult
	again, err := until(func() (err error) {
		got, err = p.Resume(w.ctx, flow.ResumeRequest{Execution: x.id, Node: "w", ID: id, Data: []byte(`{"by":"manual"}`)})
		return err
	})
	want, follows := x.resume(id)
	w.told(t, "resume "+id, x, again, answer{Buffered: got.Buffered, Repeated: got.Repeated}, err, want)
	w.asked = append(w.asked, request{what: "resume", x: x, id: id})
	w.follow(t, x, follows)
}

// told compares an answer. Who asked again, since no answer came, may be told that it had come before.
func (w *Machine) told(t *rapid.T, what string, x *execution, again bool, got answer, err error, want answer) {
	if errors.Is(err, flow.ErrConflict) {
		got, err = answer{Refused: true}, nil
	}
	w.must(t, err)
	want.Repeated = want.Repeated || again && got.Repeated
	if got != want {
		t.Logf("%s of %s", what, x.name)
		t.Fatalf("a request was told %+v, want %+v", got, want)
	}
}

func (w *Machine) cancel(t *rapid.T) { w.cancelAs(t, w.pick(t), w.name("cancel")) }

func (w *Machine) cancelAs(t *rapid.T, x *execution, id string) {
	p := w.some(t, 4)
	again, err := until(func() error { return p.Cancel(w.ctx, flow.CancelRequest{Execution: x.id, ID: id}) })
	w.told(t, "cancel "+id, x, again, answer{}, err, x.cancel(id))
	w.asked = append(w.asked, request{what: "cancel", x: x, id: id})
	w.follow(t, x, false)
}

func (w *Machine) retry(t *rapid.T) { w.retryAs(t, w.pick(t), w.name("retry")) }

func (w *Machine) retryAs(t *rapid.T, x *execution, id string) {
	p := w.some(t, 4)
	var got flow.RetryResult
	again, err := until(func() (err error) {
		got, err = p.Retry(w.ctx, flow.RetryRequest{Execution: x.id, ID: id})
		return err
	})
	want, follows := x.retry(id)
	w.told(t, "retry "+id, x, again, answer{Repeated: got.Repeated}, err, want)
	w.asked = append(w.asked, request{what: "retry", x: x, id: id})
	w.follow(t, x, follows)
}

// repeat asks for something again that was asked for before, with its id.
func (w *Machine) repeat(t *rapid.T) {
	if len(w.asked) == 0 {
		t.Skip("nothing was asked for yet")
	}
	recent := w.asked[max(0, len(w.asked)-6):]
	r := recent[rapid.IntRange(0, len(recent)-1).Draw(t, "request")]
	w.counts.Repeated++
	switch r.what {
	case "resume":
		w.resumeAs(t, r.x, r.id)
	case "cancel":
		w.cancelAs(t, r.x, r.id)
	case "retry":
		w.retryAs(t, r.x, r.id)
	case "event":
		again := w.event(t, r.x, r.id)
		if !again.Repeated || again.Matched != r.told.Matched || again.Buffered != r.told.Buffered {
			t.Logf("event %s was told %+v, and then %+v", r.id, r.told, again)
			t.Fatal("a repeated event was told something else")
		}
		w.follow(t, r.x, false)
	}
}

// breakOrMend changes the world.
func (w *Machine) breakOrMend(t *rapid.T) { w.broken.Store(!w.broken.Load()) }

// crash has a process forget all it knew.
func (w *Machine) crash(t *rapid.T) {
	i := rapid.IntRange(0, processes-1).Draw(t, "process")
	w.rest()
	w.counts.Lost += w.Processes[i].Replies.Losses()
	w.must(t, w.Crash(i))
	w.counts.Crashes++
}

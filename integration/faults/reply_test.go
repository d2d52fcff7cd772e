package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
	"prana/integration/faults/proxy"
	"prana/suspend"
	"prana/tasks"
)

// TestEachReplyLost runs each story with a worker and asynq as they are, and loses one reply of Redis: the first, the second, and
// so on until the story is over.
func TestEachReplyLost(t *testing.T) {
	t.Parallel()
	p := begin(t)
	s := p.newStage(3)
	calm := map[string]tried{}
	for _, y := range replyStories {
		calm[y.name] = s.try(y, 0)
		if err := calm[y.name].wrong; err != nil {
			t.Fatalf("%s, undisturbed: %v", y.name, err)
		}
		p.tell("replies in the story of "+y.name, float64(calm[y.name].replies), "")
	}
	var mu sync.Mutex
	var took []time.Duration
	tries, bites, wrong := 0, 0, 0
	var wg sync.WaitGroup
	for i, y := range replyStories {
		all := p.dice(uint64(i)).Perm(calm[y.name].replies)
		for _, k := range all[:min(len(all), p.size(8, len(all)))] {
			wg.Go(func() {
				r := s.try(y, k+1)
				mu.Lock()
				defer mu.Unlock()
				tries++
				if r.lost {
					bites++
					took = append(took, r.took-calm[y.name].took)
				}
				if r.wrong != nil {
					wrong++
					p.Errorf("%s, without reply %d: %v", y.name, k+1, r.wrong)
				}
			})
		}
	}
	wg.Wait()
	p.tell("stories told", float64(tries), "")
	p.want("of these, such that lost a reply before they were over, of a hundred", 100*float64(bites)/float64(max(1, tries)), "", "≥", 80)
	p.want("such that did not end as they must", float64(wrong), "", "=", 0)
	p.tell("a lost reply cost at the median", quantile(took, 0.5).Seconds(), "s")
	p.want("a lost reply cost at most", quantile(took, 1).Seconds(), "s", "≤", 30)
}

// tried is what came of one story.
type tried struct {
	replies int           // of Redis, until it was over
	took    time.Duration // until then
	lost    bool          // a reply, until then
	wrong   error
}

// stage is where stories are told, each in a database of its own.
type stage struct {
	*part
	partner   *partner.Partner
	databases chan database
	stories   atomic.Int64
}

type database struct {
	redis  *localredis.Server
	number int
}

// newStage makes a stage on so many servers.
func (p *part) newStage(servers int) *stage {
	p.Helper()
	const databases = 16 // of a server
	s := &stage{part: p, partner: partner.New(), databases: make(chan database, servers*databases)}
	p.Cleanup(s.partner.Close)
	for range servers {
		r, err := localredis.Start(p.Context(), localredis.Options{TCP: true})
		if err != nil {
			p.Fatal(err)
		}
		p.Cleanup(func() { _ = r.Close() }) // it holds nothing
		for n := range databases {
			s.databases <- database{r, n}
		}
	}
	return s
}

// try tells a story while the k-th reply is lost; 0 = none.
func (s *stage) try(y replyStory, k int) (r tried) {
	db := <-s.databases
	defer func() { s.databases <- db }()
	network, err := proxy.New(db.redis.Network(), db.redis.Addr(), s.seed)
	if err != nil {
		return tried{wrong: err}
	}
	defer func() { r.wrong = errors.Join(r.wrong, network.Close()) }()
	raw, err := app.Connect(fmt.Sprintf("%s/%d", db.redis.URL(), db.number))
	if err != nil {
		return tried{wrong: err}
	}
	defer func() {
		r.wrong = errors.Join(r.wrong, raw.FlushDB(context.WithoutCancel(s.Context())).Err(), raw.Close())
	}()
	setup := fleet.Setup{Redis: fmt.Sprintf("%s/%d", network.URL, db.number), Partner: s.partner.URL}
	o := setup.Options()
	o.Worker = true
	a, err := app.Start(s.Context(), o)
	if err != nil {
		return tried{wrong: err}
	}
	r = s.tell(y, k, network, a, suspend.New(raw, tasks.Encoder{}, suspend.Options{Partitions: 1}))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), 20*time.Second)
	defer cancel()
	r.wrong = errors.Join(r.wrong, a.Shutdown(ctx))
	return r
}

// tell tells the story to a worker, and looks past the network at what comes of it.
func (s *stage) tell(y replyStory, k int, network *proxy.Proxy, a *app.App, store *suspend.Store) (r tried) {
	ctx, cancel := context.WithTimeout(s.Context(), 90*time.Second)
	defer cancel()
	for _, src := range y.sources {
		w, _, found := definition.Check("story.yaml", []byte(src), fleet.Setup{}.Registry(), plan.Options{})
		if plan.HasErrors(found) {
			return tried{wrong: fmt.Errorf("a definition is wrong: %v", found)}
		}
		if _, _, err := a.Deploy(ctx, w); err != nil {
			return tried{wrong: err}
		}
	}
	settle(ctx, network)
	id := fmt.Sprintf("%s/%d", y.name, s.stories.Add(1))
	before := network.Counts()
	network.LoseReply(k)
	began := time.Now()
	x, err := s.play(ctx, y, id, a, store)
	r.took = time.Since(began)
	after := network.Counts()
	network.LoseReply(0)
	r.replies, r.lost = after.Replies-before.Replies, after.Faults[proxy.Lose] > 0
	if err != nil {
		r.wrong = err
		return r
	}
	r.wrong = s.check(ctx, y, id, x, a, store)
	return r
}

// settle waits until a worker has asked for all that it asks for when it begins.
func settle(ctx context.Context, network *proxy.Proxy) {
	for last := -1; ; {
		n := network.Counts().Replies
		if n == last || !rest(ctx, 150*time.Millisecond) {
			return
		}
		last = n
	}
}

// play starts the story, tells it what it waits for, as careful clients do who repeat what failed, and waits for its end.
func (s *stage) play(ctx context.Context, y replyStory, id string, a *app.App, store *suspend.Store) (execution string, err error) {
	input := fmt.Appendf(nil, `{"id":%q}`, id)
	err = insist(ctx, func() error {
		r, err := a.Engine().Start(ctx, flow.StartRequest{Workflow: y.name, ID: id, Input: input})
		execution = r.ExecutionID
		return err
	})
	if err == nil && y.event != "" {
		err = insist(ctx, func() error {
			_, err := a.Engine().Publish(ctx, flow.Event{ID: id, Type: y.event, Data: input})
			return err
		})
	}
	for err == nil {
		x, lerr := store.Load(ctx, execution, flow.Want{})
		if lerr != nil || x.Status.Terminal() {
			return execution, lerr
		}
		if !rest(ctx, 10*time.Millisecond) {
			err = fmt.Errorf("it is still %s", x.Status)
		}
	}
	return execution, err
}

// insist repeats something until it is done, or was refused.
func insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, flow.ErrUnavailable) || !rest(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// check compares the end and the effects with what they must be, and audits the store.
func (s *stage) check(ctx context.Context, y replyStory, id, execution string, a *app.App, store *suspend.Store) error {
	var wrong []error
	v, err := a.Engine().Describe(ctx, execution)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%q", y.end(id)); v.Status != flow.Completed || string(v.Output) != want || len(v.Nodes) != y.steps {
		wrong = append(wrong, fmt.Errorf("it is %s (%s), left %s in %d steps; want %s in %d", v.Status, fmt.Sprint(v.Error), v.Output, len(v.Nodes), want, y.steps))
	}
	done := s.partner.Effects()
	for _, to := range y.effects(id) {
		if keys := done[partner.Effect{Name: "reply", To: to}].Keys(); len(keys) != 1 {
			wrong = append(wrong, fmt.Errorf("the effect on %s has the keys %v; want one", to, keys))
		}
	}
	found, err := store.Audit(ctx, 0, suspend.AuditOptions{})
	if len(found.Findings) > 0 {
		wrong = append(wrong, fmt.Errorf("doctor finds %+v", found.Findings))
	}
	return errors.Join(append(wrong, err)...)
}

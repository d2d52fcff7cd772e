package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/engine/flow"
	"prana/handlers/streams"
	"prana/suspend"
)

// stuckTries is how often an entry is handed out until somebody should look why nobody acknowledges it.
const stuckTries = 5

// startStreams reads the streams of other services, in processes that take what other services ask for.
func (a *App) startStreams(ctx context.Context) (err error) {
	all := a.o.Config.Streams
	if !a.o.Worker || !a.o.Config.Worker.Intake || len(all) == 0 {
		return nil
	}
	if a.reading, err = Connect(a.backend.url); err != nil {
		return err
	}
	read, stop := context.WithCancel(a.run)
	a.stopRead = stop
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		source := streamOf(a.client, a.reading, c)
		if err := source.Open(ctx); err != nil {
			return fmt.Errorf("streams.%s: %w", name, err)
		}
		s := streams.Stream{
			Name: name, Source: source, Engine: a.engine, Key: c.Stream, Event: c.Event, Workflow: c.Workflow, Data: c.Data, ID: c.ID,
			Idle: a.o.StreamIdle, Logger: a.log, Counters: a.counters,
		}
		a.sweeping.Go(func() { s.Run(read) })
	}
	return nil
}

func streamOf(client, blocking redis.UniversalClient, c config.Stream) *suspend.Stream {
	return suspend.NewStream(client, blocking, suspend.StreamOptions{Key: c.Stream, Group: c.Group, FromEnd: c.From == "end"})
}

// streams looks at the groups of the streams that the configuration names.
func (d *doctor) streams(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(d.o.Config.Streams)) {
		c := d.o.Config.Streams[name]
		st, err := streamOf(d.client, d.client, c).State(ctx)
		if errors.Is(err, flow.ErrUnavailable) {
			return err
		}
		if err != nil {
			d.tell("stream", Failed, name+": "+err.Error(), fmt.Sprintf("let streams.%s.stream name a stream that this process may read", name))
			continue
		}
		d.judgeStream(name, c, st)
	}
	return nil
}

func (d *doctor) judgeStream(name string, c config.Stream, st suspend.StreamState) {
	message := fmt.Sprintf("%s (%s, group %s): %s unread, %d not acknowledged, %d refused", name, c.Stream, c.Group, unread(st.Lag), st.Pending, st.Refused)
	switch {
	case !st.Exists:
		d.tell("stream", Warning, fmt.Sprintf("%s: stream %s has no group %s: nobody reads it", name, c.Stream, c.Group), "start a worker with worker.intake and this configuration, which makes the group")
	case st.Lag > backlogSize:
		d.tell("stream", Warning, message, "start workers with this configuration, or more of them")
	case st.Tries >= stuckTries, st.Pending > backlogSize:
		d.tell("stream", Warning, message+fmt.Sprintf("; an entry was tried %d times", st.Tries), "the logs of the workers say why; often a workflow is not published, or no worker runs")
	case st.Refused > 0:
		d.tell("stream", Warning, message, fmt.Sprintf("XRANGE %s - + shows why; write mended entries anew, then delete that stream", c.Stream+suspend.RefusedSuffix))
	default:
		d.tell("stream", Passed, message, "")
	}
}

func unread(lag int64) string {
	if lag < 0 {
		return "an unknown number"
	}
	return strconv.FormatInt(lag, 10)
}

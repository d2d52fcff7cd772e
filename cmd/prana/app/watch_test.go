package app

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// TestARewindDropsWhatWasRemembered: a definition that Redis lost with its last second is not started from memory, where
// nobody else could go on with it; and it is there again once it is published again.
func TestARewindDropsWhatWasRemembered(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	o.Worker = true
	a := started(t, o)
	w := &flow.Workflow{ID: "short", Nodes: []flow.Node{{Key: "start", Type: "manual.trigger"}}}
	version, _, err := a.Deploy(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	start := func() error {
		_, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "short", Version: version, Input: json.RawMessage(`{}`)})
		return err
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	const beats = "{prana-0}:beats"
	for client.XLen(t.Context(), beats).Val() < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	keys := client.Keys(t.Context(), "{prana-r*}:def*").Val()
	last := client.XRevRangeN(t.Context(), beats, "+", "-", 1).Val()[0].ID
	if _, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Del(t.Context(), append(keys, "prana:partitions")...)
		p.XDel(t.Context(), beats, last)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * watchEvery)
	for err = start(); err == nil && time.Now().Before(deadline); err = start() {
		time.Sleep(50 * time.Millisecond)
	}
	if !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("starting what is gone: %v", err)
	}
	if _, _, err := a.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("starting it after it was published again: %v", err)
	}
	for client.Get(t.Context(), "prana:partitions").Val() != "1" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := client.Get(t.Context(), "prana:partitions").Val(); n != "1" {
		t.Errorf("there are %q partitions", n)
	}
}

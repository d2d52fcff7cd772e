package faults

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// ledger notes what servers acknowledged, and when. FORMAT.md says under which key each of it lies from then on.
type ledger struct {
	mu   sync.Mutex
	acks []ack
}

type ack struct {
	key string
	at  time.Time // when the answer was there
}

func (g *ledger) started(execution string) {
	partition, _ := flow.PartitionOf(execution)
	g.note(fmt.Sprintf("{prana-%d}:x:%s", partition, execution))
}

func (g *ledger) published(eventType, id string) { g.note(eventKey(eventType, id)) }

func eventKey(eventType, id string) string {
	slot := fnv.New32a()
	_, _ = slot.Write([]byte(eventType)) // never fails
	return fmt.Sprintf("{prana-r%d}:e:%s:%s", slot.Sum32()%64, keyDigest(eventType), keyDigest(id))
}

func keyDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

func (g *ledger) note(key string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acks = append(g.acks, ack{key, time.Now()})
}

// missing takes out of the ledger, and gives, what is not there any more of what was acknowledged before; and how much that was.
func (g *ledger) missing(ctx context.Context, raw redis.UniversalClient, before time.Time) (gone []ack, all int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pipe := raw.Pipeline()
	var there []*redis.IntCmd
	for _, a := range g.acks {
		there = append(there, pipe.Exists(ctx, a.key))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, err
	}
	var left []ack
	for i, a := range g.acks {
		if a.at.After(before) {
			left = append(left, a)
			continue
		}
		all++
		if there[i].Val() > 0 {
			left = append(left, a)
		} else {
			gone = append(gone, a)
		}
	}
	g.acks = left
	return gone, all, nil
}

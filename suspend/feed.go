package suspend

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// The feed of a partition is a stream that exists only while somebody reads it, or did so a moment ago. Commits that know of it
// bring what they tell; the script refuses those that do not bring it while there is a feed, so that nothing is missing in it.
const (
	feedKept  = 100_000         // entries of a partition, about
	feedStays = 2 * time.Minute // without a reader
	feedKnown = time.Minute     // how long a process brings what it tells, before it finds out whether that is still wanted
	feedFacts = 16              // of an entry
	feedBatch = 500             // entries that are read at once by who reads for all
	feedPiece = 100             // and by who is slower
	feedWait  = time.Second     // for the next entry
)

// errFeed says that a commit must bring what it tells.
var errFeed = errors.New("somebody reads the feed")

// bringing tells whether the commits of a partition bring what they tell; wanted says that they must, for a while.
func (s *Store) bringing(tag string) bool {
	until, ok := s.feeds.Load(tag)
	return ok && time.Now().Before(until.(time.Time))
}

func (s *Store) wanted(tag string) { s.feeds.Store(tag, time.Now().Add(feedKnown)) }

// feed adds what a change tells.
func (b *script) feed(ch *flow.Change, tag string) error {
	facts := ch.Facts()
	for len(facts) > 0 {
		n := min(feedFacts, len(facts))
		raw, err := flow.Encode(facts[:n])
		if err != nil {
			return err
		}
		b.op("!", feedKey(tag), feedKept, ch.Execution, ch.WorkflowID(), string(ch.Front.Status), []byte(raw))
		facts = facts[n:]
	}
	return nil
}

// openFeedScript makes the feed of a partition unless it exists, lets it stay, and tells its last entry.
//
// KEYS[1] the feed; ARGV[1] ms for which it stays.
// Returns the id of the last entry.
var openFeedScript = redis.NewScript(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = last and last[1] or redis.call('XADD', KEYS[1], '*', 'o', '')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return id`)

// Feed reads what commits tell. It is safe for concurrent use.
type Feed struct {
	store    *Store
	blocking redis.UniversalClient
}

// NewFeed makes a reader. Reads that wait keep a connection of blocking busy, which stays the caller's.
func (s *Store) NewFeed(blocking redis.UniversalClient) *Feed { return &Feed{s, blocking} }

// Partitions is how many feeds there are.
func (f *Feed) Partitions() int { return f.store.partitions }

// Open has everything told that is committed to a partition from then on, for two minutes; call it again before they are over.
// It gives the place of the last entry.
func (f *Feed) Open(ctx context.Context, partition int) (flow.FeedPlace, error) {
	id, err := openFeedScript.Run(ctx, f.store.redis, []string{feedKey(tag(partition))}, feedStays.Milliseconds()).Text()
	if err != nil {
		return flow.FeedPlace{}, trouble("opening the feed", err)
	}
	return flow.ParseFeedPlace(id)
}

// Read gives at most 100 entries, the first of which stands at that place. flow.ErrGone says that none does, so that what
// came after that place is not known either.
func (f *Feed) Read(ctx context.Context, partition int, from flow.FeedPlace) ([]flow.FeedEntry, error) {
	found, err := f.store.redis.XRangeN(ctx, feedKey(tag(partition)), from.String(), "+", feedPiece).Result()
	if err != nil {
		return nil, trouble("reading the feed", err)
	}
	if len(found) == 0 || found[0].ID != from.String() {
		return nil, flow.ErrGone
	}
	return feedEntries(found)
}

// Next waits up to a second for entries after a place, and gives at most 500. flow.ErrGone is as in Read.
func (f *Feed) Next(ctx context.Context, partition int, after flow.FeedPlace) ([]flow.FeedEntry, error) {
	key, at := feedKey(tag(partition)), after.String()
	found, err := f.blocking.XRead(ctx, &redis.XReadArgs{Streams: []string{key, at}, Count: feedBatch, Block: feedWait}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, trouble("waiting for the feed", err)
	}
	still, err := f.store.redis.XRange(ctx, key, at, at).Result() // what stands there now stood there before: nothing was dropped in between
	switch {
	case err != nil:
		return nil, trouble("waiting for the feed", err)
	case len(still) == 0:
		return nil, flow.ErrGone
	case len(found) == 0:
		return nil, nil
	}
	return feedEntries(found[0].Messages)
}

func feedEntries(found []redis.XMessage) ([]flow.FeedEntry, error) {
	entries := make([]flow.FeedEntry, len(found))
	for i, m := range found {
		at, err := flow.ParseFeedPlace(m.ID)
		if err != nil {
			return nil, err
		}
		text := func(name string) string { v, _ := m.Values[name].(string); return v }
		entries[i] = flow.FeedEntry{
			FeedHead: flow.FeedHead{Execution: text("x"), Workflow: text("w"), Status: flow.Status(text("s")), Time: fromMillis(at.Ms)},
			At:       at, Facts: []byte(text("e")),
		}
	}
	return entries, nil
}

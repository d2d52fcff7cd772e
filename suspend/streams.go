package suspend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

const (
	// RefusedSuffix is what the key of the stream of refused entries has after that of the stream.
	RefusedSuffix = ":refused"
	// refusedKept is about how many refused entries are kept.
	refusedKept = 1000
	// refusedWhole is the size in bytes up to which a refused entry is copied with its fields.
	refusedWhole  = 64 << 10
	defaultForget = 5 * time.Minute
)

// Stream is a stream of other services, read as one consumer of a consumer group. Its entries belong to the group until they
// are acknowledged, whoever dies. One goroutine may use it.
type Stream struct {
	redis    redis.UniversalClient
	blocking redis.UniversalClient
	o        StreamOptions
	consumer string
	cursor   string // of the search for entries that others left behind
}

// StreamOptions say which stream is read.
type StreamOptions struct {
	Key, Group string
	// FromEnd lets a group that does not exist yet begin with what is written from then on, instead of all that is there.
	FromEnd bool
	// Forget is after how long without a sign of life a consumer that owes nothing is removed; 0 = 5 minutes.
	Forget time.Duration
}

// NewStream makes a consumer of a random name. Reads that wait keep a connection of blocking busy; both clients stay the
// caller's, and may be the same where that does not matter.
func NewStream(client, blocking redis.UniversalClient, o StreamOptions) *Stream {
	o.Forget = cmp.Or(o.Forget, defaultForget)
	return &Stream{redis: client, blocking: blocking, o: o, consumer: flow.NewToken(), cursor: "0-0"}
}

// Open makes the group, and the stream with it, unless they exist.
func (s *Stream) Open(ctx context.Context) error {
	from := "0"
	if s.o.FromEnd {
		from = "$"
	}
	err := s.redis.XGroupCreateMkStream(ctx, s.o.Key, s.o.Group, from).Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return s.trouble("making group "+s.o.Group, err)
}

// Read gives at most n entries that nobody of the group has seen. It waits for the first for at most that long; 0 = not at all.
func (s *Stream) Read(ctx context.Context, n int, wait time.Duration) ([]flow.StreamEntry, error) {
	if wait == 0 {
		wait = -1
	}
	found, err := s.blocking.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: s.o.Group, Consumer: s.consumer, Streams: []string{s.o.Key, ">"}, Count: int64(n), Block: wait,
	}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case lostGroup(err):
		return nil, s.Open(ctx)
	case err != nil:
		return nil, s.trouble("reading", err)
	}
	var all []flow.StreamEntry
	for _, f := range found {
		all = append(all, entries(f.Messages)...)
	}
	return all, nil
}

// TakeOver gives some entries that somebody of the group, be it this consumer, got that long ago and did not acknowledge. n is how many at most.
// They are this consumer's from then on. more = there may be others; once there are none, consumers that are gone are removed.
func (s *Stream) TakeOver(ctx context.Context, n int, idle time.Duration) (taken []flow.StreamEntry, more bool, err error) {
	found, next, deleted, err := s.redis.XAutoClaimWithDeleted(ctx, &redis.XAutoClaimArgs{
		Stream: s.o.Key, Group: s.o.Group, Consumer: s.consumer, MinIdle: idle, Start: s.cursor, Count: int64(n),
	}).Result()
	switch {
	case lostGroup(err):
		return nil, false, s.Open(ctx)
	case err != nil:
		return nil, false, s.trouble("taking over entries", err)
	}
	taken, s.cursor = entries(found), next
	for _, id := range deleted {
		taken = append(taken, flow.StreamEntry{ID: id})
	}
	if next != "0-0" {
		return taken, true, nil
	}
	return taken, false, s.removeStrangers(ctx)
}

func entries(messages []redis.XMessage) []flow.StreamEntry {
	all := make([]flow.StreamEntry, len(messages))
	for i, m := range messages {
		all[i].ID = m.ID
		if m.Values == nil {
			continue
		}
		all[i].Fields = make(map[string]string, len(m.Values))
		for name, v := range m.Values {
			all[i].Fields[name], _ = v.(string)
		}
	}
	return all
}

// lostGroup tells whether somebody removed the stream or its group.
func lostGroup(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOGROUP") }

// Ack ends the group's care for entries. They stay in the stream, which is its writers'.
func (s *Stream) Ack(ctx context.Context, ids ...string) error {
	return s.trouble("acknowledging", s.redis.XAck(ctx, s.o.Key, s.o.Group, ids...).Err())
}

// Refuse copies an entry to the stream of refused ones, with the reason. It does not acknowledge it, so a crash in between copies it twice.
// Of one beyond 64 KiB only the reason and the id are kept, by which the entry is found in its own stream.
func (s *Stream) Refuse(ctx context.Context, e flow.StreamEntry, reason string) error {
	values := []string{"prana:entry", e.ID, "prana:reason", flow.Cut(reason, 1024)}
	if size(e) <= refusedWhole {
		for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
			values = append(values, name, e.Fields[name])
		}
	}
	err := s.redis.XAdd(ctx, &redis.XAddArgs{Stream: s.o.Key + RefusedSuffix, MaxLen: refusedKept, Approx: true, Values: values}).Err()
	return s.trouble("refusing entry "+e.ID, err)
}

func size(e flow.StreamEntry) int {
	n := 0
	for name, value := range e.Fields {
		n += len(name) + len(value)
	}
	return n
}

// removeScript removes a consumer, unless entries are pending for it: these would be lost with it.
//
// KEYS[1] the stream; ARGV[1] group, ARGV[2] consumer.
var removeScript = redis.NewScript(`
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then
  return 0
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1`)

// Leave removes the consumer, unless it still owes something, which others take over.
func (s *Stream) Leave(ctx context.Context) error { return s.remove(ctx, s.consumer) }

func (s *Stream) remove(ctx context.Context, consumer string) error {
	err := removeScript.Run(ctx, s.redis, []string{s.o.Key}, s.o.Group, consumer).Err()
	if lostGroup(err) {
		return nil
	}
	return s.trouble("removing consumer "+consumer, err)
}

// removeStrangers removes consumers whose processes are gone. One that only slept is made again by its next read.
func (s *Stream) removeStrangers(ctx context.Context) error {
	all, err := s.redis.XInfoConsumers(ctx, s.o.Key, s.o.Group).Result()
	if err != nil {
		return s.trouble("listing consumers", err)
	}
	for _, c := range all {
		if c.Name == s.consumer || c.Pending > 0 || c.Idle < s.o.Forget {
			continue
		}
		if err := s.remove(ctx, c.Name); err != nil {
			return err
		}
	}
	return nil
}

// StreamState is where a group stands.
type StreamState struct {
	Exists  bool  // the group does
	Lag     int64 // entries that nobody has seen; -1 = Redis cannot tell
	Pending int64 // entries that were handed out and not acknowledged
	Tries   int64 // how often the most unlucky of the first hundred of these was handed out
	Refused int64 // copies in the stream of refused entries
}

// State looks at the group without changing anything.
func (s *Stream) State(ctx context.Context) (StreamState, error) {
	var st StreamState
	groups, err := s.redis.XInfoGroups(ctx, s.o.Key).Result()
	if err != nil && !strings.Contains(err.Error(), "no such key") {
		return st, s.trouble("looking at the groups", err)
	}
	for _, g := range groups {
		if g.Name == s.o.Group {
			st.Exists, st.Pending, st.Lag = true, g.Pending, g.Lag
		}
	}
	if st.Refused, err = s.redis.XLen(ctx, s.o.Key+RefusedSuffix).Result(); err != nil {
		return st, s.trouble("counting refused entries", err)
	}
	if st.Pending > 0 {
		st.Tries, err = s.tries(ctx)
	}
	return st, err
}

func (s *Stream) tries(ctx context.Context) (most int64, err error) {
	first, err := s.redis.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: s.o.Key, Group: s.o.Group, Start: "-", End: "+", Count: 100}).Result()
	for _, p := range first {
		most = max(most, p.RetryCount)
	}
	return most, s.trouble("looking at pending entries", err)
}

func (s *Stream) trouble(doing string, err error) error {
	return trouble(fmt.Sprintf("stream %s: %s", s.o.Key, doing), err)
}

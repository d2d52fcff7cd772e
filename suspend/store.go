// Package suspend remembers: between two tasks an execution exists only as its
// snapshot in Redis. All keys and all Lua of Prana are here; FORMAT.md describes
// what is stored. Nothing else in the product sends a command to Redis but asynq.
package suspend

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Encoder gives a dispatch the form of a task: the bytes and keys that a commit
// writes unread. The same dispatch always gives the same.
type Encoder interface {
	Encode(d flow.Dispatch) (flow.Task, error)
	// Locate is Encode without the Message.
	Locate(d flow.Dispatch) (flow.Task, error)
}

// Store keeps executions in Redis. It implements engine.Store and
// engine.Queries, and is safe for concurrent use.
type Store struct {
	redis      redis.UniversalClient
	encoder    Encoder
	partitions int
	keptEvents int
	format     int
	groups     groups
	workflows  sync.Map // "id@version" -> *flow.Workflow; they never change
	feeds      sync.Map // hash tag -> time.Time until which commits bring what they tell
	rewritten  sync.Map // run id of a server -> rewritten
}

// Options configure a Store. Zero fields mean the defaults named here.
type Options struct {
	Partitions int // 1
	KeptEvents int // how many events of one type are kept at most; 100,000
	Format     int // in which it is written, until Identify finds what the store has; the newest
}

// New makes a store on a client. It does not close the client.
func New(client redis.UniversalClient, encoder Encoder, o Options) *Store {
	return &Store{
		redis: client, groups: groups{redis: client}, encoder: encoder,
		partitions: max(1, o.Partitions), keptEvents: cmp.Or(o.KeptEvents, 100_000), format: cmp.Or(o.Format, NewestFormat),
	}
}

//go:embed lua/commit.lua
var commitLua string

//go:embed lua/load.lua
var loadLua string

//go:embed lua/due.lua
var dueLua string

//go:embed lua/due_load.lua
var dueLoadLua string

//go:embed lua/settle.lua
var settleLua string

//go:embed lua/task.lua
var taskLua string

//go:embed lua/renew.lua
var renewLua string

//go:embed lua/event_record.lua
var eventRecordLua string

//go:embed lua/event.lua
var eventLua string

//go:embed lua/event_offer.lua
var eventOfferLua string

//go:embed lua/event_finish.lua
var eventFinishLua string

//go:embed lua/event_kept.lua
var eventKeptLua string

//go:embed lua/event_index.lua
var eventIndexLua string

//go:embed lua/page.lua
var pageLua string

//go:embed lua/place.lua
var placeLua string

//go:embed lua/place_acquire.lua
var placeAcquireLua string

//go:embed lua/place_release.lua
var placeReleaseLua string

// The scripts. Each is sent whole once for each server and by its digest afterwards.
var (
	commitScript      = redis.NewScript(commitLua)
	loadScript        = redis.NewScript(loadLua)
	dueScript         = redis.NewScript(dueLua)
	dueLoadScript     = redis.NewScript(dueLoadLua)
	settleScript      = redis.NewScript(settleLua)
	taskScript        = redis.NewScript(taskLua)
	renewScript       = redis.NewScript(renewLua)
	eventRecordScript = redis.NewScript(eventRecordLua)
	eventOfferScript  = redis.NewScript(eventLua + eventOfferLua)
	eventFinishScript = redis.NewScript(eventLua + eventFinishLua)
	eventKeptScript   = redis.NewScript(eventKeptLua)
	eventIndexScript  = redis.NewScript(eventIndexLua)
	pageScript        = redis.NewScript(pageLua)
	acquireScript     = redis.NewScript(placeLua + placeAcquireLua)
	releaseScript     = redis.NewScript(placeLua + placeReleaseLua)
)

// partitionsKey holds how many partitions the store was ever used with.
const partitionsKey = "prana:partitions"

// growScript raises the number of partitions and gives what stands.
//
// KEYS[1] the number; ARGV[1] the number that is wanted at least.
var growScript = redis.NewScript(`
local seen = tonumber(redis.call('GET', KEYS[1]) or '0')
if seen >= tonumber(ARGV[1]) then
  return seen
end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(ARGV[1])`)

// Grow tells how many partitions exist: n, or more when the store was ever used
// with more. Those must still be served and swept, whatever is configured now.
// The store lists all of them from then on; call it before anything else.
func (s *Store) Grow(ctx context.Context, n int) (int, error) {
	all, err := growScript.Run(ctx, s.redis, []string{partitionsKey}, max(1, n)).Int()
	if err != nil {
		return 0, trouble("counting the partitions", err)
	}
	s.partitions = all
	return all, nil
}

// Ping tells whether Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	return trouble("pinging Redis", s.redis.Ping(ctx).Err())
}

// trouble tells errors of the medium from those that trying again cannot mend.
func trouble(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case refuses(err):
		return fmt.Errorf("%s: %w", doing, flow.Problemf(flow.ErrUnavailable.Code, "Redis cannot be written to now: %v", err))
	case away(err):
		return fmt.Errorf("%s: %w (%w)", doing, flow.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// refuses tells whether Redis answers, but takes no writes for now.
func refuses(err error) bool {
	for _, word := range []string{"OOM ", "LOADING ", "READONLY ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN ", "NOREPLICAS ", "MISCONF ", "BUSY "} {
		if strings.Contains(err.Error(), word) {
			return true
		}
	}
	return false
}

// away tells whether Redis cannot be reached.
func away(err error) bool {
	var n net.Error
	if errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, net.ErrClosed) {
		return true
	}
	return strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "no such file or directory")
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

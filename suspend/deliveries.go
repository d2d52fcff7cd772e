package suspend

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Bounds of what is kept of the deliveries of a hook.
const (
	deliveriesKept = 100 // of each list
	deliveriesFor  = 7 * 24 * time.Hour
)

// storedDelivery is a delivery as JSON; id and time are those of its entry, and its body stands beside it.
type storedDelivery struct {
	Hook       string            `json:"h"`
	Outcome    string            `json:"o"`
	Code       string            `json:"c,omitempty"`
	Reason     string            `json:"r,omitempty"`
	Key        string            `json:"k,omitempty"`
	Repeated   bool              `json:"a,omitempty"`
	ReplayOf   string            `json:"p,omitempty"`
	Count      int               `json:"n,omitempty"`
	Executions []string          `json:"x,omitempty"`
	Buffered   bool              `json:"b,omitempty"`
	Source     string            `json:"f,omitempty"`
	Size       int64             `json:"l,omitempty"`
	Digest     string            `json:"d,omitempty"`
	Signed     bool              `json:"s,omitempty"`
	Headers    map[string]string `json:"e,omitempty"`
	Query      map[string]any    `json:"q,omitempty"`
}

// noteScript adds an entry to a stream, and takes from it what is too much or too old.
//
// KEYS[1] the stream; ARGV[1] JSON, ARGV[2] body, ARGV[3] how many entries are kept, ARGV[4] for how many ms.
var noteScript = redis.NewScript(`
local id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', 'd', ARGV[1], 'b', ARGV[2])
local from = tonumber(string.match(id, '^%d+')) - tonumber(ARGV[4])
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', from))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return id`)

// NoteDelivery keeps a delivery among the last of its hook: refused ones apart, so that they push out no others. Its
// body is kept only if it was signed.
func (s *Store) NoteDelivery(ctx context.Context, d flow.Delivery) error {
	raw, err := flow.Encode(storedDelivery{
		Hook: d.Hook, Outcome: d.Outcome, Code: d.Code, Reason: d.Reason, Key: d.Key, Repeated: d.Repeated, ReplayOf: d.ReplayOf,
		Count: d.Count, Executions: d.Executions, Buffered: d.Buffered, Source: d.Source, Size: d.Size, Digest: d.Digest,
		Signed: d.Signed, Headers: d.Headers, Query: d.Query,
	})
	if err != nil {
		return fmt.Errorf("noting a delivery to hook %s: %w", d.Hook, err)
	}
	if !d.Signed {
		d.Body = ""
	}
	key := deliveriesKey(d.Hook, d.Outcome == flow.DeliveryRefused)
	err = noteScript.Run(ctx, s.redis, []string{key}, []byte(raw), d.Body, deliveriesKept, deliveriesFor.Milliseconds()).Err()
	return trouble("noting a delivery to hook "+d.Hook, err)
}

// Deliveries lists the last deliveries of a hook, without their bodies.
func (s *Store) Deliveries(ctx context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error) {
	limit, before := limitOf(f.Limit), "+"
	if f.Cursor != "" {
		if !entryID.MatchString(f.Cursor) {
			return flow.Page[flow.Delivery]{}, flow.Problemf(flow.ErrInvalid.Code, "%q is not a cursor of this list", flow.Cut(f.Cursor, 40))
		}
		before = "(" + f.Cursor
	}
	entries, err := s.redis.XRevRangeN(ctx, deliveriesKey(f.Hook, f.Refused), before, "-", int64(limit)+1).Result()
	if err != nil {
		return flow.Page[flow.Delivery]{}, trouble("listing the deliveries of hook "+f.Hook, err)
	}
	page := flow.Page[flow.Delivery]{Items: []flow.Delivery{}}
	if len(entries) > limit {
		entries = entries[:limit]
		page.Cursor = entries[limit-1].ID
	}
	for _, e := range entries {
		d, err := delivery(e, f.Refused)
		if err != nil {
			return page, err
		}
		d.Body = ""
		page.Items = append(page.Items, d)
	}
	return page, nil
}

// entryID is what Redis calls an entry of a stream; an id of a delivery begins with a letter for its list.
var entryID = regexp.MustCompile(`^[1-9][0-9]{0,19}-(0|[1-9][0-9]{0,19})$`)

// Lists in the ids of deliveries.
const (
	inAccepted = "a"
	inRefused  = "r"
)

// Delivery gives one delivery with its body.
func (s *Store) Delivery(ctx context.Context, hook, id string) (flow.Delivery, error) {
	entry, refused := strings.CutPrefix(id, inRefused)
	if !refused {
		entry, _ = strings.CutPrefix(id, inAccepted)
	}
	if entry == id || !entryID.MatchString(entry) {
		return flow.Delivery{}, flow.NotFound("delivery", flow.Cut(id, 64))
	}
	entries, err := s.redis.XRange(ctx, deliveriesKey(hook, refused), entry, entry).Result()
	if err != nil {
		return flow.Delivery{}, trouble("reading a delivery to hook "+hook, err)
	}
	if len(entries) == 0 {
		return flow.Delivery{}, flow.NotFound("delivery", id)
	}
	return delivery(entries[0], refused)
}

func delivery(e redis.XMessage, refused bool) (flow.Delivery, error) {
	raw, _ := e.Values["d"].(string)
	body, _ := e.Values["b"].(string)
	var d storedDelivery
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		return flow.Delivery{}, fmt.Errorf("reading the delivery %s: %w", e.ID, err)
	}
	ms, _, _ := strings.Cut(e.ID, "-")
	at, _ := strconv.ParseInt(ms, 10, 64)
	list := inAccepted
	if refused {
		list = inRefused
	}
	return flow.Delivery{
		ID: list + e.ID, Hook: d.Hook, At: fromMillis(at), Outcome: d.Outcome, Code: d.Code, Reason: d.Reason, Key: d.Key,
		Repeated: d.Repeated, ReplayOf: d.ReplayOf, Count: d.Count, Executions: append([]string{}, d.Executions...), Buffered: d.Buffered,
		Source: d.Source, Size: d.Size, Digest: d.Digest, Signed: d.Signed, Headers: d.Headers, Query: d.Query, Body: body,
	}, nil
}

// CountDeliveries tells how many deliveries of each hook are kept, in the order of the names.
func (s *Store) CountDeliveries(ctx context.Context, hooks []string) ([]flow.DeliveryCounts, error) {
	p := s.redis.Pipeline()
	lengths := make([][2]*redis.IntCmd, len(hooks))
	for i, hook := range hooks {
		lengths[i] = [2]*redis.IntCmd{p.XLen(ctx, deliveriesKey(hook, false)), p.XLen(ctx, deliveriesKey(hook, true))}
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("counting deliveries", err)
	}
	counts := make([]flow.DeliveryCounts, len(hooks))
	for i, n := range lengths {
		counts[i] = flow.DeliveryCounts{Accepted: int(n[0].Val()), Refused: int(n[1].Val())}
	}
	return counts, nil
}

package suspend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// A definition is a hash with the fields "latest" (version), "v:<version>" (the
// canonical JSON) and "t:<version>" (when it was published, in ms).

// putScript stores a version, and makes it and its schedule the newest.
//
// KEYS[1] the definition, KEYS[2] the ids of the slot, KEYS[3] its schedule, KEYS[4] the schedules of the slot
// ARGV[1] id, ARGV[2] version, ARGV[3] JSON, ARGV[4] pattern (empty: no schedule), ARGV[5] time zone, ARGV[6] misfire
// Returns 1 if it is new, 0 if it was there, -1 if other content has this version.
var putScript = redis.NewScript(`
local seen = redis.call('HGET', KEYS[1], 'v:' .. ARGV[2])
if seen and seen ~= ARGV[3] then
  return -1
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'latest', ARGV[2])
local old = redis.call('HMGET', KEYS[3], 'pattern', 'timezone')
if ARGV[4] == '' then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[4], ARGV[1])
elseif old[1] == ARGV[4] and old[2] == ARGV[5] then
  redis.call('HSET', KEYS[3], 'version', ARGV[2], 'misfire', ARGV[6])
else
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[3], 'version', ARGV[2], 'pattern', ARGV[4], 'timezone', ARGV[5], 'misfire', ARGV[6], 'after', now)
  redis.call('ZADD', KEYS[4], now, ARGV[1])
end
if seen then
  return 0
end
redis.call('HSET', KEYS[1], 'v:' .. ARGV[2], ARGV[3], 't:' .. ARGV[2], now)
redis.call('SADD', KEYS[2], ARGV[1])
return 1`)

// PutWorkflow stores a version and makes it the newest.
func (s *Store) PutWorkflow(ctx context.Context, w *flow.Workflow, version string) (bool, error) {
	raw, err := flow.Encode(w)
	if err != nil {
		return false, fmt.Errorf("storing workflow %s: %w", w.ID, err)
	}
	slot := rendezvous(w.ID)
	keys := []string{definitionKey(w.ID), slot + "defs", scheduleKey(w.ID), schedulesKey(slot)}
	c, _ := w.Schedule()
	n, err := putScript.Run(ctx, s.redis, keys, w.ID, version, []byte(raw), c.Pattern, c.Timezone, string(c.Misfire)).Int()
	if err != nil {
		return false, trouble("storing workflow "+w.ID, err)
	}
	if n < 0 {
		return false, flow.Problemf(flow.ErrConflict.Code, "workflow %s has another content as version %s; change it a little and publish it again", w.ID, version)
	}
	return n == 1, nil
}

// Workflow reads a version; "" is the newest.
func (s *Store) Workflow(ctx context.Context, id, version string) (*flow.Workflow, string, error) {
	if w, ok := s.workflows.Load(id + "@" + version); ok {
		return w.(*flow.Workflow), version, nil
	}
	if !flow.ValidWorkflowID(id) {
		return nil, "", flow.NotFound("workflow", flow.Cut(id, 64))
	}
	version, raw, err := s.definition(ctx, id, version)
	if err != nil {
		return nil, "", err
	}
	if w, ok := s.workflows.Load(id + "@" + version); ok {
		return w.(*flow.Workflow), version, nil
	}
	w := &flow.Workflow{}
	if err := decodeWorkflow(raw, w); err != nil {
		return nil, "", fmt.Errorf("reading workflow %s version %s: %w", id, version, err)
	}
	s.workflows.Store(id+"@"+version, w)
	return w, version, nil
}

func (s *Store) definition(ctx context.Context, id, version string) (string, string, error) {
	key := definitionKey(id)
	var err error
	if version == "" {
		version, err = s.redis.HGet(ctx, key, "latest").Result()
	}
	var raw string
	if err == nil {
		raw, err = s.redis.HGet(ctx, key, "v:"+version).Result()
	}
	if errors.Is(err, redis.Nil) {
		return "", "", flow.NotFound("workflow", strings.TrimSuffix(id+"@"+flow.Cut(version, 40), "@"))
	}
	return version, raw, trouble("reading workflow "+id, err)
}

// decodeWorkflow reads the canonical JSON, keeping numbers as they are written.
func decodeWorkflow(raw string, w *flow.Workflow) error {
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(w); err != nil {
		return err
	}
	_, err := flow.Plain(w.Variables)
	output, err2 := flow.Plain(w.Output)
	w.Output = output
	err = errors.Join(err, err2)
	for i := range w.Nodes {
		_, err1 := flow.Plain(w.Nodes[i].Params)
		_, err2 := flow.Plain(w.Nodes[i].Metadata)
		err = errors.Join(err, err1, err2)
	}
	return err
}

// Workflows lists the newest versions of all workflows, by id.
func (s *Store) Workflows(ctx context.Context) ([]flow.WorkflowInfo, error) {
	p := s.redis.Pipeline()
	sets := make([]*redis.StringSliceCmd, rendezvousSlots)
	for i := range sets {
		sets[i] = p.SMembers(ctx, definitionsKey(i))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("listing workflows", err)
	}
	all := []flow.WorkflowInfo{}
	for _, set := range sets {
		for _, id := range set.Val() {
			versions, err := s.Versions(ctx, id)
			if err != nil {
				return nil, err
			}
			all = append(all, versions[0])
		}
	}
	slices.SortFunc(all, func(a, b flow.WorkflowInfo) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Versions lists the versions of a workflow: the newest in force first, then by age.
func (s *Store) Versions(ctx context.Context, id string) ([]flow.WorkflowInfo, error) {
	if !flow.ValidWorkflowID(id) {
		return nil, flow.NotFound("workflow", flow.Cut(id, 64))
	}
	fields, err := s.redis.HGetAll(ctx, definitionKey(id)).Result()
	if err != nil {
		return nil, trouble("listing the versions of workflow "+id, err)
	}
	if len(fields) == 0 {
		return nil, flow.NotFound("workflow", id)
	}
	all := versionsOf(id, fields)
	latest := fields["latest"]
	slices.SortFunc(all, func(a, b flow.WorkflowInfo) int {
		if (a.Version == latest) != (b.Version == latest) {
			if a.Version == latest {
				return -1
			}
			return 1
		}
		return b.CreatedAt.Compare(a.CreatedAt)
	})
	return all, nil
}

func versionsOf(id string, fields map[string]string) []flow.WorkflowInfo {
	var all []flow.WorkflowInfo
	for name, raw := range fields {
		version, ok := strings.CutPrefix(name, "v:")
		if !ok {
			continue
		}
		var w struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal([]byte(raw), &w) // a name that cannot be read is none
		ms, _ := strconv.ParseInt(fields["t:"+version], 10, 64)
		all = append(all, flow.WorkflowInfo{ID: id, Name: w.Name, Version: version, CreatedAt: fromMillis(ms)})
	}
	for i := range all {
		all[i].Versions = len(all)
	}
	return all
}

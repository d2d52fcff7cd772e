package suspend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Server is what one Redis server tells about itself. Nothing in it is judged.
type Server struct {
	Addr    string
	Name    string // "redis", "valkey", or "memory" for one that tells nothing of itself
	Version string // such as "7.0.15"; empty = not told
	// Settings are what it runs with; those that are not told are missing: maxmemory-policy, appendonly, appendfsync,
	// save, min-replicas-to-write.
	Settings map[string]string
	// Forbidden is why CONFIG GET was refused; nil = it was not.
	Forbidden         error
	Used, Max         int64 // bytes; Max 0 = no bound
	Replicas          int
	LastSaveOK, AOFOK bool
	Ahead             time.Duration // its clock before ours; negative = behind
	Uncertain         time.Duration // Ahead is exact to this
}

// watched are the settings that matter to us.
var watched = []string{"maxmemory-policy", "appendonly", "appendfsync", "save", "min-replicas-to-write"}

// Servers examines every server that holds our data: one, or the masters of a cluster.
func (s *Store) Servers(ctx context.Context) ([]Server, error) {
	cluster, ok := s.redis.(*redis.ClusterClient)
	if !ok {
		one, err := examine(ctx, s.redis, "")
		return []Server{one}, err
	}
	var all []Server
	var mu sync.Mutex
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		one, err := examine(ctx, c, c.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, one)
		return err
	})
	return all, err
}

// NoEviction is the only setting of maxmemory-policy with which Redis keeps what it was given.
const NoEviction = "noeviction"

// Ready tells whether Redis answers and can be trusted: one that may delete executions when memory is short cannot. One that
// does not tell can.
func (s *Store) Ready(ctx context.Context) error {
	cluster, ok := s.redis.(*redis.ClusterClient)
	if !ok {
		return ready(ctx, s.redis)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return ready(ctx, c) })
}

func ready(ctx context.Context, c redis.Cmdable) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return trouble("pinging Redis", err)
	}
	raw, err := c.Info(ctx, "memory").Result()
	if err != nil {
		return nil //nolint:nilerr // it answers, but does not tell
	}
	if policy := info(raw)["maxmemory_policy"]; policy != "" && policy != NoEviction {
		return flow.Problemf(flow.ErrUnavailable.Code, "maxmemory-policy of Redis is %s: when memory is short, it deletes executions; set it to %s", policy, NoEviction)
	}
	return nil
}

func examine(ctx context.Context, c redis.Cmdable, addr string) (Server, error) {
	v := Server{Addr: addr, Settings: map[string]string{}}
	raw, err := c.Info(ctx).Result()
	if err != nil {
		return v, trouble("asking Redis about itself", err)
	}
	v.tell(info(raw))
	for _, name := range watched {
		found, err := c.ConfigGet(ctx, name).Result()
		if err != nil {
			v.Forbidden = err
			break
		}
		maps.Copy(v.Settings, found)
	}
	v.Ahead, v.Uncertain, err = skew(ctx, c)
	return v, err
}

// info reads the answer of INFO.
func info(raw string) map[string]string {
	m := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(raw)); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":"); ok {
			m[name] = value
		}
	}
	return m
}

// tell takes what INFO says. It is seldom forbidden, and names most settings as well.
func (v *Server) tell(m map[string]string) {
	v.Name, v.Version = "redis", m["redis_version"]
	if valkey := m["valkey_version"]; valkey != "" {
		v.Name, v.Version = "valkey", valkey
	}
	if v.Version == "" {
		v.Name = "memory"
	}
	if p := m["maxmemory_policy"]; p != "" {
		v.Settings["maxmemory-policy"] = p
	}
	if aof := m["aof_enabled"]; aof != "" {
		v.Settings["appendonly"] = map[string]string{"0": "no", "1": "yes"}[aof]
	}
	v.Used, v.Max = number(m["used_memory"]), number(m["maxmemory"])
	v.Replicas = int(number(m["connected_slaves"]))
	v.LastSaveOK = m["rdb_last_bgsave_status"] != "err"
	v.AOFOK = m["aof_last_write_status"] != "err" && m["aof_last_bgrewrite_status"] != "err"
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what is not told is 0
	return n
}

// skew compares the clocks, and trusts the quickest of several answers.
func skew(ctx context.Context, c redis.Cmdable) (ahead, uncertain time.Duration, err error) {
	for i := range 5 {
		began := time.Now()
		now, err := c.Time(ctx).Result()
		if err != nil {
			return 0, 0, trouble("comparing the clocks", err)
		}
		took := time.Since(began)
		if i == 0 || took/2 < uncertain {
			ahead, uncertain = now.Sub(began.Add(took/2)), took/2
		}
	}
	return ahead, uncertain, nil
}

// String names the server in messages.
func (v Server) String() string {
	where := ""
	if v.Addr != "" {
		where = " at " + v.Addr
	}
	if v.Version == "" {
		return "the Redis in memory" + where
	}
	return fmt.Sprintf("%s %s%s", v.Name, v.Version, where)
}

// Partitions tells how many partitions exist, without adding any.
func (s *Store) Partitions(ctx context.Context) (int, error) {
	n, err := s.redis.Get(ctx, partitionsKey).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, trouble("counting the partitions", err)
	}
	return max(n, s.partitions), nil
}

package suspend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Every process that works on the store adds a beat to each partition now and then. Who does not find again the beat that it
// saw last knows that the partition went back, wherever its clock stands.
const (
	beatsKept    = 128              // of a partition
	beatsApart   = time.Second      // beats of several processes together
	beatsKnown   = 32               // of a partition, to each process
	rewindAtMost = 15 * time.Second // replicas may lag 10 s by default; it is measured in steps of the watch
)

// ErrRewound says that the store is older than a crash of Redis or a failover explains.
var ErrRewound = errors.New("this Redis went back in time")

// Rewind is what came of looking for the last beat of a partition in vain.
type Rewind struct {
	Partition int
	To        time.Time     // of the last beat that it still holds; zero = it holds none
	From      time.Time     // of the last beat that this process had seen
	Lost      time.Duration // at least, by the clock of this process
	Emptied   bool          // nothing is left of the partition
}

// far tells whether it is more than a crash or a failover explains. When nothing but the beats is gone, somebody deleted them.
func (r Rewind) far() bool { return r.Lost > rewindAtMost && (!r.To.IsZero() || r.Emptied) }

func (r Rewind) String() string {
	at := "it stands where it stood at " + r.To.Format(beatFormat)
	if r.To.IsZero() {
		at = "its beats are gone"
	}
	if r.Emptied {
		at = "nothing is left of it"
	}
	return fmt.Sprintf("partition %d had been seen at %s, and %s; at least %s of it are lost", r.Partition, r.From.Format(beatFormat), at, r.Lost.Round(time.Millisecond))
}

// beatScript looks for the last beat that was seen, and adds one if it is time.
//
// KEYS[1] the beats, KEYS[2] and KEYS[3] what a partition that has executions has, by its format; ARGV[1] the beat seen last ("" = none),
// ARGV[2] how many are kept, ARGV[3] ms between two.
// Returns {last beat}; or, with nothing written, when the one that was seen is gone:
// {"", the last before it ("" = none), 0 if there is neither of KEYS[2] and KEYS[3]}.
var beatScript = redis.NewScript(`
local seen, kept = ARGV[1], tonumber(ARGV[2])
if seen ~= '' and #redis.call('XRANGE', KEYS[1], seen, seen) == 0 then
  local before = redis.call('XREVRANGE', KEYS[1], '(' .. seen, '-', 'COUNT', 1)[1]
  if before or redis.call('XLEN', KEYS[1]) < kept then
    return {'', before and before[1] or '', redis.call('EXISTS', KEYS[2], KEYS[3])}
  end -- else so many came since that it was dropped
end
local time = redis.call('TIME')
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then
  local age = time[1] * 1000 + math.floor(time[2] / 1000) - string.match(last[1], '^%d+')
  if age >= 0 and age < tonumber(ARGV[3]) then
    return {last[1]}
  end
end
return {redis.call('XADD', KEYS[1], 'MAXLEN', kept, '*', 'b', '')}`)

// pulse is what a process knows of the beats of a partition, the last one last.
type pulse []beat

type beat struct {
	id string
	at time.Time // when it was seen first, by our clock, which nobody sets
}

func (p pulse) last() beat {
	if len(p) == 0 {
		return beat{}
	}
	return p[len(p)-1]
}

// and notes a beat.
func (p pulse) and(id string) pulse {
	if p.last().id == id {
		return p
	}
	return append(p[max(0, len(p)+1-beatsKnown):], beat{id, time.Now()})
}

// lost is the time from the first beat after the one that still stands to the last.
func (p pulse) lost(still string) time.Duration {
	for _, b := range p {
		if still == "" || after(b.id, still) {
			return p.last().at.Sub(b.at)
		}
	}
	return 0
}

// after compares ids of streams.
func after(a, b string) bool {
	ams, aseq := streamID(a)
	bms, bseq := streamID(b)
	return ams > bms || ams == bms && aseq > bseq
}

func streamID(id string) (ms, seq int64) {
	first, second, _ := strings.Cut(id, "-")
	return number(first), number(second)
}

// beatTime is when a beat was, by the clock of Redis; zero = there is none.
func beatTime(id string) time.Time {
	if id == "" {
		return time.Time{}
	}
	ms, _ := streamID(id)
	return fromMillis(ms)
}

const beatFormat = "2006-01-02T15:04:05.000Z07:00"

// beat looks at all partitions in one trip, and gives those that went back. A partition that does not answer is left out.
func (s *Store) beat(ctx context.Context, pulses []pulse) []Rewind {
	pipe := s.redis.Pipeline()
	cmds := make([]*redis.Cmd, len(pulses))
	run := func(i int, how func(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd, c redis.Scripter) *redis.Cmd {
		t := tag(i)
		return how(ctx, c, []string{beatsKey(t), allKey(t), workflowsKey(t)}, pulses[i].last().id, beatsKept, beatsApart.Milliseconds())
	}
	for i := range pulses {
		cmds[i] = run(i, beatScript.EvalSha, pipe)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	var back []Rewind
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = run(i, beatScript.Run, s.redis)
		}
		if answer, err := cmd.Slice(); err == nil {
			back = append(back, pulses[i].answered(i, answer)...)
		}
	}
	return back
}

// answered takes what the script answered for a partition.
func (p *pulse) answered(partition int, answer []any) []Rewind {
	if id, _ := answer[0].(string); id != "" {
		*p = p.and(id)
		return nil
	}
	still, _ := answer[1].(string)
	r := Rewind{Partition: partition, To: beatTime(still), From: beatTime(p.last().id), Lost: p.lost(still), Emptied: still == "" && answer[2] == int64(0)}
	*p = nil // what stands now is the beginning
	return []Rewind{r}
}

// Rewound drops what was remembered of a store that went back, and says again what must stand there.
func (s *Store) Rewound(ctx context.Context) error {
	s.workflows.Clear()
	return trouble("counting the partitions", growScript.Run(ctx, s.redis, []string{partitionsKey}, s.partitions).Err())
}

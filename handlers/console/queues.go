package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const queuesPath = "/queues"

// queuesPolicy allows what the scripts of asynqmon need. Its fonts come from
// elsewhere and are refused: the page looks plainer, and tells nobody.
const queuesPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// connect is an asynq.RedisConnOpt. Asynqmon asks it twice and closes both
// clients, so each answer is a client of its own.
type connect func() redis.UniversalClient

// MakeRedisClient makes a new client.
func (c connect) MakeRedisClient() any { return c() }

func newQueues(c Config) *asynqmon.HTTPHandler {
	format := c.Format
	if format == nil {
		format = FormatPayload
	}
	return asynqmon.New(asynqmon.Options{
		RootPath:         queuesPath,
		RedisConnOpt:     connect(c.Redis),
		PayloadFormatter: asynqmon.PayloadFormatterFunc(format),
		ReadOnly:         !c.Writable,
	})
}

func underQueues(path string) bool {
	return path == queuesPath || strings.HasPrefix(path, queuesPath+"/")
}

// serveQueues is read-only by itself too: asynqmon checks only what is below its API.
func (c *Console) serveQueues(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), queuesPolicy)
	if !c.Writable && r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		wire.ProblemOf(flow.Problemf("method_not_allowed", "the queues can only be read here")).Write(w)
		return
	}
	c.queues.ServeHTTP(w, r)
}

// FormatPayload shows a payload, after the id of the execution that it names.
func FormatPayload(_ string, payload []byte) string {
	if !utf8.Valid(payload) {
		return "(not text)"
	}
	var value any
	if json.Unmarshal(payload, &value) != nil {
		return string(payload)
	}
	if id := executionIn(value); id != "" {
		return "execution " + id + " · " + string(payload)
	}
	return string(payload)
}

// executionIn finds the id of an execution among the members of a payload,
// whatever the member is called. Compound ids begin with it.
func executionIn(value any) string {
	members, _ := value.(map[string]any)
	var found []string
	for _, v := range members {
		s, _ := v.(string)
		id, _, _ := strings.Cut(s, ":")
		if _, ok := flow.PartitionOf(id); ok {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

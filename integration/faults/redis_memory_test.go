package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/faults/fleet"
	"prana/suspend"
)

// short has one step.
const short = `
id: short
nodes: [{key: start, type: manual.trigger}]
`

// TestRedisMemoryFull fills the memory of Redis under load: everything that it refuses it refuses whole, senders are told to come
// again, and work goes on by itself once there is room: because more was given, and because finished executions were purged.
func TestRedisMemoryFull(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 1, Partitions: 2})
	f.Partner.Slow = 100 * time.Millisecond
	rounds := p.size(3, 30)
	l := p.load(f, loadOptions{Executions: p.size(60, 1500), Programs: p.size(20, 100), Over: time.Duration(rounds) * 5 * time.Second})
	r := p.resumes(f, false)
	if err := f.Deploy(p.Context(), short); err != nil {
		t.Fatal(err)
	}
	m := &fullMemory{part: p, fleet: f}
	living, audited := 0, suspend.Audited{}
	for round := range rounds {
		rest(p.Context(), 2*time.Second)
		if all, err := l.living(); err != nil {
			t.Fatal(err)
		} else if len(all) > 0 {
			living++
		}
		m.fill(100 - int64(round%3)) // from the edge, where some writes pass, to well beyond
		m.ask(3 * time.Second)
		if err := f.Audit(p.Context(), &audited); err != nil {
			t.Fatal(err)
		}
		p.set(f, "maxmemory", "0")
	}
	r.stop()
	p.tell("all had ended, after there was room again and the last start, within", l.await(time.Minute).Seconds(), "s")
	p.want("times that memory was full while executions were under way", float64(living), "", "=", float64(rounds))
	p.want("requests refused with 503, Retry-After and a problem document", float64(m.refused), "", "≥", float64(10*rounds))
	p.want("other refusals", float64(m.wrong), "", "=", 0)
	p.tell("requests accepted at the edge", float64(m.accepted), "")
	p.want("of these what is not there", float64(m.missing()), "", "=", 0)
	p.want("writes refused by Redis", float64(m.denied()), "", "≥", float64(10*rounds))
	p.tell("executions that doctor looked at while memory was full", float64(audited.Executions), "")
	p.tell("of these such as moved all the time", float64(audited.Moving), "")
	p.want("findings of doctor while memory was full", float64(len(audited.Findings)), "", "=", 0)
	p.want("processes that ended", float64(3-len(f.Workers())-len(f.Servers())), "", "=", 0)
	r.check()
	l.check()
	p.wantSound(f)
	m.purge()
	p.wantSound(f)
}

// fullMemory asks servers whose Redis has no memory left.
type fullMemory struct {
	*part
	fleet  *fleet.Fleet
	ledger ledger

	asked, accepted, refused, wrong int
}

// fill leaves Redis so many percent of the memory that it uses.
func (m *fullMemory) fill(percent int64) {
	m.Helper()
	m.set(m.fleet, "maxmemory", strconv.FormatInt(m.info("memory", "used_memory")*percent/100, 10))
}

// missing counts what was accepted and is not there.
func (m *fullMemory) missing() int {
	m.Helper()
	gone, _, err := m.ledger.missing(m.Context(), m.fleet.Raw, time.Now())
	if err != nil {
		m.Fatal(err)
	}
	return len(gone)
}

func (m *fullMemory) info(section, name string) int64 {
	m.Helper()
	text, err := m.fleet.Raw.Info(m.Context(), section).Result()
	if err != nil {
		m.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				m.Fatal(err)
			}
			return n
		}
	}
	m.Fatalf("INFO %s does not tell %s", section, name)
	return 0
}

// denied is how often Redis refused a write.
func (m *fullMemory) denied() (n int64) {
	m.Helper()
	text, err := m.fleet.Raw.Info(m.Context(), "errorstats").Result()
	if err != nil {
		m.Fatal(err)
	}
	if _, err := fmt.Sscanf(text[max(0, strings.Index(text, "errorstat_OOM:")):], "errorstat_OOM:count=%d", &n); err != nil {
		m.Errorf("Redis refused nothing: %v", err)
	}
	return n
}

// ask starts and publishes for a while.
func (m *fullMemory) ask(during time.Duration) {
	m.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for until := time.Now().Add(during); time.Now().Before(until); {
		m.asked++
		id := fmt.Sprint("full-", m.asked)
		m.one(client, "/v1/workflows/short/executions", fmt.Sprintf(`{"id":%q,"input":{}}`, id), func(execution string) { m.ledger.started(execution) })
		m.one(client, "/v1/events", fmt.Sprintf(`{"id":%q,"type":"full","data":{}}`, id), func(string) { m.ledger.published("full", id) })
	}
}

// one sends a request.
func (m *fullMemory) one(client *http.Client, path, body string, accepted func(execution string)) {
	m.Helper()
	res, err := client.Post(m.fleet.Servers()[0].URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		m.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		m.Fatal(err)
	}
	var says struct {
		Code      string
		Execution string `json:"execution_id"`
	}
	_ = json.Unmarshal(answer, &says) // what is no JSON says nothing
	if res.StatusCode < 300 {
		m.accepted++
		accepted(says.Execution)
		return
	}
	right := res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "" && says.Code == "unavailable" &&
		strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json")
	if !right {
		m.wrong++
		m.Logf("%s %s is answered with %d %v %s", path, body, res.StatusCode, res.Header, answer)
		return
	}
	m.refused++
}

// purge makes room by removing what has finished, which a full memory must allow.
func (m *fullMemory) purge() {
	m.Helper()
	used := m.info("memory", "used_memory")
	all := m.finished()
	m.fill(98)
	now := map[flow.Status]time.Duration{}
	for _, s := range flow.Statuses() {
		if s.Terminal() {
			now[s] = 0
		}
	}
	ctx, purged := context.WithoutCancel(m.Context()), 0
	for partition := range m.fleet.Setup.Partitions {
		for n := 1; n > 0; {
			var err error
			if n, err = m.fleet.App.Store().Purge(ctx, partition, now, 100); err != nil {
				m.Fatal(err)
			}
			purged += n
		}
	}
	m.want("finished executions purged while memory was full, of all", 100*float64(purged)/float64(all), "%", "=", 100)
	m.tell("memory used before the purge", float64(used>>10), "KiB")
	m.tell("memory used after it", float64(m.info("memory", "used_memory")>>10), "KiB")
	_, err := m.fleet.Engine.Start(ctx, flow.StartRequest{Workflow: "held", ID: "after the purge", Input: json.RawMessage(`{}`)})
	m.want("accepted again after the purge", float64(map[bool]int{true: 1}[err == nil]), "", "=", 1)
	if err != nil {
		m.Error(err)
	}
	m.set(m.fleet, "maxmemory", "0")
}

// finished counts the executions that have ended.
func (m *fullMemory) finished() (n int64) {
	m.Helper()
	for _, s := range flow.Statuses() {
		if s.Terminal() {
			there, _ := m.fleet.Listed(m.Context(), "wfst:*:"+string(s)) // it is asked again
			n += there
		}
	}
	return n
}

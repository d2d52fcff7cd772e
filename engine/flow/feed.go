package flow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FeedEvent is something that happened to an execution, as whoever follows it from outside is told.
type FeedEvent struct {
	FeedHead
	FeedFact
}

// FeedHead is what all events of one commit have in common.
type FeedHead struct {
	Execution string    `json:"execution_id"`
	Workflow  string    `json:"workflow"`
	Status    Status    `json:"status"` // of the execution, once everything was stored that was stored with this
	Time      time.Time `json:"time"`   // of the commit, by the store's clock
}

// FeedFact is what an event says beyond that. What is long is cut or left out: whoever needs it reads the execution.
type FeedFact struct {
	Name     string `json:"name"`           // that of a Record, or StatusChanged
	Seq      int64  `json:"seq"`            // as that of a Record
	Node     string `json:"node,omitempty"` // key; empty for events of the whole execution, as are the next two
	NodeType string `json:"node_type,omitempty"`
	Port     string `json:"port,omitempty"`
	Run      int    `json:"run_index"`
	Attempt  int    `json:"attempt"` // 0-based

	SuspendType    string          `json:"suspend_type,omitempty"`    // of suspensions and resumptions
	SuspensionData json.RawMessage `json:"suspension_data,omitempty"` // of suspensions, up to 1 KiB
	Slept          int64           `json:"slept_ms,omitempty"`        // of resumptions: how long it was suspended
	Took           int64           `json:"took_ms,omitempty"`         // of attempts: how long it ran
	ResumedBy      string          `json:"resumed_by,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	Error          *Problem        `json:"error,omitempty"`               // without details
	ParentID       string          `json:"parent_execution_id,omitempty"` // of the start of a child
}

// StatusChanged is told of an execution that has another status, when no record says so. Its Seq is that of the record before.
const StatusChanged = "status_changed"

// What is longer is cut, or left out, from a FeedFact.
const (
	feedText = 256
	feedData = 1 << 10
)

// Facts are what a change tells, in order; none when it moves nothing that is seen from outside.
func (c *Change) Facts() []FeedFact {
	if len(c.Records) == 0 {
		if c.Was == c.Front.Status {
			return nil
		}
		return []FeedFact{{Name: StatusChanged, Seq: c.Front.Seq, Error: brief(c.Error)}}
	}
	facts := make([]FeedFact, len(c.Records))
	for i, r := range c.Records {
		f := FeedFact{Name: r.Name, Seq: r.Seq, Reason: Cut(r.Reason, feedText), Slept: Millis(r.Slept)}
		f.wait(r.Wait)
		f.step(r)
		if r.Step == nil {
			f.Error = brief(c.Error)
		}
		if c.Head != nil && c.Head.Parent != nil {
			f.ParentID = c.Head.Parent.Execution
		}
		facts[i] = f
	}
	return facts
}

func (f *FeedFact) wait(w *Wait) {
	if w == nil {
		return
	}
	f.SuspendType = w.Type
	if f.Name == NodeSuspended && len(w.Data) <= feedData {
		f.SuspensionData = w.Data
	}
}

func (f *FeedFact) step(r Record) {
	s := r.Step
	if s == nil {
		return
	}
	f.Node, f.NodeType = r.Node, r.Type
	f.Run, f.Attempt, f.Port, f.Took, f.Error = s.ID.Run, s.Attempt, s.Port, Millis(s.Ran), brief(s.Error)
	if f.Error == nil && len(s.Attempts) > 0 && f.Name == NodeRetryScheduled {
		f.Error = brief(s.Attempts[len(s.Attempts)-1].Error)
	}
	if s.Resumed != nil {
		f.ResumedBy = s.Resumed.By
	}
}

// brief is a problem without its details.
func brief(p *Problem) *Problem {
	if p == nil {
		return nil
	}
	return &Problem{Code: p.Code, Message: Cut(p.Message, feedText), Node: p.Node}
}

// FeedPlace is the place of an entry in the feed of a partition; the zero one is before all.
type FeedPlace struct{ Ms, Seq int64 }

// ParseFeedPlace reads what String wrote.
func ParseFeedPlace(s string) (FeedPlace, error) {
	first, second, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseUint(first, 10, 63)
	seq, err2 := strconv.ParseUint(second, 10, 63)
	if !ok || err != nil || err2 != nil {
		return FeedPlace{}, fmt.Errorf("%q is no place in a feed", Cut(s, 40))
	}
	return FeedPlace{int64(ms), int64(seq)}, nil
}

// String gives "ms-seq".
func (p FeedPlace) String() string {
	return strconv.FormatInt(p.Ms, 10) + "-" + strconv.FormatInt(p.Seq, 10)
}

// After tells whether p comes after q.
func (p FeedPlace) After(q FeedPlace) bool { return p.Ms > q.Ms || p.Ms == q.Ms && p.Seq > q.Seq }

// FeedEntry is what one commit tells of one execution, or a part of that.
type FeedEntry struct {
	FeedHead           // without an Execution it tells nothing
	At       FeedPlace // in the feed of its partition
	Facts    []byte    // as JSON: a list of FeedFact
}

// Events reads the facts.
func (e FeedEntry) Events() ([]FeedEvent, error) {
	var facts []FeedFact
	if err := json.Unmarshal(e.Facts, &facts); err != nil {
		return nil, fmt.Errorf("reading what entry %s of a feed tells: %w", e.At, err)
	}
	events := make([]FeedEvent, len(facts))
	for i, f := range facts {
		events[i] = FeedEvent{e.FeedHead, f}
	}
	return events, nil
}

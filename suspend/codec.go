package suspend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
)

// The stored forms. Names are short, since they are stored with every step of
// every execution. A time that is missing is the stamp of the commit that wrote
// the value: only the script knows it.

type storedHead struct {
	Workflow string            `json:"w"`
	Version  string            `json:"v"`
	StartID  string            `json:"s,omitempty"`
	Parent   *storedParent     `json:"p,omitempty"`
	Depth    int               `json:"d,omitempty"`
	Line     []string          `json:"l,omitempty"`
	Trace    map[string]string `json:"t,omitempty"`
	Tags     map[string]string `json:"g,omitempty"`
	Timeout  int64             `json:"o,omitempty"` // ms
	Place    string            `json:"k,omitempty"`
	Queue    string            `json:"q,omitempty"`
	From     string            `json:"f,omitempty"`
	Only     bool              `json:"y,omitempty"`
	RerunOf  string            `json:"r,omitempty"`
}

type storedParent struct {
	Execution string `json:"x"`
	Step      string `json:"s"`
	Turn      int    `json:"n,omitempty"`
	Mode      string `json:"m,omitempty"`
	Index     int    `json:"i,omitempty"`
	Close     string `json:"c,omitempty"`
}

type storedFront struct {
	Status flow.Status `json:"s"`
	storedRegion
	InParts    []int          `json:"n,omitempty"` // pending, suspended, open
	Ready      []string       `json:"r,omitempty"`
	Ends       map[int]int    `json:"e,omitempty"`
	Generation int            `json:"g,omitempty"`
	Retries    []string       `json:"a,omitempty"`
	Stood      int64          `json:"w,omitempty"` // ms
	Undo       string         `json:"u,omitempty"`
	Inbox      []storedLetter `json:"i,omitempty"`
	Ending     *storedEnding  `json:"z,omitempty"`
	Pause      *storedPause   `json:"b,omitempty"`
	Closes     bool           `json:"c,omitempty"`
}

type storedLetter struct {
	Node  int           `json:"n"`
	ID    string        `json:"v,omitempty"`
	Actor string        `json:"p,omitempty"`
	Ref   string        `json:"r"`
	Error *flow.Problem `json:"e,omitempty"`
}

type storedEnding struct {
	Status flow.Status   `json:"s"`
	Reason string        `json:"r,omitempty"`
	Error  *flow.Problem `json:"e,omitempty"`
}

type storedPause struct {
	Since   int64  `json:"s"`
	By      string `json:"p,omitempty"`
	Reason  string `json:"r,omitempty"`
	Planned bool   `json:"n,omitempty"`
}

type storedRegion struct {
	Live  map[int][]int       `json:"l,omitempty"` // pending, suspended, and open unless that is 0
	Joins map[int]*storedOpen `json:"j,omitempty"`
}

type storedOpen struct {
	Arrived []storedArrival `json:"a,omitempty"`
	Fired   bool            `json:"f,omitempty"`
}

type storedArrival struct {
	Edge  int    `json:"e"`
	Port  string `json:"p,omitempty"` // empty = main
	Ref   string `json:"r,omitempty"`
	Aside bool   `json:"a,omitempty"`
}

type storedStep struct {
	Status   flow.StepStatus   `json:"s"`
	Op       string            `json:"o"`
	Owner    string            `json:"u,omitempty"` // of the fan that it is a part of
	Index    int               `json:"l,omitempty"`
	Below    string            `json:"y,omitempty"`
	Was      flow.StepStatus   `json:"v,omitempty"`
	Kept     bool              `json:"j,omitempty"`
	Attempt  int               `json:"a,omitempty"`
	Turn     int               `json:"n,omitempty"`
	Deaths   int               `json:"d,omitempty"`
	Inputs   []storedArrival   `json:"i,omitempty"`
	Port     string            `json:"p,omitempty"`
	Error    *flow.Problem     `json:"e,omitempty"`
	Wait     *storedWait       `json:"w,omitempty"`
	Resumed  *storedResumption `json:"r,omitempty"`
	Attempts []storedAttempt   `json:"h,omitempty"`
	Children []string          `json:"x,omitempty"`
	Trace    map[string]string `json:"t,omitempty"`
	Created  int64             `json:"c,omitempty"`
	Started  int64             `json:"b,omitempty"`
	Ended    int64             `json:"z,omitempty"`
	Ran      *int64            `json:"m,omitempty"` // ms before the stamp that the attempt began
	Place    string            `json:"k,omitempty"`
	Emitted  int               `json:"q,omitempty"`
}

type storedWait struct {
	Type  string              `json:"t"`
	Data  json.RawMessage     `json:"d,omitempty"`
	Timer bool                `json:"k,omitempty"`
	In    *int64              `json:"i,omitempty"` // ms from Since
	Due   *int64              `json:"u,omitempty"`
	Since int64               `json:"s,omitempty"`
	Event *storedSubscription `json:"e,omitempty"`
	Leads string              `json:"b,omitempty"` // what d leaves out at its beginning: see dataLead
	Began int64               `json:"q,omitempty"`
	First int                 `json:"f,omitempty"`
	Child string              `json:"c,omitempty"`
	Held  bool                `json:"h,omitempty"`
}

type storedSubscription struct {
	Type   string          `json:"t"`
	Filter json.RawMessage `json:"f,omitempty"` // of an object
	Match  string          `json:"m,omitempty"`
	Takers int             `json:"n,omitempty"`
}

type storedResumption struct {
	By    string          `json:"b"`
	At    int64           `json:"a,omitempty"`
	Actor string          `json:"p,omitempty"`
	Turn  int             `json:"n,omitempty"`
	First int             `json:"f,omitempty"`
	Op    string          `json:"o,omitempty"`
	Event string          `json:"v,omitempty"`
	Error *flow.Problem   `json:"e,omitempty"`
	Wait  json.RawMessage `json:"w,omitempty"`
	Since int64           `json:"s,omitempty"`
}

type storedAttempt struct {
	Number  int           `json:"n"`
	Started int64         `json:"b,omitempty"`
	Ended   int64         `json:"z,omitempty"`
	Error   *flow.Problem `json:"e,omitempty"`
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}

// orTime is ms as a time, or the other when there is none.
func orTime(ms int64, other time.Time) time.Time {
	if ms == 0 {
		return other
	}
	return fromMillis(ms)
}

func encodeHead(h *flow.Head) ([]byte, error) {
	st := storedHead{Workflow: h.Workflow, Version: h.Version, StartID: h.StartID, Depth: h.Depth, Line: h.Line, Trace: h.Trace, Tags: h.Tags, Timeout: flow.Millis(h.Timeout), Place: h.Place, Queue: h.Queue, From: h.From, Only: h.Only, RerunOf: h.RerunOf}
	if p := h.Parent; p != nil {
		st.Parent = &storedParent{Execution: p.Execution, Step: p.Step.String(), Turn: p.Turn, Mode: p.Mode, Index: p.Index, Close: p.Close}
	}
	return flow.Encode(st)
}

func decodeHead(s string) (flow.Head, error) {
	at, body, err := unstamp(s)
	st, plain := readPlainHead(body)
	if err = errors.Join(err, orJSON(plain, body, &st)); err != nil {
		return flow.Head{}, fmt.Errorf("reading the head: %w", err)
	}
	h := flow.Head{
		Workflow: st.Workflow, Version: st.Version, StartID: st.StartID, Depth: st.Depth, Line: st.Line, Trace: st.Trace, Tags: st.Tags,
		Timeout: time.Duration(st.Timeout) * time.Millisecond, CreatedAt: at, Place: st.Place, Queue: st.Queue, From: st.From, Only: st.Only, RerunOf: st.RerunOf,
	}
	if p := st.Parent; p != nil {
		step, err := flow.ParseStepID(p.Step)
		if err != nil {
			return flow.Head{}, fmt.Errorf("reading the head: %w", err)
		}
		h.Parent = &flow.Parent{Execution: p.Execution, Step: step, Turn: p.Turn, Mode: p.Mode, Index: p.Index, Close: p.Close}
	}
	return h, nil
}

// unstamp splits a value from the time of the commit that wrote it.
func unstamp(s string) (time.Time, string, error) {
	ms, body, ok := strings.Cut(s, "|")
	n, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil {
		return time.Time{}, "", fmt.Errorf("%q has no stamp", flow.Cut(s, 40))
	}
	return fromMillis(n), body, nil
}

// countWidth is how many digits the counts of a front have at least: a late step
// then costs no more to store than an early one.
const countWidth = 6

// encodeFront gives "seq|transitions|json". The script puts states of nodes and another bar before the JSON.
func encodeFront(f *flow.Front) ([]byte, error) {
	b := append(flow.AppendWide(make([]byte, 0, 64), f.Seq, countWidth), '|')
	b = append(flow.AppendWide(b, int64(f.Transitions), countWidth), '|')
	if all, ok := appendPlainFront(b, f); ok {
		return all, nil
	}
	body, err := flow.Encode(storedFrontOf(f))
	return append(b, body...), err
}

func storedFrontOf(f *flow.Front) storedFront {
	st := storedFront{Status: f.Status, storedRegion: encodeRegion(f.Region), InParts: encodeLive(f.InParts), Ends: f.Ends, Generation: f.Generation, Retries: f.Retries, Stood: flow.Millis(f.Stood), Undo: stepName(f.Undo), Closes: f.Closes}
	if e := f.Ending; e != nil {
		st.Ending = &storedEnding{Status: e.Status, Reason: e.Reason, Error: e.Error}
	}
	if p := f.Pause; p != nil {
		st.Pause = &storedPause{Since: millis(p.Since), By: p.By, Reason: p.Reason, Planned: p.Planned}
	}
	for _, l := range f.Inbox {
		st.Inbox = append(st.Inbox, storedLetter{Node: l.Node, ID: l.ID, Actor: l.Actor, Ref: string(l.Ref), Error: l.Error})
	}
	for _, id := range f.Ready {
		st.Ready = append(st.Ready, id.String())
	}
	return st
}

// frontNodes is from which index on the states of nodes are fields of their own, so that a front stays small whatever the workflow.
const frontNodes = 16

// frontParts splits a front into its counts, the states of nodes (";node:state" for each) and the JSON.
func frontParts(s string) (seq, transitions, nodes, body string, err error) {
	parts := strings.SplitN(s, "|", 3)
	if len(parts) != 3 {
		return "", "", "", "", fmt.Errorf("reading the front: %q is not seq|transitions|json", flow.Cut(s, 40))
	}
	body = parts[2]
	if !strings.HasPrefix(body, "{") {
		nodes, body, _ = strings.Cut(body, "|")
	}
	return parts[0], parts[1], nodes, body, nil
}

// decodeFrontNodes gives the states of nodes that stand in a front: since format 2, those of the first ones. Only those that are
// wanted are read.
func decodeFrontNodes(s string, wanted func(n int) bool, into map[int]flow.NodeState) error {
	_, _, nodes, _, err := frontParts(s)
	if err != nil || nodes == "" {
		return err
	}
	for text := range strings.SplitSeq(strings.TrimPrefix(nodes, ";"), ";") {
		node, state, _ := strings.Cut(text, ":")
		n, err := strconv.ParseUint(node, 10, 31)
		if err != nil {
			return fmt.Errorf("reading the front: %q names no node", flow.Cut(text, 40))
		}
		if !wanted(int(n)) {
			continue
		}
		if into[int(n)], err = decodeNode(state); err != nil {
			return fmt.Errorf("reading the front: %w", err)
		}
	}
	return nil
}

func decodeFront(s string) (flow.Front, error) {
	counted, done, _, body, err := frontParts(s)
	if err != nil {
		return flow.Front{}, err
	}
	seq, err1 := strconv.ParseInt(counted, 10, 64)
	transitions, err2 := strconv.Atoi(done)
	st, plain := readPlainFront(body)
	if err := errors.Join(err1, err2, orJSON(plain, body, &st)); err != nil {
		return flow.Front{}, fmt.Errorf("reading the front: %w", err)
	}
	f := flow.Front{Status: st.Status, Region: st.region(), InParts: decodeLive(st.InParts), Ends: st.Ends, Seq: seq, Transitions: transitions, Generation: st.Generation, Retries: st.Retries, Stood: time.Duration(st.Stood) * time.Millisecond, Closes: st.Closes}
	if e := st.Ending; e != nil {
		f.Ending = &flow.Ending{Status: e.Status, Reason: e.Reason, Error: e.Error}
	}
	if p := st.Pause; p != nil {
		f.Pause = &flow.Pause{Since: timeOf(p.Since), By: p.By, Reason: p.Reason, Planned: p.Planned}
	}
	if f.Undo, err1 = stepNamed(st.Undo); err1 != nil {
		return flow.Front{}, fmt.Errorf("reading the front: %w", err1)
	}
	for _, l := range st.Inbox {
		f.Inbox = append(f.Inbox, flow.Letter{Node: l.Node, ID: l.ID, Actor: l.Actor, Ref: flow.Ref(l.Ref), Error: l.Error})
	}
	for _, r := range st.Ready {
		id, err := flow.ParseStepID(r)
		if err != nil {
			return flow.Front{}, fmt.Errorf("reading the front: %w", err)
		}
		f.Ready = append(f.Ready, id)
	}
	return f, nil
}

func encodeArrivals(in []flow.Arrival) []storedArrival {
	var out []storedArrival
	for _, a := range in {
		port := a.Port
		if port == flow.PortMain {
			port = ""
		}
		out = append(out, storedArrival{Edge: a.Edge, Port: port, Ref: string(a.Ref), Aside: a.Aside})
	}
	return out
}

func decodeArrivals(in []storedArrival) []flow.Arrival {
	if len(in) == 0 {
		return nil
	}
	out := make([]flow.Arrival, 0, len(in))
	for _, a := range in {
		if a.Port == "" {
			a.Port = flow.PortMain
		}
		out = append(out, flow.Arrival{Edge: a.Edge, Port: a.Port, Ref: flow.Ref(a.Ref), Aside: a.Aside})
	}
	return out
}

// encodeStep gives "token|refs;part|json": scripts read the token, the refs and the part that it belongs to
// (with its semicolon left out where there is none) without parsing JSON. The commit puts its time and another bar in front.
func encodeStep(s *flow.Step, op string, format int) ([]byte, error) {
	b := append(make([]byte, 0, 160), s.Token...)
	b = append(b, '|')
	for i, a := range s.Inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, a.Ref...)
	}
	if s.Part != nil {
		b = append(append(b, ';'), s.Part.String()...)
	}
	b = append(b, '|')
	if all, ok := appendPlainStep(b, s, op); ok {
		return all, nil
	}
	st := storedStepOf(s, op)
	err := st.waits(s.Wait, format)
	if err != nil {
		return nil, fmt.Errorf("storing step %s: %w", s.ID, err)
	}
	body, err := flow.Encode(st)
	if err != nil {
		return nil, fmt.Errorf("storing step %s: %w", s.ID, err)
	}
	return append(b, body...), nil
}

func storedStepOf(s *flow.Step, op string) storedStep {
	st := storedStep{
		Status: s.Status, Op: op, Attempt: s.Attempt, Turn: s.Turn, Deaths: s.Deaths, Inputs: encodeArrivals(s.Inputs), Port: s.Port,
		Error: s.Error, Children: s.Children, Trace: s.Trace, Place: s.Place, Emitted: s.Emitted,
		Created: millis(s.CreatedAt), Started: millis(s.StartedAt), Ended: millis(s.EndedAt),
	}
	if s.Ran > 0 {
		ran := s.Ran.Milliseconds()
		st.Ran = &ran
	}
	if r := s.Resumed; r != nil {
		st.Resumed = &storedResumption{By: r.By, Actor: r.Actor, At: millis(r.At), Turn: r.Turn, First: r.First, Op: r.Op, Event: r.Event, Error: r.Error, Wait: r.Wait, Since: millis(r.Since)}
	}
	for _, a := range s.Attempts {
		st.Attempts = append(st.Attempts, storedAttempt{Number: a.Number, Started: millis(a.StartedAt), Ended: millis(a.EndedAt), Error: a.Error})
	}
	if s.Of != nil {
		st.Owner, st.Index = s.Of.Owner.String(), s.Of.Index
	}
	st.Below, st.Was, st.Kept = stepName(s.Below), s.Was, s.Kept
	return st
}

// waits adds the wait of a step.
func (st *storedStep) waits(w *flow.Wait, format int) (err error) {
	if w == nil {
		return nil
	}
	sw := &storedWait{Type: w.Type, Data: w.Data, Timer: w.Timer, Since: millis(w.Since), Began: w.Began, First: w.First, Child: w.Child, Held: w.Held}
	switch {
	case !w.HasDue():
	case !w.Due.IsZero():
		sw.Due = new(w.Due.UnixMilli())
	case !w.Until.IsZero():
		sw.Due = new(w.Until.UnixMilli())
	default:
		sw.In = new(flow.Millis(w.In))
	}
	st.Wait = sw
	if e := w.Event; e != nil {
		sw.Event = &storedSubscription{Type: e.Type, Match: e.Match, Takers: e.Takers}
		if len(e.Filter) > 0 {
			sw.Event.Filter, err = flow.Encode(e.Filter)
		}
		if format > firstFormat {
			sw.shorten()
		}
	}
	return err
}

// dataLead is what the data of a wait for an event begin with, in the same bytes, as far as its other fields tell: type and filter
// ("e"), and after them the time that it is given ("i").
func (st *storedWait) dataLead(leads string) []byte {
	b := flow.AppendText([]byte(`{"event_type":`), st.Event.Type)
	if st.Event.Filter != nil {
		b = append(append(b, `,"event_filter":`...), st.Event.Filter...)
	}
	if leads == "i" {
		b = strconv.AppendInt(append(b, `,"timeout_ms":`...), *st.In, 10)
	}
	return append(b, ',')
}

// shorten leaves out of the data what the wait tells anyway.
func (st *storedWait) shorten() {
	for _, leads := range []string{"i", "e"} {
		if leads == "i" && st.In == nil {
			continue
		}
		if rest, ok := bytes.CutPrefix(st.Data, st.dataLead(leads)); ok {
			st.Leads, st.Data = leads, append([]byte{'{'}, rest...)
			return
		}
	}
}

// data are those of the wait, whole.
func (st *storedWait) data() (json.RawMessage, error) {
	switch {
	case st.Leads == "":
		return st.Data, nil
	case st.Leads != "e" && st.Leads != "i", st.Event == nil, st.Leads == "i" && st.In == nil, len(st.Data) == 0:
		return nil, fmt.Errorf("the data of its wait begin with %q, which it does not tell", flow.Cut(st.Leads, 40))
	}
	whole := append(st.dataLead(st.Leads), st.Data[1:]...)
	if !json.Valid(whole) {
		return nil, fmt.Errorf("the data of its wait are no JSON: %q", flow.Cut(string(whole), 40))
	}
	return whole, nil
}

// decodeFilter keeps numbers to the last digit: the list in which the wait stands is named by them.
func decodeFilter(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	v, err := flow.Decode(raw)
	if err != nil {
		return nil, err
	}
	filter, ok := v.(map[string]any)
	if v != nil && !ok {
		return nil, fmt.Errorf("a filter is %.40s, which is no object", raw)
	}
	if len(filter) == 0 {
		return nil, nil
	}
	return filter, nil
}

func decodeStep(id flow.StepID, s string) (*flow.Step, error) {
	at, rest, err := unstamp(s)
	if err != nil {
		return nil, fmt.Errorf("reading step %s: %w", id, err)
	}
	token, rest, _ := strings.Cut(rest, "|")
	place, body, ok := strings.Cut(rest, "|")
	if !ok {
		return nil, fmt.Errorf("reading step %s: %q is not token|refs;part|json", id, flow.Cut(s, 40))
	}
	st, plain := readPlainStep(body)
	if err := orJSON(plain, body, &st); err != nil {
		return nil, fmt.Errorf("reading step %s: %w", id, err)
	}
	if (st.Status == flow.StepSuspended) != (st.Wait != nil) && st.Status != flow.StepQuarantined {
		return nil, fmt.Errorf("reading step %s: it is %s, and its wait does not fit that", id, st.Status)
	}
	step, err := st.step(id, token, at)
	if err != nil {
		return nil, fmt.Errorf("reading step %s: %w", id, err)
	}
	_, part, _ := strings.Cut(place, ";")
	return step, st.place(step, part)
}

func (st *storedStep) step(id flow.StepID, token string, at time.Time) (s *flow.Step, err error) {
	s = &flow.Step{
		ID: id, Status: st.Status, Token: token, Op: st.Op, At: at, Attempt: st.Attempt, Turn: st.Turn, Deaths: st.Deaths,
		Inputs: decodeArrivals(st.Inputs), Port: st.Port, Error: st.Error, Children: st.Children, Trace: st.Trace, Place: st.Place, Emitted: st.Emitted, Was: st.Was, Kept: st.Kept,
		CreatedAt: orTime(st.Created, at), StartedAt: timeOf(st.Started), EndedAt: timeOf(st.Ended),
	}
	began := at
	if st.Ran != nil {
		began = at.Add(-time.Duration(*st.Ran) * time.Millisecond)
		if st.Started == 0 {
			s.StartedAt = began
		}
	}
	if !s.Status.Live() {
		s.EndedAt = orTime(st.Ended, at)
	}
	if r := st.Resumed; r != nil {
		s.Resumed = &flow.Resumption{By: r.By, Actor: r.Actor, At: orTime(r.At, at), Turn: r.Turn, First: r.First, Op: r.Op, Event: r.Event, Error: r.Error, Wait: r.Wait, Since: timeOf(r.Since)}
	}
	for _, a := range st.Attempts {
		s.Attempts = append(s.Attempts, flow.Attempt{Number: a.Number, StartedAt: orTime(a.Started, began), EndedAt: orTime(a.Ended, at), Error: a.Error})
	}
	s.Wait, err = st.Wait.wait(at)
	return s, err
}

func (st *storedWait) wait(at time.Time) (w *flow.Wait, err error) {
	if st == nil {
		return nil, nil
	}
	w = &flow.Wait{Type: st.Type, Timer: st.Timer, Since: orTime(st.Since, at), Began: st.Began, First: st.First, Child: st.Child, Held: st.Held}
	switch {
	case st.In != nil:
		w.In = time.Duration(*st.In) * time.Millisecond
		w.Due = w.Since.Add(w.In)
	case st.Due != nil:
		w.Due = fromMillis(*st.Due)
	}
	if w.Timer && w.Due.IsZero() { // 1970-01-01 was once left out
		w.Due = w.Since
	}
	if e := st.Event; e != nil {
		w.Event = &flow.Subscription{Type: e.Type, Match: e.Match, Takers: e.Takers}
		w.Event.Filter, err = decodeFilter(e.Filter)
	}
	if err == nil {
		w.Data, err = st.data()
	}
	return w, err
}

// A value is stored as its JSON, as "@field" when it is the same as another, or as "@*step,count" when it is the
// list of the results of a step's parts: JSON never begins with "@".
func encodeValue(v flow.Value) []byte {
	if v.Same != "" {
		return []byte("@" + string(v.Same))
	}
	if r := v.Results; r != nil {
		return []byte("@*" + r.Of.String() + "," + strconv.Itoa(r.Count))
	}
	if len(v.Raw) == 0 {
		return []byte("null")
	}
	return v.Raw
}

func encodeNode(st flow.NodeState) string {
	b := append(flow.AppendWide(nil, int64(st.Runs), 3), ',')
	if st.Last < 0 {
		b = append(b, "-1"...)
	} else {
		b = flow.AppendWide(b, int64(st.Last), 3)
	}
	if st.Rounds > 0 {
		b = flow.AppendWide(append(b, ','), int64(st.Rounds), 3)
	}
	return string(b)
}

func decodeNode(s string) (st flow.NodeState, err error) {
	parts := strings.Split(s, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return st, fmt.Errorf("%q is not the state of a node (runs,last,rounds)", flow.Cut(s, 40))
	}
	for i, n := range []*int{&st.Runs, &st.Last, &st.Rounds}[:len(parts)] {
		if *n, err = strconv.Atoi(parts[i]); err != nil {
			return st, fmt.Errorf("%q is not the state of a node (runs,last,rounds)", flow.Cut(s, 40))
		}
	}
	if st.Runs < 0 || st.Last < -1 || st.Rounds < 0 {
		return st, fmt.Errorf("%q is not the state of a node: numbers are not below zero, but for -1 of the last run", flow.Cut(s, 40))
	}
	return st, nil
}

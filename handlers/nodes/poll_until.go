package nodes

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// codeExpression is the code of an expression that cannot be evaluated.
const codeExpression = "expression_error"

// poller is the type poll.poll_until.
type poller struct{ web *web }

func pollUntil(w *web) node.Type {
	p := &poller{web: w}
	return node.Type{
		Name:    "poll.poll_until",
		Summary: "Asks an address again and again, the first time at once, until a condition on its answer is true.",
		Fields:  append(pollFields(), w.requestFields()...),
		Outputs: []string{flow.PortMain, flow.PortTimeout},
		Output:  pollOutput,
		Timeout: maxTimeoutMS*time.Millisecond + 10*time.Second,
		Examples: []node.Example{{
			Title: "Until a job is done", Params: map[string]any{
				"endpoint":     "$variables.job_status_url",
				"condition":    "$response.status == 'completed'",
				"interval_ms":  30000,
				"timeout_ms":   3600000,
				"max_attempts": 120,
			},
			Vars:   map[string]any{"job_status_url": "https://jobs.example.com/42"},
			Then:   []string{"advance 30s"},
			Output: map[string]any{"status": 200, "headers": jsonHeaders, "body": map[string]any{"status": "completed"}, "attempts": 2},
		}, {
			Title:  "Give up after three polls",
			Params: map[string]any{"endpoint": "https://jobs.example.com/stuck", "condition": "$http.status == 200 and $response.done", "interval_ms": 1000, "max_attempts": 3},
			Then:   []string{"advance 1m"}, Port: flow.PortTimeout, Output: map[string]any{"attempts": 3},
		}},
		Run: p.run,
	}
}

func pollFields() []node.Field {
	longest := new(float64(maxWaitMS))
	return []node.Field{
		{Name: "endpoint", Kind: node.String, Required: true, Summary: "The address to ask, http or https."},
		{Name: "condition", Kind: node.Condition, Required: true, Lazy: true, Roots: []string{"$response", "$http"}, Summary: "Ends the polling when true. $response is the decoded body, $http has status and headers."},
		{Name: "interval_ms", Kind: node.Int, Default: 30_000, Min: new(10.0), Max: longest, Summary: "From the end of one poll to the next; longer when the answer, be it an error or not, says so by Retry-After."},
		{Name: "timeout_ms", Kind: node.Int, Default: 3_600_000, Min: new(1.0), Max: longest, Summary: "From the first poll to the deadline; there the node leaves by port timeout."},
		{Name: "max_attempts", Kind: node.Int, Default: 10_000, Min: new(1.0), Max: new(10_000.0), Summary: "How many polls at most; after them the node leaves by port timeout."},
		{Name: "backoff", Kind: node.String, Default: "constant", Enum: []string{"constant", "linear", "exponential"}, Summary: "How the interval grows from poll to poll."},
		{Name: "max_interval_ms", Kind: node.Int, Min: new(10.0), Max: longest, Summary: "The longest interval that backoff may reach."},
		{Name: "jitter", Kind: node.Bool, Default: false, Summary: "Shorten each interval by a random part, at most half."},
		{Name: "request_timeout_ms", Kind: node.Int, Default: defaultTimeoutMS, Min: new(1.0), Max: new(float64(maxTimeoutMS)), Summary: "The most milliseconds that one poll may take."},
	}
}

var pollOutput = []node.Output{
	{
		Port: flow.PortMain, Summary: "The answer that ended the polling; or the data of whoever resumed the node by hand.",
		Fields: append(slices.Clone(replyFields), node.Field{Name: "attempts", Kind: node.Int, Summary: "How many polls it took."}),
	},
	{Port: flow.PortTimeout, Summary: "Nothing ended it in time. What the last poll brought is $nodes.KEY.context: {attempts, last_status, last_response, last_error}; of a long response, the beginning.", Fields: []node.Field{{Name: "attempts", Kind: node.Int, Summary: "How many polls there were."}}},
}

// pollState describes the wait between two polls, and is what the node
// remembers. The deadline is fixed by the first poll, in milliseconds of the
// store's clock.
type pollState struct {
	Endpoint     string        `json:"endpoint"`
	Condition    string        `json:"condition,omitempty"`
	IntervalMS   int64         `json:"interval_ms"`
	TimeoutMS    int64         `json:"timeout_ms"`
	MaxAttempts  int64         `json:"max_attempts"`
	Attempts     int           `json:"attempts"`
	Deadline     int64         `json:"deadline"`
	LastStatus   int           `json:"last_status,omitempty"`
	LastError    *flow.Problem `json:"last_error,omitempty"`
	LastResponse any           `json:"last_response,omitempty"`
}

func (p *poller) run(ctx context.Context, c *node.Call) (node.Outcome, error) {
	if r := c.Resume; r != nil && r.Error != nil {
		return node.Outcome{}, r.Error
	}
	if r := c.Resume; r != nil && r.By != flow.ByTimer {
		return node.Outcome{PassResume: true}, nil // somebody knows the answer
	}
	v := values(c.Params)
	s, err := recall(c, v)
	if err != nil {
		return node.Outcome{}, err
	}
	if c.Now.UnixMilli() >= s.Deadline {
		return s.timedOut(), nil
	}
	return p.poll(ctx, c, v, s)
}

// recall gives the state after the last poll. The parameters may have other
// values by now; the bounds stay those that the first poll saw.
func recall(c *node.Call, v values) (*pollState, error) {
	s := &pollState{
		TimeoutMS:   v.whole("timeout_ms"),
		MaxAttempts: v.whole("max_attempts"),
		Deadline:    c.Now.UnixMilli() + v.whole("timeout_ms"),
	}
	if c.Resume != nil {
		if err := remember(c.Resume.Wait, s); err != nil {
			return nil, err
		}
	}
	s.Endpoint, s.IntervalMS = endpointOf(v), v.whole("interval_ms")
	s.Condition, _ = c.Params["condition"].(string)
	return s, nil
}

// poll asks once and says what follows from the answer.
func (p *poller) poll(ctx context.Context, c *node.Call, v values, s *pollState) (node.Outcome, error) {
	begin := time.Now()
	got, err := p.ask(ctx, c, v, s)
	problem, counts := attemptFailed(err)
	if err != nil && (!counts || ctx.Err() != nil) {
		return node.Outcome{}, err
	}
	s.Attempts++
	s.note(got, problem)
	if got != nil {
		done, err := satisfied(c, got)
		if err != nil {
			return node.Outcome{}, s.cannotTell(err)
		}
		if done {
			out := got.output()
			out["attempts"] = s.Attempts
			return node.Outcome{Output: out}, nil
		}
	}
	if int64(s.Attempts) >= s.MaxAttempts {
		return s.timedOut(), nil
	}
	return s.wait(c.Now.Add(time.Since(begin)), s.pause(v, asked(got, problem))), nil
}

// ask makes one request, which never lasts beyond the deadline.
func (p *poller) ask(ctx context.Context, c *node.Call, v values, s *pollState) (*reply, error) {
	each := *c
	// Polls that write are meant to be repeated: with one key for all of them, a
	// careful receiver would give the first answer for ever.
	each.Key = c.Key + "-" + strconv.Itoa(s.Attempts)
	r, err := p.web.newRequest(v, "endpoint", &each)
	if err != nil {
		return nil, err
	}
	left := time.Duration(s.Deadline-c.Now.UnixMilli()) * time.Millisecond
	r.timeout = min(v.millis("request_timeout_ms"), left)
	return p.web.do(ctx, r)
}

// attemptFailed gives the problem of a poll that counts as an attempt all the
// same: what is asked may not be there yet, or be away for a while. Anything
// else, such as an address that is not allowed, will not get better.
func attemptFailed(err error) (*flow.Problem, bool) {
	p, ok := errors.AsType[*flow.Problem](err)
	if !ok {
		return nil, false
	}
	switch p.Code {
	case codeStatus, codeHTTP, codeTimeout:
		return p, true
	}
	return nil, false
}

// asked is how long whoever answered wants to be left alone, be the answer an error or not.
func asked(got *reply, p *flow.Problem) time.Duration {
	switch {
	case got != nil:
		return got.after
	case p != nil:
		return p.RetryAfter
	}
	return 0
}

func (s *pollState) note(got *reply, p *flow.Problem) {
	if got != nil {
		s.LastStatus, s.LastResponse = got.status, sample(got.body)
		return
	}
	s.LastError = p
	s.LastStatus, _ = p.Details["status"].(int)
}

// satisfied evaluates the condition. One that cannot be evaluated, or gives no
// boolean, is an error to be seen, not a reason to go on asking.
func satisfied(c *node.Call, got *reply) (bool, error) {
	v, err := c.Eval("condition", map[string]any{
		"response": got.body,
		"http":     map[string]any{"status": got.status, "headers": got.headers},
	})
	if err != nil {
		return false, err
	}
	done, ok := v.(bool)
	if !ok {
		return false, flow.Problemf(codeExpression, "parameter condition must give true or false")
	}
	return done, nil
}

// cannotTell is the problem of a condition, with the answer that it was asked about.
func (s *pollState) cannotTell(err error) *flow.Problem {
	p := flow.Problemf(codeExpression, "parameter condition: %v", err)
	if own, ok := errors.AsType[*flow.Problem](err); ok {
		c := *own
		p = &c
	}
	p.Details = maps.Clone(p.Details)
	if p.Details == nil {
		p.Details = map[string]any{}
	}
	maps.Copy(p.Details, s.last())
	return p
}

// last is what is known of the last poll, for people and programs to look at.
func (s *pollState) last() map[string]any {
	known := map[string]any{"attempts": s.Attempts, "last_status": s.LastStatus, "last_response": s.LastResponse, "last_error": nil}
	if s.LastError != nil {
		known["last_error"] = s.LastError.Map()
	}
	return known
}

// pause is the time to the next poll; a server that asks for more gets more.
func (s *pollState) pause(v values, asked time.Duration) time.Duration {
	interval := v.whole("interval_ms")
	settings := flow.Settings{
		RetryDelayMS: &interval,
		Backoff:      v.text("backoff"),
		MaxDelayMS:   v.whole("max_interval_ms"),
		Jitter:       v.flag("jitter"),
	}
	return max(settings.RetryDelay(s.Attempts, rand.Float64()), asked, time.Millisecond)
}

// wait suspends until the next poll, or until the deadline when that comes first.
func (s *pollState) wait(now time.Time, pause time.Duration) node.Outcome {
	suspend := &node.Suspend{Type: flow.Polling, Timer: true, In: pause, Data: s}
	if deadline := time.UnixMilli(s.Deadline); now.Add(pause).After(deadline) {
		suspend.In, suspend.Until = 0, deadline.UTC()
	}
	return node.Outcome{Suspend: suspend}
}

// timedOut leaves with the number of polls; what the last one brought stands in the context of the node.
func (s *pollState) timedOut() node.Outcome {
	return node.Outcome{Port: flow.PortTimeout, Timeout: true, Output: map[string]any{"attempts": s.Attempts}, Context: s.last()}
}

// endpointOf gives the address as people may see it, without a password in it.
func endpointOf(v values) string {
	u, err := parseURL("endpoint", v.text("endpoint"), nil)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

package cases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"prana/engine/cases"
	"prana/engine/flow"
	"prana/engine/node"
)

const flows = `
id: pick
variables: {limit: 3}
nodes:
  - {key: start, type: acme.trigger}
  - {key: choose, type: acme.choose, params: {n: $input.n}}
  - {key: ask, type: acme.ask, settings: {on_error: continue_error_output}}
  - {key: undo, type: acme.tell}
  - {key: small, type: acme.tell, params: {text: "{{ $env.REGION }} {{ $secrets.key }} {{ $vars.limit }} {{ $now }}"}, settings: {on_cancel: undo}}
connections: [start -> choose, choose.large -> ask, choose.small -> small]
`

func types(w cases.World) []node.Type {
	return []node.Type{
		{Name: "acme.trigger", Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{PassInput: true}, nil }},
		{Name: "acme.choose", Outputs: []string{"large", "small", "none"}, Fields: []node.Field{{Name: "n", Kind: node.Int}}, Run: choose},
		{Name: "acme.tell", Fields: []node.Field{{Name: "text", Kind: node.String}}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			return node.Outcome{Output: c.Params["text"]}, nil
		}},
		{Name: "acme.ask", Run: func(ctx context.Context, _ *node.Call) (node.Outcome, error) {
			status, _, body, err := w(ctx, "GET", "example.com/x")
			return node.Outcome{Output: map[string]any{"status": status, "body": string(body)}}, err
		}},
	}
}

func choose(_ context.Context, c *node.Call) (node.Outcome, error) {
	port := "small"
	if n, _ := c.Params["n"].(int); n > 3 {
		port = "large"
	}
	return node.Outcome{Port: port, Output: c.Params["n"]}, nil
}

// played plays one case, given as what stands below its name, and gives its result with the coverage.
func played(t *testing.T, head, text string) (cases.Result, cases.Coverage) {
	t.Helper()
	src := "workflow: pick.yaml\n" + head + "cases:\n  - name: it\n" + text
	suite, found, err := cases.Load("pick_test.yaml", []byte(src), cases.Options{Types: types, Read: func(file string) ([]byte, error) {
		if file != "pick.yaml" {
			return nil, errors.New("no such file")
		}
		return []byte(flows), nil
	}})
	if err != nil || suite == nil {
		t.Fatalf("%v %v\n%s", err, found, src)
	}
	r := suite.Play(t.Context(), suite.Cases[0])
	var tally cases.Tally
	tally.Add(suite, []cases.Result{r})
	return r, tally.Coverage()[0]
}

func TestWhatACaseIsGiven(t *testing.T) {
	t.Parallel()
	head := "variables: {limit: 9}\nsecrets: {key: k}\nenv: {REGION: eu}\nnow: 2026-03-02T07:00:00Z\nstubs: {ask: {output: 1}}\n"
	for name, text := range map[string]string{
		"its surroundings":             "    input: {n: 1}\n    want: {output: \"eu k 9 2026-03-02T07:00:00Z\"}\n",
		"a time of its own":            "    input: {n: 1}\n    now: 2027-01-01T00:00:00Z\n    want: {output: \"eu k 9 2027-01-01T00:00:00Z\"}\n",
		"a stub of the file":           "    input: {n: 4}\n    want: {output: 1, path: [start, choose.large, ask]}\n",
		"a stub of its own":            "    input: {n: 4}\n    stubs: {ask: {output: 2}}\n    want: {output: 2}\n",
		"a stub that leaves by a port": "    input: {n: 4}\n    stubs: {choose: {port: none}}\n    want: {path: [start, choose.none]}\n",
		"a stub that fails":            "    input: {n: 4}\n    stubs: {ask: {error: {code: down, message: gone}}}\n    want: {nodes: {ask: {port: error, error: down}}}\n",
	} {
		if r, _ := played(t, head, text); r.Status != cases.Passed {
			t.Errorf("%s: %v", name, r.Failures)
		}
	}
}

func TestWhatTheWorldAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, wrong string }{
		"data":           {"    http: {GET example.com/x: {status: 201, body: {a: 1}}}\n    want: {output: {status: 201, body: '{\"a\":1}'}}\n", ""},
		"a text":         {"    http: {GET example.com/x: {body: hello}}\n    want: {output: {status: 200, body: hello}}\n", ""},
		"no answer":      {"    http: {GET example.com/x: {error: refused}}\n    want: {nodes: {ask: {port: error}}}\n", ""},
		"another method": {"    http: {POST example.com/x: {}}\n    want: {nodes: {ask: {port: error}}}\n", "GET example.com/x was asked"},
	} {
		r, _ := played(t, "env: {REGION: eu}\n", "    input: {n: 4}\n"+c.text)
		if text := fmt.Sprint(r.Failures); (r.Status == cases.Passed) != (c.wrong == "") || !strings.Contains(text, c.wrong) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestCoverageKnowsWhatIsNotTaken(t *testing.T) {
	t.Parallel()
	_, c := played(t, "env: {REGION: eu}\n", "    input: {n: 1}\n    want: {status: completed}\n")
	var missing []string
	for _, b := range c.Missing {
		missing = append(missing, b.String())
	}
	if want := []string{"choose.none", "undo", "choose.large -> ask"}; c.Branches != 5 || c.Taken != 2 || !slices.Equal(missing, want) {
		t.Errorf("%d of %d, missing %q; want %q", c.Taken, c.Branches, missing, want)
	}
}

// TestAnythingStandsForSomething: the text … is not met by nothing.
func TestAnythingStandsForSomething(t *testing.T) {
	t.Parallel()
	for output, passes := range map[string]bool{"{a: 1}": true, "text": true, "[]": true, "''": false, "null": false} {
		r, _ := played(t, "env: {REGION: eu}\n", "    input: {n: 4}\n    stubs: {ask: {output: {x: "+output+"}}}\n    want: {output: {x: …}}\n")
		if (r.Status == cases.Passed) != passes {
			t.Errorf("%s: %v", output, r.Failures)
		}
	}
}

// TestNumbersAreCompared by value, as the store keeps them.
func TestNumbersAreCompared(t *testing.T) {
	t.Parallel()
	r, _ := played(t, "env: {REGION: eu}\n", "    input: {n: 4}\n    stubs: {ask: {output: [1, 1.5, 9007199254740993]}}\n    want: {output: [1, 1.5, 9007199254740993], status: "+string(flow.Completed)+"}\n")
	if r.Status != cases.Passed {
		t.Error(r.Failures)
	}
}

// TestALongPathIsCut in what people read, not in the data.
func TestALongPathIsCut(t *testing.T) {
	t.Parallel()
	r := cases.Result{Path: make([]string, 1000)}
	for i := range r.Path {
		r.Path[i] = fmt.Sprint("n", i)
	}
	if got := r.Ran(); !strings.HasPrefix(got, "ran: n0 n1 ") || !strings.Contains(got, " n29 … 960 more … n990 ") || !strings.HasSuffix(got, " n999") {
		t.Errorf("got %s", got)
	}
}

// TestManyUnansweredAddressesAreCounted: what a loop asks for is not told a thousand times.
func TestManyUnansweredAddressesAreCounted(t *testing.T) {
	t.Parallel()
	nosy := func(w cases.World) []node.Type {
		return append(types(w), node.Type{Name: "acme.nosy", Run: func(ctx context.Context, _ *node.Call) (node.Outcome, error) {
			for i := range 1000 {
				_, _, _, _ = w(ctx, "GET", fmt.Sprint("example.com/", i)) //nolint:dogsled // nobody answers
			}
			return node.Outcome{}, nil
		}})
	}
	src := "workflow: a.yaml\ncases:\n  - {name: it, want: {status: completed}}\n"
	asks := "id: a\nnodes:\n  - {key: start, type: acme.trigger}\n  - {key: ask, type: acme.nosy}\nconnections: [start -> ask]\n"
	suite, found, err := cases.Load("a_test.yaml", []byte(src), cases.Options{Types: nosy, Read: func(string) ([]byte, error) { return []byte(asks), nil }})
	if err != nil || suite == nil {
		t.Fatal(err, found)
	}
	r := suite.Play(t.Context(), suite.Cases[0])
	if n := len(r.Failures); n != 11 || !strings.HasPrefix(r.Failures[n-1].Message, "990 more addresses were asked") {
		t.Errorf("%d failures: %v", n, r.Failures)
	}
}

// TestAllowedNamesAreEmpty: what the configuration lets expressions read is there in a test too, and says nothing unless the file does.
func TestAllowedNamesAreEmpty(t *testing.T) {
	t.Parallel()
	src := "workflow: a.yaml\ncases:\n  - {name: it, want: {output: \"<>\"}}\n"
	flow := "id: a\nnodes:\n  - {key: start, type: acme.trigger}\n  - {key: tell, type: acme.tell, params: {text: \"<{{ $env.REGION }}>\"}}\nconnections: [start -> tell]\n"
	suite, found, err := cases.Load("a_test.yaml", []byte(src), cases.Options{
		Types: types, EnvAllow: []string{"REGION"}, Read: func(string) ([]byte, error) { return []byte(flow), nil },
	})
	if err != nil || suite == nil {
		t.Fatal(err, found)
	}
	if r := suite.Play(t.Context(), suite.Cases[0]); r.Status != cases.Passed {
		t.Error(r.Failures)
	}
}

// TestACaseOfAScheduleSaysWhatStartsIt: a case can be a tick of a schedule; one that says nothing is told that it is none.
func TestACaseOfAScheduleSaysWhatStartsIt(t *testing.T) {
	t.Parallel()
	flows := "id: a\nnodes:\n  - {key: start, type: schedule.cron_trigger}\n"
	cron := func(w cases.World) []node.Type {
		return append(types(w), node.Type{Name: flow.CronTrigger, Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{PassInput: true}, nil
		}})
	}
	for input, warned := range map[string]bool{"": true, "input: null, ": true, "input: {}, ": false, "input: {scheduled_at: 2026-03-02T07:00:00Z}, ": false} {
		src := "workflow: a.yaml\ncases:\n  - {name: it, " + input + "want: {status: completed}}\n"
		suite, found, err := cases.Load("a_test.yaml", []byte(src), cases.Options{Types: cron, Read: func(string) ([]byte, error) { return []byte(flows), nil }})
		if err != nil || suite == nil {
			t.Fatal(err, found)
		}
		if told := len(found) == 1 && found[0].Line == 3 && strings.Contains(found[0].Message, "not by its schedule"); told != warned || !warned && len(found) > 0 {
			t.Errorf("%q: %v", input, found)
		}
		if r := suite.Play(t.Context(), suite.Cases[0]); r.Status != cases.Passed {
			t.Errorf("%q: %v", input, r.Failures)
		}
	}
}

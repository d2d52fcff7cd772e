// Package scripttest plays scenario files: the tests of the engine itself that are a workflow and a list of commands. Users write
// cases in YAML instead, which package enginetest runs.
package scripttest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/sim"
)

// Run runs every scenario file that matches the pattern as a subtest. A
// file holds sections that begin with a line "-- name --": each section whose
// name ends in .yaml is a workflow, deployed in order, and the section "script"
// says what happens and what must come of it. What stands before the first section is comment.
//
//	start INPUT              begin an execution of the first workflow; it is looked at from here on
//	start WORKFLOW INPUT     … of another
//	start_at DURATION INPUT  … of the first, at a later time
//	start_from NODE INPUT    … of the first, from a node
//	start_only NODE INPUT    … of the first, and only that node of it
//	publish TYPE DATA        offer an event to all
//	publish_first TYPE DATA  … to the oldest wait only
//	resume NODE DATA         end a wait by hand; "-" for the only one
//	cancel REASON
//	terminate REASON
//	pause [REASON]
//	unpause
//	retry [ID]
//	rerun [NODE [INPUT]]     run it again, from a node on; the new execution is looked at from here on
//	advance DURATION         let time pass (24h, 1500ms)
//	lose                     forget every task
//	on N                     look at the N-th execution that was started (from 1)
//	on child N               look at the N-th child of the one looked at
//	want status STATUS
//	want path KEY KEY …      see enginetest.Env.Path
//	want output JSON
//	want error CODE
//	want result NODE JSON    what the last run of a node left
//	want runs NODE N
//	want ran KEY KEY …       the same as path, in any order
//	want waits [NODE=TYPE …]
//	want children N
//	want generation N        how often it was retried
//	want kept KEY …          the runs that a rerun kept, in any order; see path
//	want attempts NODE N     … failed attempts of the last run of a node are remembered
//	want notices NAME …      without node_starting, each with ":node" where it has one
//	want refused CODE        by the command before
//
// Work is worked off after every command. DATA, INPUT and JSON reach to the end of the line.
func Run(t *testing.T, pattern string, types ...node.Type) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			play(t, enginetest.New(t, types...), string(src))
		})
	}
}

// section is a named part of a scenario file.
type section struct{ name, text string }

func sections(src string) []section {
	var all []section
	for line := range strings.Lines(src) {
		bare := strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(bare, "-- "); ok && strings.HasSuffix(name, " --") {
			all = append(all, section{name: strings.TrimSpace(strings.TrimSuffix(name, "--"))})
			continue
		}
		if n := len(all); n > 0 {
			all[n-1].text += line
		}
	}
	return all
}

func play(t *testing.T, env *enginetest.Env, src string) {
	t.Helper()
	s := &script{t: t, env: env}
	for _, part := range sections(src) {
		if strings.HasSuffix(part.name, ".yaml") {
			s.workflows = append(s.workflows, env.Deploy(part.text))
		}
		if part.name == "script" {
			s.run(part.text)
		}
	}
}

// script is a scenario under way.
type script struct {
	t         *testing.T
	env       *enginetest.Env
	workflows []string
	started   []string
	id        string // looked at
	refused   error  // of the command before
}

func (s *script) run(text string) {
	for n, line := range slices.Collect(strings.Lines(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s.line(n+1, line)
		if s.t.Failed() {
			s.t.Fatalf("script line %d: %s", n+1, line)
		}
	}
	s.accepted()
}

// accepted ends the test when the last command was refused and the script did not expect that.
func (s *script) accepted() {
	if s.refused != nil {
		s.t.Fatalf("a command was refused: %v", s.refused)
	}
}

func (s *script) line(n int, line string) {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if name == "want" {
		what, rest, _ := strings.Cut(rest, " ")
		check, ok := wants[what]
		if !ok {
			s.t.Fatalf("line %d: nothing is known of %q", n, line)
		}
		check(s, strings.TrimSpace(rest))
		return
	}
	do, ok := commands[name]
	if !ok {
		s.t.Fatalf("line %d: there is no command %q", n, name)
	}
	s.accepted()
	s.refused = do(s, rest)
	s.env.Run()
}

var commands = map[string]func(s *script, rest string) error{
	"start":    (*script).start,
	"start_at": (*script).startAt,
	"start_from": func(s *script, rest string) error {
		return s.startFrom(rest, false)
	},
	"start_only": func(s *script, rest string) error {
		return s.startFrom(rest, true)
	},
	"publish": func(s *script, rest string) error {
		return s.publish(rest, 0)
	},
	"publish_first": func(s *script, rest string) error {
		return s.publish(rest, 1)
	},
	"resume": func(s *script, rest string) error {
		node, data, _ := strings.Cut(rest, " ")
		if node == "-" {
			node = ""
		}
		_, err := s.env.Engine().Resume(s.t.Context(), flow.ResumeRequest{Execution: s.id, Node: node, Data: json.RawMessage(data)})
		return err
	},
	"cancel": func(s *script, rest string) error {
		return s.env.Engine().Cancel(s.t.Context(), flow.CancelRequest{Execution: s.id, Reason: rest})
	},
	"terminate": func(s *script, rest string) error {
		return s.env.Engine().Terminate(s.t.Context(), flow.CancelRequest{Execution: s.id, Reason: rest})
	},
	"pause": func(s *script, rest string) error {
		return s.env.Engine().Pause(s.t.Context(), flow.PauseRequest{Execution: s.id, Reason: rest})
	},
	"unpause": func(s *script, _ string) error {
		return s.env.Engine().Unpause(s.t.Context(), flow.PauseRequest{Execution: s.id})
	},
	"retry": func(s *script, rest string) error {
		_, err := s.env.Engine().Retry(s.t.Context(), flow.RetryRequest{Execution: s.id, ID: rest})
		return err
	},
	"rerun": func(s *script, rest string) error {
		node, input, _ := strings.Cut(rest, " ")
		res, err := s.env.Engine().Rerun(s.t.Context(), flow.RerunRequest{Execution: s.id, From: node, Input: rawOrNil(input)})
		if err == nil {
			s.id = res.ExecutionID
			s.started = append(s.started, s.id)
		}
		return err
	},
	"advance": func(s *script, rest string) error {
		s.env.Advance(s.duration(rest))
		return nil
	},
	"lose": func(s *script, _ string) error {
		s.env.Lose()
		return nil
	},
	"on": (*script).on,
}

func (s *script) start(rest string) error {
	workflow := s.workflows[0]
	if first, input, _ := strings.Cut(rest, " "); slices.Contains(s.workflows, first) {
		workflow, rest = first, input
	}
	return s.begin(flow.StartRequest{Workflow: workflow, Input: json.RawMessage(rest)})
}

func (s *script) startAt(rest string) error {
	in, input, _ := strings.Cut(rest, " ")
	return s.begin(flow.StartRequest{Workflow: s.workflows[0], Input: json.RawMessage(input), StartAt: s.env.Now().Add(s.duration(in))})
}

func (s *script) startFrom(rest string, only bool) error {
	node, input, _ := strings.Cut(rest, " ")
	return s.begin(flow.StartRequest{Workflow: s.workflows[0], Input: json.RawMessage(input), From: node, Only: only})
}

func (s *script) begin(r flow.StartRequest) error {
	res, err := s.env.Engine().Start(s.t.Context(), r)
	if err == nil {
		s.id = res.ExecutionID
		s.started = append(s.started, s.id)
	}
	return err
}

func (s *script) publish(rest string, limit int) error {
	eventType, data, _ := strings.Cut(rest, " ")
	_, err := s.env.Engine().Publish(s.t.Context(), flow.Event{Type: eventType, Data: json.RawMessage(data), Limit: limit})
	return err
}

func (s *script) on(rest string) error {
	list := s.started
	if n, ok := strings.CutPrefix(rest, "child "); ok {
		list, rest = s.env.Children(s.id), n
	}
	n := s.number(rest)
	if n < 1 || n > len(list) {
		s.t.Fatalf("there is no execution number %d of %d", n, len(list))
	}
	s.id = list[n-1]
	return nil
}

var wants = map[string]func(s *script, rest string){
	"status": func(s *script, rest string) { s.env.WantStatus(s.id, flow.Status(rest)) },
	"path":   func(s *script, rest string) { s.env.WantPath(s.id, strings.Fields(rest)...) },
	"output": func(s *script, rest string) { s.env.WantOutput(s.id, json.RawMessage(rest)) },
	"error":  func(s *script, rest string) { s.env.WantError(s.id, rest) },
	"result": (*script).wantResult,
	"runs": func(s *script, rest string) {
		node, n, _ := strings.Cut(rest, " ")
		s.equal("number of runs of "+node, strconv.Itoa(s.env.Runs(s.id, node)), n)
	},
	"ran": func(s *script, rest string) {
		got, want := s.env.Path(s.id), strings.Fields(rest)
		slices.Sort(got)
		slices.Sort(want)
		s.equal("path", strings.Join(got, " "), strings.Join(want, " "))
	},
	"waits": func(s *script, rest string) {
		var got []string
		for _, w := range s.env.Execution(s.id).Suspensions {
			got = append(got, w.Node+"="+w.Type)
		}
		s.equal("waits", strings.Join(got, " "), rest)
	},
	"children": func(s *script, rest string) {
		s.equal("number of children", strconv.Itoa(len(s.env.Children(s.id))), rest)
	},
	"kept": (*script).wantKept,
	"generation": func(s *script, rest string) {
		s.equal("generation", strconv.Itoa(s.env.Execution(s.id).Generation), rest)
	},
	"attempts": func(s *script, rest string) {
		name, n, _ := strings.Cut(rest, " ")
		s.equal("failed attempts of "+name, strconv.Itoa(len(s.env.NodeRun(s.id, name, s.env.Runs(s.id, name)-1).Attempts)), n)
	},
	"notices": func(s *script, rest string) {
		s.equal("notices", strings.Join(s.notices(), " "), strings.Join(strings.Fields(rest), " "))
	},
	"refused": func(s *script, rest string) {
		if p := flow.AsProblem(s.refused); p == nil || p.Code != rest {
			s.t.Errorf("the answer was %v, want code %s", s.refused, rest)
		}
		s.refused = nil
	},
}

func (s *script) wantKept(rest string) {
	want, got := strings.Fields(rest), []string{}
	for _, r := range s.env.Execution(s.id).Nodes {
		if r.Kept {
			got = append(got, sim.RunName(r))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	s.equal("kept", strings.Join(got, " "), strings.Join(want, " "))
}

// rawOrNil tells an input that was not given from null.
func rawOrNil(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func (s *script) wantResult(rest string) {
	name, want, _ := strings.Cut(rest, " ")
	last := s.env.NodeRun(s.id, name, s.env.Runs(s.id, name)-1)
	if !same(last.Output, want) {
		s.t.Errorf("node %s left %s, want %s", name, last.Output, want)
	}
}

// same compares two JSON values.
func same(got json.RawMessage, want string) bool {
	g, err := flow.Decode(got)
	w, werr := flow.Decode([]byte(want))
	return err == nil && werr == nil && reflect.DeepEqual(g, w)
}

// notices names what middleware was told of the execution, without what is not stored.
func (s *script) notices() []string {
	var names []string
	for _, n := range s.env.Notices(s.id) {
		switch {
		case n.Name == flow.NodeStarting:
		case n.Node == "":
			names = append(names, n.Name)
		default:
			names = append(names, n.Name+":"+n.Node)
		}
	}
	return names
}

func (s *script) equal(what, got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: got\n  %s, want\n  %s", what, got, want)
	}
}

func (s *script) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return d
}

func (s *script) number(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return n
}

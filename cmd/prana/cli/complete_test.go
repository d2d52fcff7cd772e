package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// completed gives what cobra tells a shell: the offers, and the number of the directive.
func completed(t *testing.T, server string, words ...string) (offers []string, directive string) {
	t.Helper()
	r := prana(t, server, append([]string{"__complete"}, words...)...)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	last := len(lines) - 1
	if r.code != 0 || !strings.HasPrefix(lines[last], ":") {
		t.Fatalf("%v: %+v", words, r)
	}
	return lines[:last], lines[last]
}

// town is a server with something of everything.
func town(t *testing.T) *fake {
	t.Helper()
	began := time.Now().Add(-time.Hour)
	x := func(id string, s flow.Status) flow.Summary {
		return flow.Summary{ID: anID(id), Workflow: "order", Status: s, CreatedAt: began, Tags: map[string]string{"team": "a", "of": id}}
	}
	wait := func(id, kind, data string) flow.Suspension {
		return flow.Suspension{ExecutionID: anID(id), Workflow: "order", Node: "n" + id, Type: kind, Data: []byte(data), SuspendedAt: began}
	}
	w := flow.Workflow{
		ID: "order", Nodes: []flow.Node{{Key: "start", Type: "manual.trigger"}, {Key: "pay", Type: "http.request"}},
		InputSchema: []byte(`{"properties":{"name":{"type":"string"},"n":{"type":"integer","title":"How many"}}}`),
	}
	return newFake(t, map[string]any{
		"GET /v1/executions": flow.Page[flow.Summary]{Items: []flow.Summary{
			x("0run", flow.Running), x("0fail", flow.Failed), x("0done", flow.Completed), x("0sick", flow.Quarantined),
		}},
		"GET /v1/executions/" + anID("0run"): &flow.View{Summary: x("0run", flow.Running), Nodes: []flow.NodeRun{
			{Node: "start", Type: "manual.trigger", Status: flow.StepCompleted}, {Node: "pay", Type: "http.request", Status: flow.StepFailed}, {Node: "pay"},
		}},
		"GET /v1/suspensions": flow.Page[flow.Suspension]{Items: []flow.Suspension{
			wait("0run", flow.ExternalEvent, `{"event_type":"paid"}`), wait("0run", flow.ExternalEvent, `{"event_type":"paid"}`), wait("0ask", flow.Approval, `{"title":"Buy\tit\n?"}`),
		}},
		"GET /v1/workflows":                flow.Page[flow.WorkflowInfo]{Items: []flow.WorkflowInfo{{ID: "order", Name: "An order"}, {ID: "other"}}},
		"GET /v1/workflows/order":          map[string]any{"id": "order", "version": "v1", "definition": w},
		"GET /v1/workflows/order/versions": flow.Page[flow.WorkflowInfo]{Items: []flow.WorkflowInfo{{ID: "order", Version: "v1", CreatedAt: began}}},
		"GET /v1/hooks":                    flow.Page[flow.HookView]{Items: []flow.HookView{{Name: "shop", Event: "paid"}}},
		"GET /v1/hooks/shop/deliveries":    flow.Page[flow.Delivery]{Items: []flow.Delivery{{ID: "d1", Outcome: "accepted", At: began}}},
	})
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	f := town(t)
	running, failed := anID("0run")+"\torder running, 1h ago", anID("0fail")+"\torder failed, 1h ago"
	sick, finished := anID("0sick")+"\torder quarantined, 1h ago", anID("0done")+"\torder completed, 1h ago"
	paying, asking := anID("0run")+"\torder waits for event paid, for 1h", anID("0ask")+"\torder waits for somebody to approve: Buy it ?, for 1h"
	for line, want := range map[string][]string{
		"show ":                               {running, failed, finished, sick},
		"show 0d":                             {finished},
		"history 0f":                          {failed},
		"explain 0f":                          {failed},
		"explain ":                            {running, failed, finished, sick},
		"explain egr":                         {"egress_denied\tcode"},
		"result " + anID("0a") + " ":          nil,
		"cancel ":                             {running, sick},
		"cancel " + anID("0run") + " ":        {sick},
		"retry ":                              {failed, sick},
		"rerun ":                              {failed, finished, sick},
		"resume ":                             {paying, asking},
		"approve ":                            {paying, asking}, // the fake does not filter
		"relations 0r":                        {running},
		"suspended --execution 0r":            {running},
		"relations --parent 0r":               {running},
		"resume " + anID("0run") + " --node ": {"n0run\twaits for event paid", "n0run\twaits for event paid", "n0ask\twaits for somebody to approve: Buy it ?"},
		"rerun " + anID("0run") + " --from ":  {"start\tmanual.trigger completed", "pay\thttp.request failed"},
		"rerun 0run --from p":                 {"pay\thttp.request failed"},
		"run o":                               {"order\tAn order", "other"},
		"run order --from ":                   {"start\tmanual.trigger", "pay\thttp.request"},
		"run order --version ":                {"v1\tpublished 1h ago"},
		"run order -i ":                       {"n:=\tHow many (integer)", "name=\tname"},
		"workflows show or":                   {"order\tAn order"},
		"list --workflow oth":                 {"other"},
		"list --status c":                     {"cancelling", "completed", "cancelled"},
		"list --since ":                       nil,
		"list --tag t":                        {"team=a\t4 executions"},
		"run order --tag of=0f":               {"of=0fail\t1 execution"},
		"cancel --parent 0r":                  {running},
		"list -o j":                           {"json", "jsonl"},
		"suspended --type ext":                {"external_event"},
		"suspended --event-type ":             {"paid\t2 waits"},
		"event send ":                         {"paid\t2 waits"},
		"hooks sho":                           {"show\tShow a delivery with its body", "shop\tpaid"},
		"hooks show ":                         {"shop\tpaid"},
		"hooks show shop ":                    {"d1\taccepted, 1h ago"},
		"nodes time.":                         {"time.delay\tWaits for a time, durably, however short or long."},
		"config worker.serv":                  {"worker.servers\t2"},
		"run testdata/good.yaml --from g":     {"greet\tdata.set_data"},
		"graph --format m":                    {"mermaid"},
		"completion b":                        {"bash\tGenerate the autocompletion script for bash"},
		"test " + shopTests + " --case an":    {"an address that nobody answers\t" + shopTests},
		"eval ":                               nil,
	} {
		if got, directive := completed(t, f.url, strings.Split(line, " ")...); !slices.Equal(got, want) || directive == ":0" {
			t.Errorf("%s<TAB> offers %q (%s), want %q", line, got, directive, want)
		}
	}
}

// TestCompletionOfFiles is left to the shell, which is told what fits.
func TestCompletionOfFiles(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"validate ": "yaml yml json :8", "deploy x.yaml ": "yaml yml json :8", "fmt a": "yaml yml json :8", "run ./": "yaml yml json :8",
		"dev ": ":16", "init ": ":16", "dev --data-dir ": ":16", "list --config ": "yaml yml :8", "bench --cpuprofile ": ":0",
		"show ": ":36", "list ": ":4", "dev . ": ":4",
	} {
		offers, directive := completed(t, "", strings.Split(line, " ")...)
		if got := strings.Join(append(offers, directive), " "); got != want {
			t.Errorf("%s<TAB> gives %s, want %s", line, got, want)
		}
	}
}

// TestCompletionIsSilent where there is no server, no right to ask it, or a wrong configuration.
func TestCompletionIsSilent(t *testing.T) {
	t.Parallel()
	failing := newFake(t, map[string]any{"GET /v1/executions": flow.ErrUnavailable})
	for _, server := range []string{"http://127.0.0.1:1", "nonsense", failing.url} {
		r := prana(t, server, "__complete", "show", "")
		if r.stdout != ":36\n" || strings.Contains(r.stderr, "prana:") {
			t.Errorf("%s: %+v", server, r)
		}
	}
}

// TestCompletionGivesUp: a shell hangs no longer than a moment on a server that does.
func TestCompletionGivesUp(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
	if offers, _ := completed(t, f.url, "show", ""); len(offers) != 0 {
		t.Errorf("offers %v", offers)
	}
	if n := len(f.asked()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestEveryPlaceholderCompletes: one that a new verb has is offered something, or is known to be free text.
func TestEveryPlaceholderCompletes(t *testing.T) {
	t.Parallel()
	sh := &shell{}
	table := sh.offers()
	free := []string{"EXPR"}
	for cmd := range verbs(sh.root()) {
		for _, p := range placeholders(cmd) {
			if table.find(cmd, p.text) == nil && !slices.Contains(free, p.text) {
				t.Errorf("%s: nothing is offered for %s", cmd.CommandPath(), p.text)
			}
		}
	}
	for what := range table {
		verb, word, ok := cutLast(what)
		if cmd, _, err := sh.root().Find(strings.Fields(verb)); ok && (err != nil || cmd.Parent() == nil) {
			t.Errorf("%q is offered to no verb", word)
		}
	}
}

// cutLast cuts the last word off; ok tells whether there are others.
func cutLast(text string) (before, last string, ok bool) {
	i := strings.LastIndexByte(text, ' ')
	return text[:max(i, 0)], text[i+1:], i >= 0
}

// TestBashCompletes: the script that prana makes for bash works there. Of the package bash-completion, which it builds on,
// the one function that it needs is here.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("this test needs bash:", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, f := t.TempDir(), town(t)
	script := filepath.Join(dir, "prana.bash")
	if err := os.WriteFile(script, []byte(prana(t, "", "completion", "bash").stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "prana")); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"prana cance":               "cancel",
		"prana show 0d":             anID("0done"),
		"prana list --workflow oth": "other",
		"prana list --status quar":  "quarantined",
	} {
		words := strings.Fields(line)
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "-c", fmt.Sprintf(`
			compopt() { :; } # only within a real completion
			_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
			source %s
			COMP_WORDS=(%s) COMP_CWORD=%d COMP_LINE=%q COMP_POINT=%d COMP_TYPE=9
			__start_prana
			printf '%%s\n' "${COMPREPLY[@]}"`, script, line, len(words)-1, line, len(line)))
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "PRANA_SERVER=" + f.url}
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s<TAB> gives %q, %v; want %q", line, got, err, want)
		}
	}
}

// TestScripts: every shell gets one, and nobody else.
func TestScripts(t *testing.T) {
	t.Parallel()
	for shell, mark := range map[string]string{"bash": "complete -o", "zsh": "#compdef prana", "fish": "complete -c prana", "powershell": "Register-ArgumentCompleter"} {
		prana(t, "", "completion", shell).wants(t, 0, mark, "")
	}
	prana(t, "", "completion").wants(t, 2, "", "bash, zsh, fish or powershell")
	prana(t, "", "completion", "tcsh").wants(t, 2, "", "tcsh")
}

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"prana/config"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

// patience is how long a shell waits for what a server has to offer.
const patience = time.Second

// suspendTypes are those that come with the engine; nodes of users may have others.
var suspendTypes = []string{
	flow.ExternalEvent, flow.SubWorkflow, flow.Polling, flow.Delay, flow.Retry, flow.Webhook, flow.TimedWait, flow.Approval, flow.Concurrency, flow.CustomWait,
}

// offers is the table of what is offered where. Placeholders and flags that it does not have are free text.
func (sh *shell) offers() offerTable {
	definitions := files("yaml", "yml", "json")
	executions := sh.executions(nil)
	return offerTable{
		"ID":              executions,
		"ID|CODE":         sh.explainable,
		"--execution":     executions,
		"--parent":        executions,
		"--tag":           sh.asked(tagsOfNewest),
		"--child":         executions,
		"cancel ID":       sh.executions(isCancellable),
		"terminate ID":    sh.executions(isLive),
		"pause ID":        sh.executions(isPausable),
		"unpause ID":      sh.executions(isPaused),
		"retry ID":        sh.executions(isBroken),
		"rerun ID":        sh.executions(isOver),
		"approve ID":      sh.waiting(flow.Approval),
		"reject ID":       sh.waiting(flow.Approval),
		"ID|SUSPENSION":   sh.waiting(""),
		"--node":          sh.asked(sh.waitingNodes),
		"rerun --from":    sh.asked(sh.nodesThatRan),
		"rerun --version": fixed("latest"),

		"WORKFLOW":      sh.asked(workflowIDs),
		"--workflow":    sh.asked(workflowIDs),
		"FILE|WORKFLOW": sh.startable,
		"run --from":    sh.nodesOf,
		"run --input":   sh.inputsOf,
		"--version":     sh.asked(versionsOf),

		"FILE":               definitions,
		"FILE|DIR":           definitions,
		"DIR":                directories,
		"--config":           files("yaml", "yml"),
		"--data-dir":         directories,
		"bench --cpuprofile": files(),
		"test --case":        sh.caseNames,
		"--junit":            files("xml"),

		"event send TYPE":   sh.asked(eventTypes),
		"--event-type":      sh.asked(eventTypes),
		"hooks NAME":        sh.asked(hookNames),
		"hooks show NAME":   sh.asked(hookNames),
		"hooks replay NAME": sh.asked(hookNames),
		"queues NAME":       sh.asked(queueNames),
		"TASK":              sh.asked(deadIDs),
		"DELIVERY":          sh.asked(deliveryIDs),
		"nodes TYPE":        sh.nodeTypes,
		"KEY":               sh.settingKeys,

		"--status":    fixed(texts(flow.Statuses())...),
		"--type":      fixed(suspendTypes...),
		"--output":    fixed(formats...),
		"--format":    fixed(graphFormats...),
		"--to":        fixed("yaml", "json"),
		"--log-level": fixed("debug", "info", "warn", "error"),
	}
}

func texts[S ~string](words []S) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

// asked offers what a server has; nothing, and in silence, when there is none or it takes too long.
func (sh *shell) asked(ask func(ctx context.Context, c *client.Client, args []string) ([]cobra.Completion, error)) offers {
	return func(ctx context.Context, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var all []cobra.Completion
		_ = sh.asking(func(ctx context.Context, c *client.Client, args []string) (err error) {
			all, err = ask(ctx, c, args)
			return err
		})(ctx, args)
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// executions offers the newest that a verb can do something with.
func (sh *shell) executions(can func(flow.Status) bool) offers {
	return sh.asked(func(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
		page, err := c.List(ctx, flow.ExecutionFilter{Limit: newest})
		var all []cobra.Completion
		for _, x := range page.Items {
			if can == nil || can(x.Status) {
				all = append(all, offer(x.ID, fmt.Sprintf("%s %s, %s ago", x.Workflow, x.Status, age(x.CreatedAt))))
			}
		}
		return all, err
	})
}

func age(t time.Time) string { return explain.Span(time.Since(t)) }

// waiting offers the executions in which something of that type waits.
func (sh *shell) waiting(kind string) offers {
	return sh.asked(func(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
		page, err := c.Suspensions(ctx, flow.SuspensionFilter{Type: kind, Limit: newest})
		var all []cobra.Completion
		seen := map[string]bool{}
		for _, s := range page.Items {
			if !seen[s.ExecutionID] {
				seen[s.ExecutionID] = true
				all = append(all, offer(s.ExecutionID, fmt.Sprintf("%s %s, for %s", s.Workflow, waits(s), age(s.SuspendedAt))))
			}
		}
		return all, err
	})
}

// waitingNodes are those of the execution that wait.
func (sh *shell) waitingNodes(ctx context.Context, c *client.Client, args []string) ([]cobra.Completion, error) {
	id, err := sh.named(ctx, c, args)
	if err != nil {
		return nil, err
	}
	page, err := c.Suspensions(ctx, flow.SuspensionFilter{Execution: id})
	var all []cobra.Completion
	for _, s := range page.Items {
		all = append(all, offer(s.Node, waits(s)))
	}
	return all, err
}

// named is the execution whose id was written already.
func (sh *shell) named(ctx context.Context, c *client.Client, args []string) (string, error) {
	if len(args) == 0 {
		return "", errUsage
	}
	l := lookup{sh: sh, client: c}
	return l.whole(ctx, args[0])
}

// nodesThatRan are those of the execution, by the order in which they began.
func (sh *shell) nodesThatRan(ctx context.Context, c *client.Client, args []string) ([]cobra.Completion, error) {
	id, err := sh.named(ctx, c, args)
	if err != nil {
		return nil, err
	}
	v, err := c.Show(ctx, id)
	if err != nil {
		return nil, err
	}
	var all []cobra.Completion
	seen := map[string]bool{}
	for _, n := range v.Nodes {
		if !seen[n.Node] {
			seen[n.Node] = true
			all = append(all, offer(n.Node, n.Type+" "+string(n.Status)))
		}
	}
	return all, nil
}

func workflowIDs(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	list, err := c.Workflows(ctx)
	var all []cobra.Completion
	for _, w := range list {
		all = append(all, offer(w.ID, w.Name))
	}
	return all, err
}

func versionsOf(ctx context.Context, c *client.Client, args []string) ([]cobra.Completion, error) {
	if len(args) == 0 || isFile(args[0]) {
		return nil, nil
	}
	list, err := c.Versions(ctx, args[0])
	var all []cobra.Completion
	for _, w := range list {
		all = append(all, offer(w.Version, "published "+age(w.CreatedAt)+" ago"))
	}
	return all, err
}

// eventTypes are those that something waits for.
func eventTypes(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	page, err := c.Suspensions(ctx, flow.SuspensionFilter{Type: flow.ExternalEvent, Limit: newest})
	counts := map[string]int{}
	for _, s := range page.Items {
		var data struct {
			EventType string `json:"event_type"`
		}
		if json.Unmarshal(s.Data, &data) == nil && data.EventType != "" {
			counts[data.EventType]++
		}
	}
	var all []cobra.Completion
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, offer(name, counted(counts[name], "wait")))
	}
	return all, err
}

// tagsOfNewest are those that the newest executions have.
func tagsOfNewest(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	page, err := c.List(ctx, flow.ExecutionFilter{Limit: newest})
	counts := map[string]int{}
	for _, x := range page.Items {
		for name, value := range x.Tags {
			counts[name+"="+value]++
		}
	}
	var all []cobra.Completion
	for _, tag := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, offer(tag, counted(counts[tag], "execution")))
	}
	return all, err
}

func hookNames(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	page, err := c.Hooks(ctx)
	var all []cobra.Completion
	for _, h := range page.Items {
		all = append(all, offer(h.Name, strings.TrimSpace(h.Event+" "+h.Workflow)))
	}
	return all, err
}

func deliveryIDs(ctx context.Context, c *client.Client, args []string) ([]cobra.Completion, error) {
	page, err := c.Deliveries(ctx, flow.DeliveryFilter{Hook: args[0], Limit: maxOffers})
	var all []cobra.Completion
	for _, d := range page.Items {
		all = append(all, offer(d.ID, d.Outcome+", "+age(d.At)+" ago"))
	}
	return all, err
}

func queueNames(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	page, err := c.Queues(ctx, wire.QueueFilter{PageFilter: wire.PageFilter{Limit: newest}})
	var all []cobra.Completion
	for _, q := range page.Items {
		if name := cmp.Or(q.Name, q.Queue); !slices.Contains(all, name) { // a name has a queue in each partition
			all = append(all, name)
		}
	}
	return all, err
}

// deadIDs are the newest of those that were given up.
func deadIDs(ctx context.Context, c *client.Client, _ []string) ([]cobra.Completion, error) {
	page, err := c.Dead(ctx, wire.PageFilter{Limit: maxOffers})
	var all []cobra.Completion
	for _, d := range page.Items {
		all = append(all, offer(d.ID, d.Type+", "+d.Reason))
	}
	return all, err
}

// startable offers workflows and the definitions of this directory; files alone once a path is being typed.
func (sh *shell) startable(ctx context.Context, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.ContainsAny(typed, "./~") {
		return files("yaml", "yml", "json")(ctx, args, typed)
	}
	all, directive := sh.asked(workflowIDs)(ctx, args, typed)
	entries, _ := os.ReadDir(".")
	for _, e := range entries {
		if !e.IsDir() && isDefinition(e.Name()) && !isTests(e.Name()) && !strings.HasPrefix(e.Name(), ".") && e.Name() != "prana.yaml" {
			all = append(all, offer(e.Name(), "file"))
		}
	}
	return all, directive
}

// explainable offers executions, and codes to who began to write one.
func (sh *shell) explainable(ctx context.Context, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, directive := sh.executions(nil)(ctx, args, typed)
	if typed != "" {
		for _, code := range codes() {
			all = append(all, offer(code, "code"))
		}
	}
	return all, directive
}

// definitionOf is the workflow that run is given: of a file or of the server; nil when there is none.
func (sh *shell) definitionOf(ctx context.Context, args []string) (w *flow.Workflow) {
	if len(args) == 0 {
		return nil
	}
	if isFile(args[0]) {
		cfg, err := sh.loadAsUser()
		s, e := sh.readSource(args[0])
		if err != nil || e != nil || args[0] == "-" {
			return nil
		}
		w, _ = sh.checker(cfg).check(s)
		return w
	}
	sh.asked(func(ctx context.Context, c *client.Client, args []string) (_ []cobra.Completion, err error) {
		w, _, err = c.WorkflowSource(ctx, args[0], "")
		return nil, err
	})(ctx, args, "")
	return w
}

func (sh *shell) nodesOf(ctx context.Context, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	if w := sh.definitionOf(ctx, args); w != nil {
		for _, n := range w.Nodes {
			all = append(all, offer(n.Key, n.Type))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// inputsOf offers the members that the input schema of the workflow has. Those that are no texts are written with :=.
func (sh *shell) inputsOf(ctx context.Context, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	if w := sh.definitionOf(ctx, args); w != nil {
		var schema form
		_ = json.Unmarshal(w.InputSchema, &schema) // without one there is nothing to offer
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			sign := ":="
			if kind := schema.field(name)["type"]; kind == "string" || kind == nil {
				sign = "="
			}
			all = append(all, offer(name+sign, schema.label(name)))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// caseNames are those of the test files that were named.
func (sh *shell) caseNames(_ context.Context, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	files, _ := testFiles(args)
	for _, file := range files {
		src, _ := sh.readText(file)
		if tests, _, _ := definition.ReadTests(file, src); tests != nil {
			for _, c := range tests.Cases {
				all = append(all, offer(c.Name, file))
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (sh *shell) nodeTypes(context.Context, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	if cfg, err := sh.loadAsUser(); err == nil {
		for _, d := range sh.checker(cfg).registry.Describe() {
			all = append(all, offer(d.Name, d.Summary))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func (sh *shell) settingKeys(context.Context, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	settings, _ := config.Settings(sh.configOptions(nil))
	var all []cobra.Completion
	for _, s := range settings {
		all = append(all, offer(s.Key, s.Value))
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

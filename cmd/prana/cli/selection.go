package cli

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// maxSelection is how many executions one command takes at most.
const maxSelection = 100_000

// selection is which executions a verb is for: those that are named, or those that the filters of `prana list` choose, as
// far as the verb can do something with them.
type selection struct {
	verb string
	can  func(flow.Status) bool

	filter   flow.ExecutionFilter
	all, yes bool
}

func (s *selection) flags(cmd *cobra.Command) {
	filterFlags(cmd, &s.filter)
	cmd.Flags().BoolVar(&s.all, "all", false, "all of them, or all that the filters leave")
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask before doing it to those that filters chose")
}

// isSet tells whether executions are chosen by what they have in common.
func (s *selection) isSet() bool { return s.all || !reflect.ValueOf(s.filter).IsZero() }

// named gives the executions that are named, each once.
func (s *selection) named(ids []string) ([]string, error) {
	switch {
	case len(ids) == 0:
		return nil, usagef("which executions? Name them, or choose them with --status, --workflow, --tag, --parent, --error, --since, --until or --all")
	case s.isSet():
		return nil, usagef("name executions or choose them with filters, not both")
	}
	var each []string
	for _, id := range ids {
		if !slices.Contains(each, id) {
			each = append(each, id)
		}
	}
	return each, nil
}

// choose gives the executions that the verb is for, once somebody agreed to those that filters chose.
func (s *selection) choose(ctx context.Context, sh *shell, c *client.Client, ids []string) ([]string, error) {
	if len(ids) > 0 || !s.isSet() {
		return s.named(ids)
	}
	chosen, err := s.list(ctx, c)
	if err != nil || len(chosen) == 0 {
		return nil, err
	}
	what := s.verb + " " + counted(len(chosen), "execution")
	if err := sh.confirm(ctx, what, census(chosen), s.yes); err != nil {
		return nil, err
	}
	ids = make([]string, len(chosen))
	for i, x := range chosen {
		ids[i] = x.ID
	}
	return ids, nil
}

// statuses are those to list. Without a time it does not matter that each list has an order of its own.
func (s *selection) statuses() ([]flow.Status, error) {
	var able []flow.Status
	var names []string
	for _, status := range flow.Statuses() {
		if s.can(status) {
			able, names = append(able, status), append(names, string(status))
		}
	}
	switch f := s.filter; {
	case f.Status != "" && slices.Contains(flow.Statuses(), f.Status) && !s.can(f.Status):
		return nil, usagef("%s is not for executions that are %s; it is for those that are %s", s.verb, f.Status, strings.Join(names, ", "))
	case f.Status != "" || !f.Since.IsZero() || !f.Until.IsZero():
		return []flow.Status{f.Status}, nil
	}
	return able, nil
}

func (s *selection) list(ctx context.Context, c *client.Client) ([]flow.Summary, error) {
	statuses, err := s.statuses()
	if err != nil {
		return nil, err
	}
	var chosen []flow.Summary
	seen := map[string]bool{} // what changes its status meanwhile is met twice
	for _, status := range statuses {
		f := s.filter
		f.Status, f.Limit = status, newest
		for more := true; more; more = f.Cursor != "" {
			page, err := c.List(ctx, f)
			if err != nil {
				return nil, err
			}
			for _, x := range page.Items {
				if s.can(x.Status) && !seen[x.ID] {
					chosen, seen[x.ID] = append(chosen, x), true
				}
			}
			if len(chosen) > maxSelection {
				return nil, usagef("more than %d executions are chosen; narrow it down with --workflow, --tag, --error, --since or --until", maxSelection)
			}
			f.Cursor = page.Cursor
		}
	}
	return chosen, nil
}

// census counts them by workflow and status, a line for each.
func census(all []flow.Summary) string {
	counts := map[string]int{}
	for _, x := range all {
		counts[x.Workflow+" "+string(x.Status)]++
	}
	var b strings.Builder
	for i, kind := range slices.Sorted(maps.Keys(counts)) {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d kinds more", len(counts)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %d %s", counts[kind], kind)
	}
	return b.String()
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

const (
	// lastID is the execution that was started last.
	lastID = "@last"
	// newest is how many executions are looked at for what can be offered.
	newest = 1000
	// maxFit is how many executions an id that is given in short may be of, as far as they are counted; maxLooks how often the
	// server is asked for more: it looks at 20,000 executions each time.
	maxFit   = 100
	maxLooks = 50
	// sureLength is how many characters name an execution, whatever others there are.
	sureLength = 8
)

// idFlags are the flags whose value is an execution.
var idFlags = []string{"execution", "parent", "child"}

// shortIDs lets ids be given in short, as a prefix or as @last, wherever a usage line or a flag has one.
func (sh *shell) shortIDs(cmd *cobra.Command) {
	do, at := cmd.RunE, slices.IndexFunc(placeholders(cmd), func(p placeholder) bool { return slices.Contains(p.names, "ID") })
	flags := slices.DeleteFunc(slices.Clone(idFlags), func(name string) bool { return cmd.Flags().Lookup(name) == nil })
	if do == nil || at < 0 && len(flags) == 0 {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l := lookup{sh: sh}
		defer l.close()
		args, err := l.args(cmd.Context(), args, at, placeholders(cmd))
		if err == nil {
			err = l.flags(cmd, flags)
		}
		if err != nil {
			return &failure{err}
		}
		return l.explain(cmd.Context(), do(cmd, args))
	}
}

// lookup makes whole ids of short ones.
type lookup struct {
	sh         *shell
	client     *client.Client // made when it is needed
	remembered string         // the id that @last stood for, when this machine started it
}

func (l *lookup) close() {
	if l.client != nil {
		l.client.Close()
	}
}

func (l *lookup) args(ctx context.Context, args []string, at int, places []placeholder) ([]string, error) {
	whole := slices.Clone(args)
	for i := range whole {
		if at < 0 || i < at || i > at && !places[at].more {
			continue
		}
		if slices.Contains(places[at].names, "CODE") && isCode(whole[i]) {
			continue
		}
		var err error
		if whole[i], err = l.whole(ctx, whole[i]); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

func (l *lookup) flags(cmd *cobra.Command, names []string) error {
	for _, name := range names {
		flag := cmd.Flags().Lookup(name)
		if !flag.Changed {
			continue
		}
		id, err := l.whole(cmd.Context(), flag.Value.String())
		if err != nil {
			return err
		}
		if err := flag.Value.Set(id); err != nil {
			return err
		}
	}
	return nil
}

// shortID is what an id may begin with. Anything else is left to the server, which knows no such thing.
var shortID = regexp.MustCompile(`^[0-9A-Za-z]+$`)

// whole gives the id that is meant.
func (l *lookup) whole(ctx context.Context, given string) (string, error) {
	_, isWhole := flow.PartitionOf(given)
	switch {
	case given == "":
		return "", usagef("an empty text names no execution")
	case given != lastID && (isWhole || !shortID.MatchString(given)):
		return given, nil
	}
	if err := l.connect(); err != nil {
		return "", err
	}
	if given == lastID {
		return l.last(ctx)
	}
	return l.prefixed(ctx, given)
}

func (l *lookup) connect() (err error) {
	if l.client == nil {
		l.client, err = l.sh.remote()
	}
	return err
}

// last is the execution that was started last from here, else the newest of the server.
func (l *lookup) last(ctx context.Context) (string, error) {
	if l.remembered = l.sh.recall(l.client.URL("")); l.remembered != "" {
		return l.remembered, nil
	}
	page, err := l.client.List(ctx, flow.ExecutionFilter{Limit: 1})
	if err != nil {
		return "", err
	}
	if len(page.Items) == 0 {
		return "", mark(errors.New("@last is nothing: there are no executions"), flow.ErrNotFound)
	}
	x := page.Items[0]
	l.sh.note("@last is %s of %s, the newest of the server: none was started from here", x.ID, x.Workflow)
	return x.ID, nil
}

// prefixed is the execution whose id begins like that.
func (l *lookup) prefixed(ctx context.Context, prefix string) (string, error) {
	fit, there, err := l.beginning(ctx, prefix)
	switch {
	case err != nil:
		return "", err
	case len(fit) == 0 && there:
		return "", mark(fmt.Errorf("none of the newest executions has an id that begins with %s; older ones need their whole id", prefix), flow.ErrNotFound)
	case len(fit) == 0:
		return "", mark(fmt.Errorf("there is no execution whose id begins with %s", prefix), flow.ErrNotFound)
	case len(fit) > 1:
		return "", usagef("%s begins the ids of %d executions; give more of the one that you mean%s", prefix, len(fit), listed(fit))
	case there && len(prefix) < sureLength:
		return "", usagef("%s begins one id among the newest executions, and maybe others among those before; give %d characters or more%s", prefix, sureLength, listed(fit))
	}
	return fit[0].ID, nil
}

// beginning gives the executions whose ids begin like that, the newest first, and tells whether there may be more. One is enough
// where so many characters are given that there is hardly another.
func (l *lookup) beginning(ctx context.Context, prefix string) (fit []flow.Summary, more bool, err error) {
	f := flow.ExecutionFilter{Prefix: prefix, Limit: maxFit}
	for range maxLooks {
		page, err := l.client.List(ctx, f)
		if err != nil {
			return nil, false, err
		}
		fit, f.Cursor = append(fit, page.Items...), page.Cursor
		if f.Cursor == "" || len(fit) >= maxFit || len(fit) > 0 && len(prefix) >= sureLength {
			break
		}
	}
	return fit, f.Cursor != "", nil
}

// listed has a line for each, the first ten.
func listed(all []flow.Summary) string {
	var b strings.Builder
	for i, x := range all {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d more", len(all)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s  %s %s, created %s", x.ID, x.Workflow, x.Status, moment(&x.CreatedAt))
	}
	return b.String()
}

// explain says what @last stood for when the server does not know it any more, and forgets it. What was not found may be another
// thing, such as a node of it.
func (l *lookup) explain(ctx context.Context, err error) error {
	if l.remembered == "" || !errors.Is(err, flow.ErrNotFound) {
		return err
	}
	if _, there := l.client.Show(ctx, l.remembered); !errors.Is(there, flow.ErrNotFound) {
		return err
	}
	l.sh.forget(l.client.URL(""))
	return &failure{fmt.Errorf("%w\n  @last was %s, which was started from here; the next @last is the newest execution of the server", err, l.remembered)}
}

package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"prana/config"
	"prana/engine/flow"
	"prana/engine/plan"
)

func (sh *shell) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config [KEY]",
		Short: "List all settings: what holds, where it comes from, and the default; needs no server",
		Long: "List all settings, or that of a key, or those of a section: what holds, where it comes from, and the default.\n" +
			"Flags win over PRANA_* variables, these over the file, and the file over the defaults. Secrets are not shown.",
		Example: "  prana config\n  prana config worker\n  prana config redis.url -o json",
		Args:    takes(0, 1),
		RunE:    verb(func(_ context.Context, args []string) error { return sh.configure(args) }),
	}
}

// configure lists the settings also when some are wrong: then it is most needed.
func (sh *shell) configure(args []string) error {
	all, problems := config.Settings(sh.configOptions(nil))
	if len(args) == 1 {
		some := below(args[0], all)
		if len(some) == 0 {
			return unknownKey(args[0], all)
		}
		all = some
	}
	t := newTable("KEY", "VALUE", "FROM", "DEFAULT", "VARIABLE")
	for _, s := range all {
		t.add(s.Key, s.Value, s.Origin, s.Default, s.Variable)
	}
	if err := printPage(sh, flow.Page[config.Setting]{Items: all}, t, "no settings"); err != nil {
		return err
	}
	return problems
}

// below gives the setting of that key, or those of that section.
func below(key string, all []config.Setting) []config.Setting {
	var some []config.Setting
	for _, s := range all {
		if s.Key == key || strings.HasPrefix(s.Key, key+".") {
			some = append(some, s)
		}
	}
	return some
}

func unknownKey(key string, all []config.Setting) error {
	var keys []string
	for _, s := range all {
		keys = append(keys, s.Key)
	}
	err := flow.NotFound("setting", flow.Cut(key, 80))
	if hint := plan.DidYouMean(key, keys); hint != "" {
		err.Message += "; " + hint
	}
	return err
}

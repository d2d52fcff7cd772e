package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// timeFlag is a flag that takes a time, or how far it is from now.
type timeFlag struct {
	time  *time.Time
	ahead time.Duration // what a distance is multiplied with: 1 = from now on, -1 = ago
}

// fromNow and ago add such flags.
func fromNow(cmd *cobra.Command, t *time.Time, name, usage string) {
	cmd.Flags().Var(timeFlag{t, 1}, name, usage+": a time such as 2026-01-31T12:00:00Z, or 1h from now")
}

func ago(cmd *cobra.Command, t *time.Time, name, usage string) {
	cmd.Flags().Var(timeFlag{t, -1}, name, usage+": a time such as 2026-01-31T12:00:00Z, or 1h ago")
}

func (w timeFlag) Set(s string) error {
	if d, err := time.ParseDuration(s); err == nil {
		*w.time = time.Now().Add(w.ahead * d)
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("%q is neither a time such as 2026-01-31T12:00:00Z nor a duration such as 1h", s)
	}
	*w.time = t
	return nil
}

func (w timeFlag) String() string { return moment(w.time) }

func (w timeFlag) Type() string { return "time" }

package explain

import (
	"fmt"
	"time"

	"prana/engine/flow"
)

// ended explains an execution that nothing moves by itself any more. over is false when something does.
func ended(v *flow.View, now time.Time) (text string, over bool) {
	ago := "It "
	if v.EndedAt != nil {
		ago = Span(now.Sub(*v.EndedAt)) + " ago it "
	}
	switch v.Status {
	case flow.Completed:
		return ago + "completed, after " + Span(lasted(v)) + "; nothing is left to do.", true
	case flow.Failed:
		return ago + "failed" + where(v) + blame(v.Error) + ". Once the cause is mended, a retry goes on from there.", true
	case flow.TimedOut:
		return ago + "ran out of the time that it had as a whole, " + Span(lasted(v)) + "; it cannot go on, only be run again.", true
	case flow.Cancelled:
		return ago + "was ended by somebody" + blame(v.Error) + "; it cannot go on, only be run again.", true
	case flow.Quarantined:
		return "It is in quarantine" + where(v) + ", whose workers died again and again" + blame(v.Error) +
			". Nothing runs it by itself any more: find out why they die, then retry it, or give it up.", true
	}
	return "", false
}

func lasted(v *flow.View) time.Duration {
	if v.EndedAt == nil {
		return 0
	}
	return v.EndedAt.Sub(v.CreatedAt)
}

// where names the step at which it stands, and its attempts.
func where(v *flow.View) string {
	n := culprit(v)
	if n == nil {
		return ""
	}
	if n.Attempt == 0 {
		return " at " + n.Node
	}
	return fmt.Sprintf(" at %s in attempt %d", n.Node, n.Attempt+1)
}

// culprit is the run that failed or stands in quarantine, the last there is; nil = none.
func culprit(v *flow.View) *flow.NodeRun {
	for i := len(v.Nodes) - 1; i >= 0; i-- {
		n := &v.Nodes[i]
		if n.Status != flow.StepFailed && n.Status != flow.StepQuarantined {
			continue
		}
		if v.Error == nil || v.Error.Node == "" || v.Error.Node == n.Node {
			return n
		}
	}
	return nil
}

func blame(p *flow.Problem) string {
	if p == nil {
		return ""
	}
	return ": " + short(p)
}

// short is a problem in a sentence.
func short(p *flow.Problem) string {
	return flow.Cut(oneLine(p.Text()), 200)
}

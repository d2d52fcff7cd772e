package nodes

import (
	"slices"
	"strings"
	"testing"
)

// The table of outcomes: what somebody does to a parent or a child, and when in their lives, against what becomes of both.
//
// Columns are where the child stands: not born yet; born, its first step not begun; in the middle of a step; asleep; cancelled
// and undoing what it did; over, its parent not gone on yet; its parent gone on. In a batch it is the second of three.
//
// A cell is PARENT/CHILD, as they end when everything else goes well:
//
//	told    as the failure_strategy says: failed, or completed with the failure as its output
//	closed  as the parent_close_policy says: cancelled (what it did is undone), terminated, or completed (abandoned)
//	-       it is never born
//	!       … and whoever does it is told that it is too late
//	.       it cannot be
const waitedFor = `
                   unborn               pending             working             waiting             undoing             ended                 beyond
nothing            completed/completed  completed/completed completed/completed completed/completed told/cancelled      completed/completed   completed/completed
parent_cancelled   cancelled/-          cancelled/closed    cancelled/closed    cancelled/closed    cancelled/closed    cancelled/completed   cancelled/completed
parent_terminated  terminated/-         terminated/closed   terminated/closed   terminated/closed   terminated/closed   terminated/completed  terminated/completed
parent_timed_out   timed_out/-          timed_out/closed    timed_out/closed    timed_out/closed    timed_out/closed    timed_out/completed   timed_out/completed
parent_failed      failed/-             failed/closed       failed/closed       failed/closed       failed/closed       failed/completed      failed/completed
wait_timed_out     completed/completed  told/closed         told/closed         told/closed         told/closed         completed/completed   completed/completed
resumed_by_hand    .                    completed/closed    completed/closed    completed/closed    completed/closed    .                     .
child_cancelled    .                    told/cancelled      told/cancelled      told/cancelled      !told/cancelled     !completed/completed  !completed/completed
child_terminated   .                    told/terminated     told/terminated     told/terminated     told/terminated     !completed/completed  !completed/completed
child_timed_out    .                    told/timed_out      told/timed_out      told/timed_out      told/cancelled      completed/completed   completed/completed
child_failed       .                    .                   told/failed         told/failed         .                   .                     .
`

const forgotten = `
                   unborn               pending             working             waiting             undoing              ended
nothing            completed/completed  completed/completed completed/completed completed/completed completed/cancelled  completed/completed
parent_completed   .                    completed/closed    completed/closed    completed/closed    completed/closed     completed/completed
parent_cancelled   cancelled/-          cancelled/closed    cancelled/closed    cancelled/closed    cancelled/closed     cancelled/completed
parent_terminated  terminated/-         terminated/closed   terminated/closed   terminated/closed   terminated/closed    terminated/completed
parent_timed_out   timed_out/-          timed_out/closed    timed_out/closed    timed_out/closed    timed_out/closed     timed_out/completed
parent_failed      failed/-             failed/closed       failed/closed       failed/closed       failed/closed        failed/completed
child_cancelled    .                    completed/cancelled completed/cancelled completed/cancelled !completed/cancelled !completed/completed
child_terminated   .                    completed/terminated completed/terminated completed/terminated completed/terminated !completed/completed
child_timed_out    .                    completed/timed_out completed/timed_out completed/timed_out completed/cancelled  completed/completed
child_failed       .                    .                   completed/failed    completed/failed    .                    .
`

// scene is one row of all that the tables stand for.
type scene struct {
	family
	when, what    string
	parent, child string // as they must end
	refused       bool
}

// family is a way in which a parent and a child are related.
type family struct {
	mode, batch, strategy, policy string
}

func (f family) forgotten() bool { return f.mode == "fire_and_forget" }

func (f family) String() string {
	return strings.Join([]string{f.mode, f.batch, f.strategy, f.policy}, "/")
}

// size is how many children there are, and target which of them the table is about.
func (f family) size() int {
	if f.batch == batchSingle {
		return 3
	}
	return 1
}

func (f family) target() int { return f.size() / 2 }

// closed is how a child ends that was asleep, or undoing, when its parent's policy met it.
func (f family) closed(undoing bool) string {
	switch f.policy {
	case "terminate":
		return "terminated"
	case "abandon":
		if !undoing {
			return "completed"
		}
	case "":
		if f.forgotten() && !undoing {
			return "completed"
		}
	}
	return "cancelled"
}

// told is how a parent ends whose child did not complete.
func (f family) told() string {
	if f.strategy == failParent {
		return "failed"
	}
	return "completed"
}

// siblings is how the other children of a batch end, which sleep as long as the one of the table is born.
func (s scene) siblings() string {
	switch {
	case s.when == "beyond":
		return "completed"
	case s.when == "unborn":
		return s.child
	case s.what == "child_timed_out": // all were born with the same limit
		return "timed_out"
	case s.parent != "completed" || s.what == "parent_completed":
		return s.closed(false)
	case s.what == "wait_timed_out": // they are waited for as long
		return s.closed(false)
	}
	return "completed"
}

// scenes reads the table of a family.
func (f family) scenes() []scene {
	table := waitedFor
	if f.forgotten() {
		table = forgotten
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(lines[0])
	var all []scene
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, cell := range cells[1:] {
			if cell == "." || f.size() > 1 && f.leftOut(cells[0], columns[i]) {
				continue
			}
			all = append(all, f.scene(cells[0], columns[i], cell))
		}
	}
	return all
}

// leftOut names rows that one cell cannot tell of a batch: its children are not born together, and when the time of all of
// them is up, the first whose end fails the parent decides what becomes of the others.
func (f family) leftOut(what, when string) bool {
	return when == "pending" || when == "working" || what == "child_timed_out" && !f.forgotten() && f.strategy == failParent
}

func (f family) scene(what, when, cell string) scene {
	s := scene{family: f, what: what, when: when}
	cell, s.refused = strings.CutPrefix(cell, "!")
	s.parent, s.child, _ = strings.Cut(cell, "/")
	if f.size() > 1 && !f.forgotten() && when == "ended" && slices.Contains([]string{"wait_timed_out", "child_timed_out"}, what) {
		s.parent = "told" // the time of the others is up as well
	}
	if s.parent == "told" {
		s.parent = f.told()
	}
	if s.child == "closed" {
		s.child = f.closed(when == "undoing")
	}
	return s
}

// TestTableOfOutcomes plays every row for every mode, failure strategy and policy.
func TestTableOfOutcomes(t *testing.T) {
	t.Parallel()
	for _, f := range families() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			for _, s := range f.scenes() {
				t.Run(s.what+"/"+s.when, func(t *testing.T) { newPlay(t, s).play() })
			}
		})
	}
}

func families() []family {
	all := []family{ // what is not said is one of the others
		{"sync", batchAll, goOn, ""}, {"sync", batchSingle, goOn, ""}, {"fire_and_forget", batchAll, failParent, ""},
	}
	for _, policy := range []string{"request_cancel", "terminate", "abandon"} {
		for _, strategy := range []string{failParent, goOn} {
			all = append(all,
				family{"sync", batchAll, strategy, policy}, family{"async", batchAll, strategy, policy},
				family{"sync", batchSingle, strategy, policy}, family{"async", batchSingle, strategy, policy})
		}
		all = append(all, family{"fire_and_forget", batchAll, failParent, policy}, family{"fire_and_forget", batchSingle, failParent, policy})
	}
	return all
}

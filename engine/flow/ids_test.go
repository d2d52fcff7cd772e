package flow

import (
	"strings"
	"testing"
)

func TestExecutionIDsNameTheirPartition(t *testing.T) {
	t.Parallel()
	for partition, length := range map[int]int{0: 23, 35: 23, 36: 24, 1023: 24, 46655: 25} {
		id := NewExecutionID(partition)
		got, ok := PartitionOf(id)
		if !ok || got != partition || len(id) != length {
			t.Errorf("partition %d: id %s of %d characters names %d, %v", partition, id, len(id), got, ok)
		}
	}
	if a, b := NewExecutionID(0), NewExecutionID(0); a == b {
		t.Errorf("two ids are %s", a)
	}
}

func TestWhatIsNoExecutionID(t *testing.T) {
	t.Parallel()
	good := NewExecutionID(0)
	for _, s := range []string{
		"", "0", good[1:], good + "12345", "0" + good, "-" + good[1:], "A" + good[1:], good[:22] + "}", good[:22] + ":", strings.Repeat("é", 12), "../" + good[3:],
	} {
		if n, ok := PartitionOf(s); ok {
			t.Errorf("%q names partition %d", s, n)
		}
	}
}

func TestStepAndSuspensionIDs(t *testing.T) {
	t.Parallel()
	id := SuspensionID{Execution: NewExecutionID(3), Step: StepID{Node: 12, Run: 7}, Turn: 2}
	back, err := ParseSuspensionID(id.String())
	if err != nil || back != id {
		t.Errorf("%s came back as %+v, %v", id, back, err)
	}
	for _, s := range []string{"", "a:b:c", id.Execution + ":1.0", id.Execution + ":1:0", id.Execution + ":-1.0:0", id.Execution + ":1.0:x", id.String() + ":1"} {
		if got, err := ParseSuspensionID(s); err == nil {
			t.Errorf("%q is read as %+v", s, got)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		token := NewToken()
		if len(token) != 11 || seen[token] {
			t.Fatalf("token %q of %d characters, seen before: %v", token, len(token), seen[token])
		}
		seen[token] = true
	}
}

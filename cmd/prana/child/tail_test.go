package child

import (
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	log := newTail()
	_, more := log.contains("last")
	for range 100 {
		if _, err := log.Write([]byte(strings.Repeat("a", 99) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	<-more
	if _, err := log.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); len(got) != tailSize || !strings.HasSuffix(got, "last") {
		t.Errorf("kept %d bytes, ending in %q", len(got), got[len(got)-4:])
	}
	if found, _ := log.contains("last"); !found {
		t.Error("it does not find what it keeps")
	}
}

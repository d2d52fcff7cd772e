package faults

import (
	"testing"
	"time"

	"prana/integration/faults/fleet"
)

// TestUndisturbed is the control: the programs come to what the interpreter says while nothing is broken.
func TestUndisturbed(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 1, Partitions: 2})
	l := p.load(f, loadOptions{Executions: p.size(60, 500)})
	p.tell("ended after", l.await(time.Minute).Seconds(), "s")
	p.want("calls repeated, though nothing was broken", float64(len(l.check().repeats)), "", "=", 0)
	p.wantSound(f)
}

package app

import (
	"maps"
	"slices"

	"prana/handlers/hooks"
)

// hooks looks at the named webhooks that the configuration wants.
func (d *doctor) hooks() {
	all := hooksOf(d.o.Config)
	if err := hooks.Check(all); err != nil {
		d.tell("hooks", Failed, err.Error(), "correct the hook in the configuration; a server does not start with it")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].Scheme == hooks.None {
			d.tell("hook "+name, Advice, "its scheme is none: anybody who reaches the server can use it", "give it a scheme and a secret, unless only those you trust reach the server")
		}
	}
}

package telemetry

import (
	"maps"
	"slices"
	"strings"

	"prana/engine/flow"
)

// Registry holds middlewares by the names that the configuration uses.
type Registry map[string]flow.Middleware

// Select gives the named middlewares in the order of the names. A name that is
// unknown or stands twice is refused.
func (r Registry) Select(names []string) ([]Named, error) {
	chosen := make([]Named, 0, len(names))
	for i, name := range names {
		call := r[name]
		if call == nil {
			return nil, flow.Problemf(flow.ErrInvalid.Code,
				"there is no middleware %q; known are: %s", name, strings.Join(slices.Sorted(maps.Keys(r)), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, flow.Problemf(flow.ErrInvalid.Code, "middleware %q is named twice", name)
		}
		chosen = append(chosen, Named{Name: name, Call: call})
	}
	return chosen, nil
}

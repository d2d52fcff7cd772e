package wire

import (
	"net/url"
	"strings"

	"prana/engine/flow"
)

// Form reads name=value&… into texts, and lists where a name comes again.
func Form(encoded string) (map[string]any, error) {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the query or form is not written as name=value&name=value")
	}
	if len(values) > MaxMembers {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the query or form has more than %d names", MaxMembers)
	}
	out := make(map[string]any, len(values))
	for name, list := range values {
		for i, v := range list {
			list[i] = strings.ToValidUTF8(v, "\uFFFD")
		}
		name = strings.ToValidUTF8(name, "\uFFFD")
		out[name] = list
		if len(list) == 1 {
			out[name] = list[0]
		}
	}
	return out, nil
}

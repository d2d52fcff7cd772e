package definition

import (
	"strconv"
	"strings"
)

// cutPart takes the first part off a path: a name, or what stands in brackets.
func cutPart(path string) (part, rest string) {
	path = strings.TrimPrefix(path, ".")
	if !strings.HasPrefix(path, "[") {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return path, ""
		}
		return path[:end], path[end:]
	}
	inner := path[1:]
	if quoted, err := strconv.QuotedPrefix(inner); err == nil {
		name, _ := strconv.Unquote(quoted)
		return name, strings.TrimPrefix(inner[len(quoted):], "]")
	}
	part, rest, _ = strings.Cut(inner, "]")
	return part, rest
}

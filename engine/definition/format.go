package definition

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"prana/engine/flow"
	"prana/engine/plan"
)

// Format writes a workflow in the canonical form: YAML, fields in a fixed
// order, connections as "a.port -> b.port". Reading it gives the same version.
func Format(w *flow.Workflow) ([]byte, error) {
	raw, err := flow.Encode(w)
	if err != nil {
		return nil, fmt.Errorf("formatting workflow %s: %w", w.ID, err)
	}
	v, err := flow.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("formatting workflow %s: %w", w.ID, err)
	}
	fields, _ := v.(map[string]any)
	fields["connections"] = connections(w.Connections)
	if len(w.Connections) == 0 {
		delete(fields, "connections")
	}
	return write(ordered(fields, workflowOrder))
}

func write(n *yaml.Node) ([]byte, error) {
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return buf.Bytes(), nil
}

// The order of fields. Names that are not here follow, sorted.
var (
	workflowOrder = []string{
		"id", "name", "description", "variables", "mode", "timeout_ms", "concurrency_key", "concurrency_limit", "output", "input_schema", "on_retry_exhausted",
		"nodes", "connections",
	}
	nodeOrder     = []string{"key", "name", "type", "params", "settings", "metadata"}
	settingsOrder = []string{
		"retry_on_failed", "max_retries", "retry_delay_ms", "backoff", "max_delay_ms", "jitter", "retry_on", "no_retry_on",
		"retry_after", "timeout_ms", "on_error", "join", "queue", "max_iterations", "cancels", "on_cancel",
		"concurrency_key", "concurrency_limit",
	}
	connectionOrder = []string{"from", "from_port", "to", "to_port"}
)

// orders tells how the objects of the definition's own shape are ordered; what
// authors put into params is sorted by name.
func orders(name string, order []string) []string {
	switch {
	case name == "nodes" && slices.Equal(order, workflowOrder):
		return nodeOrder
	case name == "connections" && slices.Equal(order, workflowOrder):
		return connectionOrder
	case name == "settings" && slices.Equal(order, nodeOrder):
		return settingsOrder
	}
	return nil
}

func ordered(m map[string]any, order []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	names := slices.Collect(maps.Keys(m))
	rank := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		n.Content = append(n.Content, scalar(name), yamlNode(m[name], orders(name, order)))
	}
	if len(names) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func yamlNode(v any, order []string) *yaml.Node {
	switch t := v.(type) {
	case map[string]any:
		return ordered(t, order)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range t {
			n.Content = append(n.Content, yamlNode(e, order))
		}
		if len(t) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	case string:
		return scalar(t)
	case float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(t, 'g', -1, 64)}
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(t)}
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: t.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(t)}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

// scalar writes a string plainly where that reads back as the same string.
func scalar(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	text, isText := resolve(s).(string)
	switch {
	case block(s):
		n.Style = yaml.LiteralStyle
	case !isText || text != s || strings.ContainsFunc(s, unprintable):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// block tells whether a text of several lines can stand as a literal block.
func block(s string) bool {
	if !strings.Contains(s, "\n") || strings.HasSuffix(s, "\n\n") {
		return false
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line == "" || line != strings.TrimRight(line, " ") || strings.ContainsFunc(line, unprintable) {
			return false
		}
	}
	return !strings.HasPrefix(s, " ")
}

// simplePort is a port that an arrow form can name.
var simplePort = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func connections(list []flow.Connection) []any {
	out := make([]any, len(list))
	for i, c := range list {
		out[i] = connection(c)
	}
	return out
}

func connection(c flow.Connection) any {
	simple := func(key, port string) bool { return plan.ValidKey(key) && (port == "" || simplePort.MatchString(port)) }
	if simple(c.From, c.FromPort) && simple(c.To, c.ToPort) {
		return end(c.From, c.FromPort) + " " + arrow + " " + end(c.To, c.ToPort)
	}
	m := map[string]any{}
	for name, s := range map[string]string{"from": c.From, "from_port": c.FromPort, "to": c.To, "to_port": c.ToPort} {
		if s != "" {
			m[name] = s
		}
	}
	return m
}

func end(key, port string) string {
	if port == "" || port == flow.PortMain {
		return key
	}
	return key + "." + port
}

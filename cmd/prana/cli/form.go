package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"prana/engine/flow"
)

// form is a JSON Schema of what is to be filled in.
type form map[string]any

func (f form) field(name string) map[string]any {
	properties, _ := f["properties"].(map[string]any)
	field, _ := properties[name].(map[string]any)
	return field
}

// missing lists the fields that are required and not filled in.
func (f form) missing(filled map[string]any) []string {
	var names []string
	required, _ := f["required"].([]any)
	for _, r := range required {
		name, ok := r.(string)
		if _, given := filled[name]; ok && !given {
			names = append(names, name)
		}
	}
	return names
}

// cast gives what was written as name=value the type that the form says. What cannot have it stays a text: the server says what is wrong with it.
func (f form) cast(filled map[string]any, pieces []string) {
	for _, piece := range pieces {
		name, text, _ := strings.Cut(piece, "=")
		if !strings.HasSuffix(name, ":") {
			filled[name], _ = typed(f.field(name), text)
		}
	}
}

// typed reads a text as what a field asks for. ok is false when it is something else.
func typed(field map[string]any, text string) (v any, ok bool) {
	choices, _ := field["enum"].([]any)
	switch {
	case slices.Contains(choices, any(text)):
		return text, true
	case field["type"] == "string" || field["type"] == nil && choices == nil:
		return text, choices == nil
	}
	v, err := flow.Decode([]byte(text))
	if err != nil {
		return text, false
	}
	return v, choices == nil || slices.ContainsFunc(choices, func(c any) bool { return asText(c) == asText(v) })
}

func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, _ := flow.Encode(v)
	return string(raw)
}

// ask asks for fields, one by one, until each has a value.
func (f form) ask(in io.Reader, out io.Writer, filled map[string]any, names []string) error {
	lines := bufio.NewScanner(in)
	for _, name := range names {
		for {
			fmt.Fprintf(out, "%s: ", oneLine(f.label(name)))
			if !lines.Scan() {
				return usagef("the form needs %s, and nothing more was typed", name)
			}
			text := strings.TrimSpace(lines.Text())
			v, ok := typed(f.field(name), text)
			if text != "" && ok {
				filled[name] = v
				break
			}
		}
	}
	return nil
}

// label is what a field is called, and what it takes.
func (f form) label(name string) string {
	field := f.field(name)
	label, _ := field["title"].(string)
	if label == "" {
		label = name
	}
	if choices, ok := field["enum"].([]any); ok {
		var all []string
		for _, c := range choices {
			all = append(all, asText(c))
		}
		return label + " (" + strings.Join(all, ", ") + ")"
	}
	switch field["type"] {
	case "boolean":
		return label + " (true or false)"
	case "integer", "number":
		return fmt.Sprintf("%s (%s)", label, field["type"])
	case "array", "object":
		return label + " (JSON)"
	}
	return label
}

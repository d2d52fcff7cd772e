package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// asked is what an approval asks: its suspension data, as far as people see it.
type asked struct {
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Assignees   []string       `json:"assignees"`
	Form        map[string]any `json:"-"` // with all digits of its numbers
	DueAt       string         `json:"due_at"`
	TimeoutAt   string         `json:"timeout_at"`
}

// askedBy reads what a wait asks; false for one that is no approval, or can be answered no more.
func askedBy(v flow.ResumeView) (asked, bool) {
	var a asked
	data, err := flow.Decode(v.Data)
	if v.Type != flow.Approval || err != nil || json.Unmarshal(v.Data, &a) != nil {
		return a, false
	}
	a.Form = object(object(data)["form"])
	return a, true
}

// control is one field of a form as HTML has it.
type control struct {
	Name, ID, Label, Help string
	Kind                  string // text, area, number, date, check, select, json
	Step                  string // of numbers: 1, or any
	Value                 string
	Required, Checked     bool
	Options               []option
	Error                 string
}

type option struct {
	Value, Label string
	Chosen       bool
}

// prefix stands before the names of the fields, so that none of them is taken for the decision itself.
const prefix = "form."

// names lists the fields: those that are required as the schema lists them, then the others.
func (a asked) names() []string {
	properties := object(a.Form["properties"])
	var names []string
	required, _ := a.Form["required"].([]any)
	for _, r := range required {
		if name, ok := r.(string); ok && properties[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// controls makes the form, with what was typed before, if anything was.
func (a asked) controls(typed map[string]any, faults map[string]string) []control {
	required, _ := a.Form["required"].([]any)
	var all []control
	for i, name := range a.names() {
		schema := object(object(a.Form["properties"])[name])
		c := control{Name: prefix + name, ID: "field-" + strconv.Itoa(i), Label: name, Kind: kindOf(schema), Step: "any", Required: slices.Contains(required, any(name)), Error: faults[name]}
		if title, ok := schema["title"].(string); ok && title != "" {
			c.Label = title
		}
		c.Help, _ = schema["description"].(string)
		if schema["type"] == "integer" {
			c.Step = "1"
		}
		value, given := textOf(typed, c.Name)
		if typed == nil && schema["default"] != nil {
			value, given = written(c.Kind, schema["default"]), true
		}
		c.fill(schema, value, given)
		all = append(all, c)
	}
	return all
}

// fill puts a value into the control.
func (c *control) fill(schema map[string]any, value string, given bool) {
	switch c.Kind {
	case "check":
		c.Checked = given && value != "false"
	case "select":
		choices, _ := schema["enum"].([]any)
		for _, e := range choices {
			o := option{Value: asJSON(e), Label: written("text", e)}
			o.Chosen = given && o.Value == value
			c.Options = append(c.Options, o)
		}
	default:
		c.Value = value
	}
}

// maxLine is how long a text may be that is typed into one line.
const maxLine = 200

// kindOf chooses the control for a schema; what HTML knows no control for is written as JSON.
func kindOf(schema map[string]any) string {
	if choices, ok := schema["enum"].([]any); ok && len(choices) > 0 {
		return "select"
	}
	switch schema["type"] {
	case "string":
		if schema["format"] == "date" {
			return "date"
		}
		if most, ok := schema["maxLength"].(int); ok && most > maxLine {
			return "area"
		}
		return "text"
	case "integer", "number":
		return "number"
	case "boolean":
		return "check"
	}
	return "json"
}

// written is a value as it stands in a control.
func written(kind string, v any) string {
	if s, ok := v.(string); ok && kind != "json" && kind != "select" {
		return s
	}
	return asJSON(v)
}

func asJSON(v any) string {
	raw, err := flow.Encode(v)
	if err != nil {
		return "null"
	}
	return string(raw)
}

// decision makes of what was typed what the approval takes. What is not what the schema says stays as it was typed: the
// engine says what is wrong with it. A rejection needs no form.
func (a asked) decision(typed map[string]any) map[string]any {
	d := map[string]any{}
	for _, name := range []string{"decision", "comment", "by"} {
		if v, _ := textOf(typed, name); strings.TrimSpace(v) != "" {
			d[name] = strings.TrimSpace(v)
		}
	}
	if several, ok := typed["decision"].([]string); ok {
		d["decision"] = strings.Join(several, ", ") // which is none
	}
	if d["decision"] == flow.Rejected {
		return d
	}
	form := map[string]any{}
	for _, name := range a.names() {
		value, given := textOf(typed, prefix+name)
		if v := valueOf(kindOf(object(object(a.Form["properties"])[name])), value, given); v != nil {
			form[name] = v
		}
	}
	if a.Form != nil {
		d["form"] = form
	}
	return d
}

// valueOf reads what was typed into a control; nil = nothing.
func valueOf(kind, value string, given bool) any {
	switch {
	case kind == "check":
		return given && value != "false"
	case !given || value == "":
		return nil
	case kind == "text" || kind == "area" || kind == "date":
		return value
	}
	v, err := flow.Decode([]byte(strings.TrimSpace(value)))
	if _, number := v.(json.Number); err != nil || kind == "number" && !number && !isNumber(v) {
		return value
	}
	return v
}

func isNumber(v any) bool {
	switch v.(type) {
	case int, int64, float64:
		return true
	}
	return false
}

// textOf is the first value that was typed under a name.
func textOf(typed map[string]any, name string) (string, bool) {
	switch v := typed[name].(type) {
	case string:
		return v, true
	case []string:
		return v[0], true
	}
	return "", false
}

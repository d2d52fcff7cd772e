package definition

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// Schema describes definitions as JSON Schema (2020-12), for editors: the
// canonical form and the older ones, with the parameters of every type in the
// registry. It accepts whatever [Check] accepts; of the rest it refuses what
// a schema can see, which leaves the graph and the expressions to Check.
func Schema(reg *node.Registry) map[string]any {
	s := schemas{reg: reg, defs: object{
		"expression": expressionSchema(), "settings": settingsSchema(), "connection": connectionSchema(),
	}}
	s.types()
	s.defs["node"] = s.node()
	s.defs["guide_node"] = s.guideNode()
	root := s.workflow()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Prana workflow"
	root["$defs"] = s.defs
	return root
}

// object is a part of a schema.
type object = map[string]any

type schemas struct {
	reg  *node.Registry
	defs object
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func described(text string, o object) object {
	o["description"] = text
	return o
}

func closed(properties object, required ...string) object {
	o := object{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = texts(required)
	}
	return o
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (s schemas) workflow() object {
	o := closed(object{
		"id":                 described("Names the workflow.", object{"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}),
		"name":               described("What people call it.", orNull("string")),
		"description":        described("What it is for.", orNull("string")),
		"variables":          described("Constants that expressions read as $vars.", orNull("object")),
		"mode":               described("Whether independent branches run at the same time.", object{"enum": []any{"parallel", "sequential", "", nil}, "default": "parallel"}),
		"timeout_ms":         described("Time for the whole execution; 0 is no limit.", atLeast("integer", 0)),
		"concurrency_key":    described("Executions whose keys are equal, of whatever workflow, run only so many at a time; an expression over $input and $vars.", orNull("string")),
		"concurrency_limit":  described("How many executions of that key run at a time; default 1.", limitSchema()),
		"output":             described("The result of an execution, with expressions; else what its last node left.", object{}),
		"input_schema":       described("JSON Schema of the input; a start with another input is refused.", object{"type": []any{"object", "boolean", "null"}}),
		"on_retry_exhausted": alertSchema(),
		"nodes":              described("The steps; one of them is a trigger.", object{"type": "array", "items": eitherNode()}),
		"connections":        connectionsSchema(),
		"version":            object{"deprecated": true, "description": "Has no effect: the version of a definition is the digest of its content."},
	}, "id", "nodes")
	o["type"] = "object"
	return o
}

func orNull(kind string) object { return object{"type": []any{kind, "null"}} }

func atLeast(kind string, n int) object { return object{"type": kind, "minimum": n} }

func alertSchema() object {
	o := closed(object{
		"event":    described("Publish an event of this type.", orNull("string")),
		"url":      described("Send a signed POST.", object{"type": "string", "pattern": "^https?://"}),
		"workflow": described("Start this workflow.", object{"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}),
	})
	o["minProperties"] = 1
	return described("Whom to tell when the retries of a node are used up.", o)
}

// eitherNode tells the guide's form by its integration_name.
func eitherNode() object {
	return object{"if": object{"required": []any{"integration_name"}}, "then": ref("guide_node"), "else": ref("node")}
}

// types gives each type a definition of its parameters.
func (s schemas) types() {
	for _, name := range s.reg.Names() {
		t, _ := s.reg.Lookup(name)
		params := described(t.Summary, fieldsSchema(t.Fields))
		for _, e := range t.Examples {
			list, _ := params["examples"].([]any)
			if e.Params != nil {
				params["examples"] = append(list, e.Params)
			}
		}
		s.defs[paramsOf(name)] = params
	}
}

func paramsOf(name string) string { return "params." + name }

// keyed asks for a key, or what a key is made of.
func keyed() []any {
	return []any{object{"required": []any{"key"}}, object{"required": []any{"id"}}, object{"required": []any{"name"}}}
}

func nodeProperties() object {
	key := object{"type": "string", "pattern": `^[A-Za-z_][A-Za-z0-9_-]{0,63}$`}
	old := maps.Clone(key)
	old["deprecated"] = true
	return object{
		"key":      described("Names the node in connections and expressions.", key),
		"id":       described("Older name of key.", old),
		"name":     described("What people call it.", orNull("string")),
		"metadata": described("For tools; the engine does not read it.", orNull("object")),
	}
}

func (s schemas) node() object {
	properties := nodeProperties()
	var types, rules []any
	for _, name := range s.reg.Names() {
		t, _ := s.reg.Lookup(name)
		types = append(types, object{"enum": texts(spellings(name)), "description": t.Summary})
		then := object{"properties": object{"params": ref(paramsOf(name))}}
		if len(required(t.Fields)) > 0 {
			then["required"] = []any{"params"}
		}
		rules = append(rules, object{"if": object{"properties": object{"type": object{"enum": texts(spellings(name))}}, "required": []any{"type"}}, "then": then})
	}
	properties["type"] = object{"oneOf": types}
	properties["params"] = orNull("object")
	properties["settings"] = ref("settings")
	o := closed(properties, "type")
	o["type"], o["anyOf"], o["allOf"] = "object", keyed(), rules
	return o
}

// spellings are the names under which a type is accepted.
func spellings(name string) []string {
	if action, ok := strings.CutPrefix(name, core); ok {
		return []string{name, pranaCore + action}
	}
	return []string{name}
}

// guideNode mixes parameters and settings, as older files do.
func (s schemas) guideNode() object {
	properties := nodeProperties()
	for _, name := range []string{"type", "integration_name", "action_name"} {
		properties[name] = object{"type": "string"}
	}
	properties["params"], properties["settings"] = orNull("object"), orNull("object")
	var names, rules []any
	for _, name := range s.reg.Names() {
		t, _ := s.reg.Lookup(name)
		_, action, _ := strings.Cut(name, ".")
		var integrations []string
		for _, full := range spellings(name) {
			integrations = append(integrations, strings.TrimSuffix(full, "."+action))
		}
		named := object{"integration_name": object{"enum": texts(integrations)}, "action_name": object{"const": action}}
		names = append(names, object{"properties": named})
		rules = append(rules, object{"if": object{"properties": named}, "then": object{"properties": object{"settings": mixed(t)}}})
	}
	o := closed(properties, "integration_name", "action_name")
	o["type"], o["anyOf"] = "object", keyed()
	o["allOf"] = append(rules, object{"oneOf": names})
	o["deprecated"] = true
	return o
}

// mixed is what settings hold in the guide's form. Nothing is required there,
// since it may stand in params as well.
func mixed(t node.Type) object {
	properties := object{}
	o := closed(properties)
	for _, name := range guideSettings {
		properties[name] = ref("settings/properties/" + name)
	}
	for _, f := range t.Fields {
		if f.Name == anyField {
			o["additionalProperties"] = ref(paramsOf(t.Name) + "/additionalProperties")
			continue
		}
		properties[f.Name] = ref(paramsOf(t.Name) + "/properties/" + f.Name)
	}
	return o
}

func connectionsSchema() object {
	target := object{"anyOf": []any{object{"type": "string"}, ref("connection")}}
	targets := object{"anyOf": []any{target, object{"type": []any{"array", "null"}, "items": target}}}
	return described(`Where the output of a node goes: "source -> target", or "source.port -> target.port".`, object{"anyOf": []any{
		object{"type": []any{"array", "null"}, "items": object{"anyOf": []any{
			object{"type": "string", "pattern": `^\s*[^\s].*->\s*[^\s].*$`},
			object{"allOf": []any{ref("connection"), object{"required": []any{"from", "to"}}}},
		}}},
		object{"type": "object", "additionalProperties": object{"type": []any{"object", "null"}, "additionalProperties": targets}},
	}})
}

func connectionSchema() object {
	text := object{"type": "string"}
	o := closed(object{"from": text, "from_port": orNull("string"), "to": text, "to_port": orNull("string")})
	o["type"] = "object"
	return o
}

func settingsSchema() object {
	flag := func() object { return object{"enum": []any{true, false, "true", "false", "1", "0"}} }
	codes := func() object { return object{"type": []any{"array", "null"}, "items": object{"type": "string"}} }
	choice := func(options ...string) object { return object{"enum": append(texts(options), "", nil)} }
	retries := atLeast("integer", 1)
	retries["maximum"] = plan.MaxRetries
	iterations := atLeast("integer", 0)
	iterations["maximum"] = plan.MaxIterations
	return described("What the engine does around the node.", closed(object{
		"retry_on_failed": described("Try again after an error.", flag()),
		"max_retries":     described("So many retries after the first attempt; default 1.", retries),
		"retry_delay_ms":  described("Time before a retry; default 1000.", atLeast("integer", 0)),
		"backoff":         described("How the delay grows.", choice("constant", "linear", "exponential")),
		"max_delay_ms":    described("The longest delay; 0 is no limit.", atLeast("integer", 0)),
		"jitter":          described("Spread the delays at random.", flag()),
		"retry_on":        described("Codes of errors that are tried again; none is all.", codes()),
		"no_retry_on":     described("Codes of errors that are not tried again.", codes()),
		"retry_after":     described("Wait as long as the failing server asks; default true.", flag()),
		"timeout_ms":      described("Time for one attempt; 0 is the node type's own.", atLeast("integer", 0)),
		"on_error":        described("What an error does after the retries.", choice(flow.StopWorkflow, flow.Continue, flow.ContinueErrorOutput)),
		"join":            described("How many arrivals the node waits for.", object{"anyOf": []any{object{"enum": []any{"all", "any"}}, atLeast("integer", 1)}}),
		"queue":           described("The queue that the steps of the node are run from: by workers that serve it. default is the partition's own.", orNull("string")),
		"max_iterations":  described("How often the loop may go round that is entered by this node; 0 is the engine's limit.", iterations),
		"cancels":         described("Keys of nodes that are withdrawn when this node is done, or what it waited for came.", codes()),
		"on_cancel":       described("Key of the node that undoes this one when the execution is cancelled, fails or times out.", orNull("string")),

		"concurrency_key":   described("Steps whose keys are equal, of whatever workflow, run only so many at a time; a template.", orNull("string")),
		"concurrency_limit": described("How many steps of that key run at a time; default 1.", limitSchema()),
	}))
}

func limitSchema() object {
	o := atLeast("integer", 1)
	o["maximum"] = flow.MaxConcurrency
	return o
}

// anyCase is a pattern of words in either case, since enums are read so.
func anyCase(words []string) string {
	letter := regexp.MustCompile(`[A-Za-z]`)
	var out []string
	for _, w := range words {
		out = append(out, letter.ReplaceAllStringFunc(regexp.QuoteMeta(w), func(c string) string {
			return "[" + strings.ToUpper(c) + strings.ToLower(c) + "]"
		}))
	}
	return "^(?:" + strings.Join(out, "|") + ")$"
}

func required(fields []node.Field) []string {
	var names []string
	for _, f := range fields {
		if f.Required && f.Default == nil {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

package definition

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// TestSchema describes test files as JSON Schema (2020-12), for editors. It accepts whatever [ReadTests] accepts; of the rest it
// refuses what a schema can see: names that only the workflow knows are left to `prana test`.
func TestSchema() map[string]any {
	root := closed(with(worldSchema(), object{
		"workflow":  described("The file of the workflow under test, from the directory of this one.", object{"type": "string", "minLength": 1}),
		"with":      described("Files of other workflows that it starts; their nodes are named workflow_id.key.", listOf(orNull("string"))),
		"variables": described("Values in place of those of the workflow.", orNull("object")),
		"secrets":   described("What $secrets reads.", mapOf(orNull("string"))),
		"env":       described("What $env reads.", mapOf(orNull("string"))),
		"cases":     described("The executions, and what must come of each.", object{"type": "array", "minItems": 1, "items": ref("case")}),
	}), "workflow", "cases")
	root["type"] = "object"
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Prana workflow tests"
	root["$defs"] = object{
		"case": caseSchema(), "step": stepSchema(), "want": wantSchema(), "node_want": nodeWantSchema(),
		"stub": stubSchema(), "answer": answerSchema(), "error": errorSchema(),
	}
	return root
}

// with puts both together.
func with(a, b object) object {
	maps.Copy(a, b)
	return a
}

func listOf(item object) object { return object{"type": []any{"array", "null"}, "items": item} }

func mapOf(value object) object {
	return object{"type": []any{"object", "null"}, "additionalProperties": value}
}

// oneOrMore takes one element for a list of it.
func oneOrMore(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "minItems": 1, "items": item}}}
}

func worldSchema() object {
	return object{
		"now":   described("When the case begins; the same in every run when nothing is said.", object{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}`}),
		"stubs": described("What nodes come to instead of what they do, by key; an entry for each attempt, of which the last stands.", mapOf(oneOrMore(ref("stub")))),
		"http":  described("What addresses answer, by METHOD host/path; an entry for each request, of which the last stands.", mapOf(oneOrMore(ref("answer")))),
	}
}

func caseSchema() object {
	o := closed(with(worldSchema(), object{
		"name":  described("What the case shows.", object{"type": "string", "minLength": 1}),
		"input": described("What the execution is started with.", object{}),
		"steps": described("What is done and wanted on the way, in this order.", listOf(ref("step"))),
		"want":  described("What must come of it, once everything came that time brings.", ref("want")),
	}), "name")
	o["type"] = "object"
	o["anyOf"] = []any{object{"required": []any{"want"}}, object{"required": []any{"steps"}}}
	return o
}

func stepSchema() object {
	verbs := object{
		"publish": described("Publish an event.", closed(object{"type": orNull("string"), "data": object{}})),
		"resume": described("End the wait of a node, or the only one there is.", closed(object{
			"node": orNull("string"), "data": object{}, "error": ref("error"),
		})),
		"cancel":  described("End the execution, with this reason.", orNull("string")),
		"advance": described("Let time pass, such as 24h or 1500ms.", object{"type": "string", "pattern": `^\+?([0-9]*\.?[0-9]+(ns|us|µs|μs|ms|s|m|h)|[0-9]+\.(ns|us|µs|μs|ms|s|m|h))+$`}),
		"want":    described("What must hold now.", ref("want")),
	}
	var one []any
	for _, name := range slices.Sorted(maps.Keys(verbs)) {
		one = append(one, object{"required": []any{name}})
	}
	o := closed(with(verbs, object{"refused": described("The code with which it must be refused.", orNull("string"))}))
	o["type"], o["oneOf"] = "object", one
	return o
}

func wantSchema() object {
	statuses := []any{"", nil}
	for _, s := range flow.Statuses() {
		statuses = append(statuses, string(s))
	}
	names := func(text string) object { return described(text, listOf(orNull("string"))) }
	o := closed(object{
		"status":  described("How the execution stands.", object{"enum": statuses}),
		"error":   described("The code of its error.", orNull("string")),
		"refused": described("The code with which the start is refused.", orNull("string")),
		"path":    names("The runs of nodes in the order of their ends: key, key.port, key#1.port, key!failed."),
		"ran":     names("The same in any order."),
		"waits":   names("The nodes that wait."),
		"output":  described("What it leaves; … stands for anything.", object{}),
		"reply":   described("What the caller of a webhook is answered: a status, or status and body.", object{}),
		"nodes":   described("What holds of nodes, by key.", mapOf(ref("node_want"))),
	})
	o["type"], o["minProperties"] = "object", 1
	return o
}

func nodeWantSchema() object {
	return closed(object{
		"runs":     described("How often it ran.", object{"type": "integer"}),
		"attempts": described("How many attempts all runs made.", object{"type": "integer"}),
		"port":     described("By which its last run left.", orNull("string")),
		"error":    described("The code of the last run's error.", orNull("string")),
		"output":   described("What the last run left; … stands for anything.", object{}),
		"params":   described("What it was given last; what is not named is not looked at.", orNull("object")),
	})
}

func stubSchema() object {
	return closed(object{
		"port":   described("By which it leaves; the first of its type when nothing is said.", orNull("string")),
		"output": described("What it leaves.", object{}),
		"error":  described("It fails instead.", ref("error")),
	})
}

func answerSchema() object {
	status := atLeast("integer", 100)
	status["maximum"] = 599
	return closed(object{
		"status":  described("Default 200.", status),
		"headers": mapOf(orNull("string")),
		"body":    described("A text as it stands, anything else as JSON.", object{}),
		"error":   described("There is no answer, because of this.", orNull("string")),
	})
}

// errorSchema takes a code alone for an error of that code.
func errorSchema() object {
	o := closed(object{
		"code": object{"type": "string", "minLength": 1}, "message": orNull("string"), "details": orNull("object"),
		"permanent": object{"enum": []any{true, false, "true", "false", "1", "0"}},
	}, "code")
	o["type"] = "object"
	return object{"anyOf": []any{object{"type": []any{"string", "null"}}, o}}
}

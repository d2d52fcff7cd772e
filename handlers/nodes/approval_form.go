package nodes

import (
	"fmt"
	"maps"

	"prana/engine/flow"
)

// Bounds of a form.
const (
	maxForm       = 16 << 10 // bytes of its JSON
	maxFormFields = 50
	maxComment    = 4096 // characters
)

// formName is what the form's own document is called, so that "#/$defs/x" in it means the form.
const formName = "prana:///form"

func checkForm(v any) error {
	form, _ := v.(map[string]any)
	raw, err := flow.Encode(form)
	properties, _ := form["properties"].(map[string]any)
	switch {
	case err != nil || len(raw) > maxForm:
		return fmt.Errorf("must be JSON of at most %d KiB", maxForm>>10)
	case form["type"] != "object":
		return fmt.Errorf("must say type: object: it describes the fields that are to be filled in")
	case form["$id"] != nil:
		return fmt.Errorf("must have no $id")
	case len(properties) > maxFormFields:
		return fmt.Errorf("has %d fields; the most is %d", len(properties), maxFormFields)
	}
	return nil
}

// approvalSchema is what may be brought to an approval: a flow.Decision.
func approvalSchema(params map[string]any) map[string]any {
	schema := map[string]any{
		"type": "object", "required": []any{"decision"}, "additionalProperties": false,
		"properties": map[string]any{
			"decision": map[string]any{"enum": []any{flow.Approved, flow.Rejected}},
			"comment":  map[string]any{"type": "string", "maxLength": maxComment},
			"by":       map[string]any{"type": "string", "maxLength": flow.MaxActor},
			"form":     map[string]any{"type": "object", "maxProperties": 0},
		},
	}
	form, ok := params["form"].(map[string]any)
	if !ok {
		return schema
	}
	form = maps.Clone(form)
	form["$id"] = formName
	schema["properties"].(map[string]any)["form"] = form
	if required, _ := form["required"].([]any); len(required) > 0 {
		schema["if"] = map[string]any{"properties": map[string]any{"decision": map[string]any{"const": flow.Approved}}}
		schema["then"] = map[string]any{"required": []any{"form"}}
	}
	return schema
}

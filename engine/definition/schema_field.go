package definition

import "prana/engine/node"

// expressionSchema is a string that is evaluated: only then is it known what it gives.
func expressionSchema() object {
	return described("An expression: {{ … }} anywhere in the text, or a text that begins with a root such as $input.",
		object{"type": "string", "pattern": `\{\{|^\$[a-z]`})
}

// anyField is the name of a field that stands for every other name.
const anyField = "*"

// fieldsSchema describes the members of an object.
func fieldsSchema(fields []node.Field) object {
	properties := object{}
	o := closed(properties, required(fields)...)
	for _, f := range fields {
		if f.Name == anyField {
			o["additionalProperties"] = fieldSchema(f)
			continue
		}
		properties[f.Name] = fieldSchema(f)
	}
	if o["required"] != nil {
		o["type"] = "object"
	}
	return o
}

// fieldSchema describes one parameter: a constant of its kind, or an expression.
func fieldSchema(f node.Field) object {
	o := object{}
	if f.Kind != node.Any && !f.Raw {
		forms := constants(f)
		if f.Kind != node.Condition && f.Kind != node.Expression && !f.Literal {
			forms = append(forms, ref("expression"))
		}
		if !f.Required {
			forms = append(forms, object{"type": "null"})
		}
		o["anyOf"] = forms
	}
	if f.Summary != "" {
		o["description"] = f.Summary
	}
	if f.Default != nil {
		o["default"] = f.Default
	}
	return o
}

// constants lists how a value of the field can be written out. Numbers and
// booleans may come as text, as they do at run time.
func constants(f node.Field) []any {
	switch f.Kind {
	case node.String:
		return textForms(f)
	case node.Int:
		return []any{bounded(f, object{"type": "integer"}, "minimum", "maximum"), object{"type": "string", "pattern": `^\s*[-+]?[0-9]+(\.0*)?\s*$`}}
	case node.Number:
		return []any{bounded(f, object{"type": "number"}, "minimum", "maximum"), object{"type": "string", "pattern": `^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$`}}
	case node.Bool:
		return []any{object{"enum": []any{true, false, "true", "false", "1", "0", 1, 0}}}
	case node.Condition:
		return []any{object{"type": "string", "minLength": 1}, object{"enum": []any{true, false, 1, 0}}}
	case node.Expression:
		return []any{object{"type": []any{"string", "number", "boolean"}}}
	case node.Object:
		return []any{objectForm(f)}
	case node.Array:
		return []any{bounded(f, object{"type": "array", "items": elementForm(f)}, "minItems", "maxItems")}
	}
	return []any{object{}}
}

func textForms(f node.Field) []any {
	if len(f.Enum) > 0 {
		return []any{object{"enum": texts(f.Enum)}, object{"type": "string", "pattern": anyCase(f.Enum)}}
	}
	return []any{bounded(f, object{"type": []any{"string", "number", "boolean"}}, "minLength", "maxLength")}
}

// bounded puts Min and Max under the names that they have for the kind.
func bounded(f node.Field, o object, least, most string) object {
	if f.Min != nil {
		o[least] = *f.Min
	}
	if f.Max != nil {
		o[most] = *f.Max
	}
	return o
}

func objectForm(f node.Field) object {
	if f.Items == nil {
		return object{"type": "object"}
	}
	o := fieldsSchema(f.Items)
	o["type"] = "object"
	return o
}

func elementForm(f node.Field) object {
	if f.Items == nil {
		return object{}
	}
	return object{"anyOf": []any{objectForm(f), ref("expression")}}
}

package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"prana/engine/flow"
)

// dataSchema is a compiled JSON Schema: the input_schema of a workflow, or what may be brought to a wait.
type dataSchema struct{ schema *jsonschema.Schema }

// noLoader keeps a definition from reading files or addresses through $ref.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document; a schema must hold all it refers to", url)
}

// schemaName is how the schema's own document is called inside the compiler.
const schemaName = "prana:///input_schema"

func compileSchema(raw json.RawMessage) (*dataSchema, error) {
	doc, err := flow.Decode(raw)
	if err != nil {
		return nil, err
	}
	return compileDocument(doc)
}

func compileDocument(doc any) (*dataSchema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaName, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(schemaName)
	if err != nil {
		return nil, err
	}
	return &dataSchema{schema}, nil
}

// CheckInput holds the input of a start against the workflow's input_schema.
// An error is a *flow.Problem with code "invalid"; its details list the fields.
func (p *Plan) CheckInput(input any) error {
	return p.input.check(flow.ErrInvalid.Code, "input", "the input does not fit the workflow's input_schema", input)
}

// CodeInvalidData is how data is refused that does not fit what the wait asks for.
const CodeInvalidData = "invalid_data"

// CheckData holds what somebody brings by hand against what a wait of the node takes. An error is a *flow.Problem with code
// CodeInvalidData; its details list the fields, each with the pointer to it.
func (n *Node) CheckData(data any) error {
	return n.brings.check(CodeInvalidData, "data", "node "+n.Key+" asks for something else", data)
}

// check holds a value, called by a name, against the schema, if there is one.
func (s *dataSchema) check(code, name, what string, v any) error {
	if s == nil {
		return nil
	}
	err := s.schema.Validate(v)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return flow.Problemf(code, "the %s cannot be checked: %v", name, err)
	}
	var texts []string
	var fields []any
	for _, cause := range leaves(invalid) {
		path, text := told(cause, name)
		texts = append(texts, path+": "+text)
		fields = append(fields, map[string]any{"path": path, "pointer": pointer(cause), "message": flow.Cut(text, 512)})
	}
	problem := flow.Problemf(code, "%s: %s", what, strings.Join(texts, "; "))
	problem.Message = flow.Cut(problem.Message, 2048)
	problem.Details = map[string]any{"fields": fields}
	return problem
}

// pointer is the JSON pointer to the place of a fault: to the first member itself that is missing.
func pointer(e *jsonschema.ValidationError) string {
	at := e.InstanceLocation
	if missing, ok := e.ErrorKind.(*kind.Required); ok && len(missing.Missing) > 0 {
		at = append(slices.Clone(at), missing.Missing[0])
	}
	var b strings.Builder
	for _, part := range at {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}

// brings compiles what the waits of a node take, as its type says. What is wrong with it is wrong in the parameter that
// it comes from, whose name is that of the property.
func (c *compiler) brings(n *Node, at string, params map[string]any) {
	if n.Type.Brings == nil {
		return
	}
	raw, err := flow.Encode(n.Type.Brings(params))
	if err == nil {
		n.brings, err = compileSchema(raw)
	}
	if err == nil {
		return
	}
	path, message := schemaFault(err)
	path = strings.TrimPrefix(strings.TrimPrefix(path, "input_schema"), ".properties")
	c.fail(under(at, "params")+path, CodeBadSchema, "", "this is not a JSON Schema: %s", strings.ReplaceAll(message, "input_schema", "the schema"))
}

// told gives the place of a fault, below the name of the whole, and what it is.
func told(e *jsonschema.ValidationError, path string) (where, what string) {
	for _, part := range e.InstanceLocation {
		path = Join(path, part)
	}
	return path, e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

// schemaFault says where and why, on one line, a schema does not compile.
func schemaFault(err error) (path, text string) {
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if cause, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			where, what := told(leaves(cause)[0], "input_schema")
			return where, flow.Cut(what, 400)
		}
	}
	text = strings.ReplaceAll(err.Error(), schemaName, "input_schema")
	return "input_schema", flow.Cut(strings.Join(strings.Fields(text), " "), 400)
}

// maxFaults bounds how many places of an input are told.
const maxFaults = 20

// leaves gives the errors that have no causes of their own.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var out []*jsonschema.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
		if len(out) >= maxFaults {
			return out[:maxFaults]
		}
	}
	return out
}

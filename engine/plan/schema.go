package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"prana/engine/flow"
)

// inputSchema is the compiled input_schema of a workflow.
type inputSchema struct{ schema *jsonschema.Schema }

// noLoader keeps a definition from reading files or addresses through $ref.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document; a schema must hold all it refers to", url)
}

// schemaName is how the schema's own document is called inside the compiler.
const schemaName = "prana:///input_schema"

func compileSchema(raw json.RawMessage) (*inputSchema, error) {
	doc, err := flow.Decode(raw)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaName, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(schemaName)
	if err != nil {
		return nil, err
	}
	return &inputSchema{schema}, nil
}

// CheckInput holds the input of a start against the workflow's input_schema.
// An error is a *flow.Problem with code "invalid"; its details list the fields.
func (p *Plan) CheckInput(input any) error {
	if p.input == nil {
		return nil
	}
	err := p.input.schema.Validate(input)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return flow.Problemf(flow.ErrInvalid.Code, "the input cannot be checked: %v", err)
	}
	var texts []string
	var fields []any
	for _, cause := range leaves(invalid) {
		path, text := told(cause, "input")
		texts = append(texts, path+": "+text)
		fields = append(fields, map[string]any{"path": path, "message": flow.Cut(text, 512)})
	}
	problem := flow.Problemf(flow.ErrInvalid.Code, "the input does not fit the workflow's input_schema: %s", strings.Join(texts, "; "))
	problem.Message = flow.Cut(problem.Message, 2048)
	problem.Details = map[string]any{"fields": fields}
	return problem
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

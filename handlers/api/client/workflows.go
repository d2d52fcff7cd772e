package client

import (
	"context"
	"net/http"
	"net/url"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Deploy publishes a definition, YAML or JSON; file is the name that
// diagnostics show. A definition with errors gives an *Error with Diagnostics.
func (c *Client) Deploy(ctx context.Context, file string, src []byte) (wire.Deployed, error) {
	var d wire.Deployed
	_, err := c.do(ctx, definition("/v1/workflows", file, src), &d)
	return d, err
}

// Validate diagnoses a definition; one with errors is no error here.
func (c *Client) Validate(ctx context.Context, file string, src []byte) (wire.Validation, error) {
	var v wire.Validation
	_, err := c.do(ctx, definition("/v1/workflows:validate", file, src), &v)
	return v, err
}

// definition sends JSON as YAML too: it is a part of YAML.
func definition(path, file string, src []byte) call {
	k := call{method: http.MethodPost, path: path, media: "application/yaml", body: src, again: true} // the content names the version
	if file != "" {
		k.query = url.Values{"file": {file}}
	}
	return k
}

// Workflows lists the published workflows.
func (c *Client) Workflows(ctx context.Context) ([]flow.WorkflowInfo, error) {
	return listAll[flow.WorkflowInfo](ctx, c, "/v1/workflows")
}

// Versions lists the versions of a workflow.
func (c *Client) Versions(ctx context.Context, id string) ([]flow.WorkflowInfo, error) {
	return listAll[flow.WorkflowInfo](ctx, c, workflow(id)+"/versions")
}

// WorkflowSource gives a definition and its version; an empty version asks for
// the newest.
func (c *Client) WorkflowSource(ctx context.Context, id, version string) (*flow.Workflow, string, error) {
	path := workflow(id)
	if version != "" {
		path += "/versions/" + url.PathEscape(version)
	}
	var d wire.Definition
	_, err := c.do(ctx, get(path, nil), &d)
	return d.Definition, d.Version, err
}

// Ping tells whether the server answers and can work, as it is now.
func (c *Client) Ping(ctx context.Context) error {
	k := get("/readyz", nil)
	k.again = false
	_, err := c.do(ctx, k, new(wire.Health))
	return err
}

func workflow(id string) string { return "/v1/workflows/" + url.PathEscape(id) }

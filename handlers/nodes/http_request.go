package nodes

import (
	"context"
	"net/http"
	"strings"
	"time"

	"prana/engine/node"
)

func httpRequest(w *web) node.Type {
	fields := append([]node.Field{
		{Name: "url", Kind: node.String, Required: true, Summary: "The address, http or https; by default only public hosts can be reached."},
	}, w.requestFields()...)
	fields = append(fields,
		node.Field{Name: "timeout", Kind: node.Int, Default: defaultTimeoutMS, Min: new(1.0), Max: new(float64(maxTimeoutMS)), Summary: "The most milliseconds that it may take, from the connection to the last byte."},
		node.Field{Name: "timeout_ms", Kind: node.Int, Min: new(1.0), Max: new(float64(maxTimeoutMS)), Summary: "The same as timeout, and wins over it."},
	)
	return node.Type{
		Name:    "http.request",
		Summary: "Makes one HTTP request and leaves with {status, headers, body}; a status that is not accepted is an error.",
		Fields:  fields,
		Output:  []node.Output{{Fields: replyFields}},
		Unsafe:  unsafeRequest,
		// A little more than the most that timeout allows, so that the node's own limit speaks first.
		Timeout: maxTimeoutMS*time.Millisecond + 10*time.Second,
		Examples: []node.Example{
			{
				Title:  "Read",
				Params: map[string]any{"url": "https://api.example.com/orders/{{ $input.order_id }}", "params": map[string]any{"expand": []any{"lines", "customer"}}},
				Input:  map[string]any{"order_id": 7},
				Output: map[string]any{"status": 200, "headers": jsonHeaders, "body": map[string]any{"id": 7, "expand": "lines,customer"}},
			},
			{Title: "Write", Params: map[string]any{
				"url": "https://api.example.com/orders", "method": "POST", "json": map[string]any{"ok": "$input.approved"},
				"auth": map[string]any{"type": "bearer", "token": "$secrets.orders_token"}, "timeout": 5000,
			}, Input: map[string]any{"approved": true}, Output: map[string]any{"status": 201, "headers": jsonHeaders, "body": map[string]any{"ok": true}}},
			{
				Title:  "Not found is an answer",
				Params: map[string]any{"url": "https://api.example.com/orders/42", "accept_status": []any{"2xx", 404}},
				Output: map[string]any{"status": 404, "headers": jsonHeaders, "body": map[string]any{"error": "no such order"}},
			},
		},
		Run: w.runRequest,
	}
}

// unsafeRequest tells whether a request that is repeated may do something again.
func unsafeRequest(params map[string]any) (what, remedy string) {
	method, _ := params["method"].(string)
	method = strings.ToUpper(method)
	if method != http.MethodPost && method != http.MethodPatch {
		return "", ""
	}
	headers, _ := params["headers"].(map[string]any)
	for name := range headers {
		if strings.EqualFold(name, "Idempotency-Key") {
			return "", ""
		}
	}
	return "a " + method, "make sure that the receiver honours Idempotency-Key, or name the header yourself"
}

func (w *web) runRequest(ctx context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	r, err := w.newRequest(v, "url", c)
	if err != nil {
		return node.Outcome{}, err
	}
	r.timeout = v.millis("timeout")
	if own := v.millis("timeout_ms"); own > 0 {
		r.timeout = own
	}
	got, err := w.do(ctx, r)
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Outcome{Output: got.output()}, nil
}

// replyFields describe what an answer is to expressions.
var replyFields = []node.Field{
	{Name: "status", Kind: node.Int, Summary: "The status code."},
	{Name: "headers", Kind: node.Object, Summary: "Name in lower case -> value; repeated ones joined by commas. Cookies and credentials are left out."},
	{Name: "body", Kind: node.Any, Summary: "Data when the answer is JSON, else text."},
}

// jsonHeaders are those of the answers in examples.
var jsonHeaders = map[string]any{"content-type": "application/json"}

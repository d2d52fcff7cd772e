package nodes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

func webhookRespond() node.Type {
	return node.Type{
		Name:    "http.webhook_respond",
		Summary: "Answers the request that began the execution, once, and goes on at once with null; nobody needs to listen.",
		Fields: []node.Field{
			{Name: "respond_with", Kind: node.String, Default: "text", Enum: []string{"text", "json", "redirect", "no_data"}, Summary: "What the answer is."},
			{Name: "status_code", Kind: node.Int, Min: new(200.0), Max: new(599.0), Summary: "Default 200, of no_data 204; redirects have their own."},
			{Name: "headers", Kind: node.Object, Summary: "Name -> value, or a list of values."},
			{Name: "text_data", Kind: node.String, Summary: "Of text."},
			{Name: "json_data", Kind: node.Any, Summary: "Of json: any value."},
			{Name: "redirect_url", Kind: node.String, Check: checkRedirect, Summary: "Of redirect: where to go, an http or https address, or a path of this server."},
			{Name: "redirect_type", Kind: node.String, Default: "temporary", Enum: []string{"temporary", "permanent"}, Summary: "Of redirect: 302 or 301."},
		},
		Output: []node.Output{{Summary: "null"}},
		Examples: []node.Example{
			{Title: "Say what was done", Params: map[string]any{"respond_with": "json", "status_code": 201, "json_data": map[string]any{"order": "{{ $input.id }}"}}, Input: map[string]any{"id": 7}},
			{Title: "Send a browser on", Params: map[string]any{"respond_with": "redirect", "redirect_url": "https://shop.example/thanks"}},
		},
		Run: runWebhookRespond,
	}
}

func runWebhookRespond(_ context.Context, c *node.Call) (node.Outcome, error) {
	r, err := replyOf(c.Params)
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Outcome{Reply: r}, nil
}

// replyOf makes the answer of evaluated parameters.
func replyOf(v values) (*flow.HTTPReply, error) {
	h, err := replyHeaders(v.object("headers"))
	if err != nil {
		return nil, err
	}
	r := &flow.HTTPReply{Status: http.StatusOK, Headers: h}
	switch v.text("respond_with") {
	case "redirect":
		return r, redirectTo(r, h, v)
	case "no_data":
		r.Status = http.StatusNoContent
	case "json":
		raw, err := flow.Encode(v["json_data"])
		if err != nil {
			return nil, invalid("json_data", "is not JSON")
		}
		r.Body = string(raw)
		setDefault(h, "Content-Type", "application/json")
	default:
		r.Body = v.text("text_data")
		setDefault(h, "Content-Type", "text/plain; charset=utf-8")
	}
	if status := int(v.whole("status_code")); status != 0 {
		r.Status = status
	}
	if bodiless(r.Status) && r.Body != "" {
		return nil, invalid("status_code", "is %d, which has no body; respond with no_data", r.Status)
	}
	return r, nil
}

func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

// ours are headers of an answer that the server sets itself. Cookies would be kept for all that it serves, the
// console and the API among them.
var ours = []string{"Content-Security-Policy", "Date", "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "X-Content-Type-Options"}

func replyHeaders(m map[string]any) (http.Header, error) {
	h, err := parseHeaders(m)
	if err != nil {
		return nil, err
	}
	for name := range h {
		if slices.Contains(ours, name) {
			return nil, invalid("headers", "has the name %q, which cannot be set", name)
		}
	}
	return h, nil
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

func redirectTo(r *flow.HTTPReply, h http.Header, v values) error {
	to := v.text("redirect_url")
	if to == "" {
		return invalid("redirect_url", "is needed to respond with a redirect")
	}
	h.Set("Location", to)
	r.Status = http.StatusFound
	if v.text("redirect_type") == "permanent" {
		r.Status = http.StatusMovedPermanently
	}
	return nil
}

// checkRedirect lets through what a browser and we read alike.
func checkRedirect(v any) error {
	to, _ := v.(string)
	u, err := url.Parse(to)
	odd := strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' })
	path := strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//")
	if err != nil || odd || !path && badURL(u) != "" {
		return errors.New("must be an http or https address, or a path that begins with one slash")
	}
	return nil
}

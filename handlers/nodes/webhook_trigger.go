package nodes

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"prana/engine/node"
)

// webhookTrigger describes the address; the server, which receives the requests, acts by it.
func webhookTrigger() node.Type {
	return node.Type{
		Name:    "http.webhook_trigger",
		Summary: "Begins an execution for each request to /webhook/WORKFLOW and its path; leaves with {method, path, headers, query, body}.",
		Trigger: true,
		Fields: []node.Field{
			{Name: "path", Kind: node.String, Default: "", Check: checkHookPath, Summary: "What follows /webhook/WORKFLOW in the address, such as /paid; usually nothing."},
			{Name: "methods", Kind: node.Array, Default: []any{http.MethodPost}, Check: checkMethods, Summary: "Methods that begin an execution."},
			// Lazy: the server evaluates it for each request; a worker, which runs the step, needs none of its secrets.
			{Name: "auth", Kind: node.Object, Lazy: true, Items: hookAuthFields, Check: checkHookAuth, Summary: "What a caller must prove; nothing when it is left out."},
			{
				Name: "response_type", Kind: node.String, Default: "immediately", Enum: []string{"immediately", "on_completion", "at_return_node"},
				Summary: "Answer at once with the id of the execution, at its end with its output, or with what an http.webhook_respond says.",
			},
			{Name: "response_timeout_ms", Kind: node.Int, Default: 30_000, Min: new(1.0), Max: new(300_000.0), Summary: "How long a caller waits at most; the execution goes on after it."},
		},
		Output: []node.Output{{Fields: []node.Field{
			{Name: "method", Kind: node.String, Summary: "The method, in capitals."},
			{Name: "path", Kind: node.String, Summary: "The whole path."},
			{Name: "headers", Kind: node.Object, Summary: "Name in small letters -> value, without credentials."},
			{Name: "query", Kind: node.Object, Summary: "Name -> value, or a list of several."},
			{Name: "body", Kind: node.Any, Summary: "JSON and forms decoded, anything else as text."},
		}}},
		Examples: []node.Example{
			{
				Title: "Orders of a shop, answered with what becomes of them", Params: map[string]any{
					"path": "/paid", "response_type": "at_return_node",
					"auth": map[string]any{"type": "header", "header_name": "X-Shop-Key", "header_value": "{{ $secrets.SHOP_KEY }}"},
				},
				Input:  paidOrder,
				Output: paidOrder,
			},
		},
		Run: runManualTrigger,
	}
}

// paidOrder is what the example is called with.
var paidOrder = map[string]any{
	"method": "POST", "path": "/webhook/example/paid", "query": map[string]any{}, "headers": map[string]any{"content-type": "application/json"}, "body": map[string]any{"order": 7},
}

var hookAuthFields = []node.Field{
	{Name: "type", Kind: node.String, Default: "none", Enum: []string{"none", "basic", "header", "jwt"}, Summary: "How callers prove who they are."},
	{Name: "username", Kind: node.String, Summary: "Of basic."},
	{Name: "password", Kind: node.String, Secret: true, Summary: "Of basic."},
	{Name: "header_name", Kind: node.String, Default: "Authorization", Summary: "Of header: the one that carries the secret. It is not part of what the execution sees."},
	{Name: "header_value", Kind: node.String, Secret: true, Summary: "Of header: its whole value."},
	{Name: "jwt_secret", Kind: node.String, Secret: true, Summary: "Of jwt: the key of HS256, of 32 bytes at least. The token comes as Authorization: Bearer."},
	{Name: "jwt_issuer", Kind: node.String, Summary: "Of jwt: who must have issued it (iss); empty = anybody who has the key."},
	{Name: "jwt_audience", Kind: node.String, Summary: "Of jwt: for whom it must be (aud); empty = anybody."},
}

// maxHookPath bounds the path of a trigger, in characters.
const maxHookPath = 128

var hookPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

func checkHookPath(v any) error {
	path, _ := v.(string)
	switch {
	case len(path) > maxHookPath:
		return fmt.Errorf("is longer than %d characters", maxHookPath)
	case strings.Contains(path, "..") || strings.Contains(path+"/", "/./") || !hookPath.MatchString(path):
		return errors.New("must be empty, or begin with a slash and have letters, digits and . _ ~ - between its slashes, without dots that lead elsewhere")
	}
	return nil
}

var hookMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func checkMethods(v any) error {
	list, _ := v.([]any)
	if len(list) < 1 || len(list) > len(hookMethods) {
		return fmt.Errorf("must name 1 to %d methods", len(hookMethods))
	}
	for _, one := range list {
		if m, ok := one.(string); !ok || !slices.Contains(hookMethods, strings.ToUpper(m)) {
			return errors.New("must be a list of " + strings.Join(hookMethods, ", "))
		}
	}
	return nil
}

// checkHookAuth wants what the type needs, written or evaluated: a hook that lets anybody in
// who sends nothing is never meant.
func checkHookAuth(v any) error {
	auth, _ := v.(map[string]any)
	needs := map[string][]string{"basic": {"username", "password"}, "header": {"header_value"}, "jwt": {"jwt_secret"}}
	kind, _ := auth["type"].(string)
	for _, name := range needs[strings.ToLower(kind)] {
		if s := auth[name]; s == nil || s == "" {
			return fmt.Errorf("of type %s needs %s", kind, name)
		}
	}
	if auth["type"] == nil && len(auth) > 0 {
		return errors.New("has no type: basic, header, jwt, or none")
	}
	if name, ok := isConstant(auth["header_name"]); ok && !isToken(name) {
		return errors.New("has a header_name that is no name of a header")
	}
	return nil
}

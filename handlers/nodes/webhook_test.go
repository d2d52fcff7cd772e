package nodes

import (
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

func TestWebhookRespond(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "http.webhook_respond")
	for name, tc := range map[string]struct {
		params obj
		want   flow.HTTPReply
	}{
		"nothing said": {nil, flow.HTTPReply{Status: 200, Headers: map[string][]string{"Content-Type": {"text/plain; charset=utf-8"}}}},
		"text": {
			obj{"text_data": "ok", "status_code": 201, "headers": obj{"x-a": "1", "X-B": []any{"2", 3}}},
			flow.HTTPReply{Status: 201, Body: "ok", Headers: map[string][]string{"Content-Type": {"text/plain; charset=utf-8"}, "X-A": {"1"}, "X-B": {"2", "3"}}},
		},
		"json": {
			obj{"respond_with": "json", "json_data": obj{"a": []any{1, nil, "<"}}},
			flow.HTTPReply{Status: 200, Body: `{"a":[1,null,"<"]}`, Headers: map[string][]string{"Content-Type": {"application/json"}}},
		},
		"json of its own type": {
			obj{"respond_with": "json", "headers": obj{"content-type": "application/vnd.a+json"}},
			flow.HTTPReply{Status: 200, Body: `null`, Headers: map[string][]string{"Content-Type": {"application/vnd.a+json"}}},
		},
		"redirect": {
			obj{"respond_with": "redirect", "redirect_url": "https://a.example/x?y=1", "status_code": 200},
			flow.HTTPReply{Status: 302, Headers: map[string][]string{"Location": {"https://a.example/x?y=1"}}},
		},
		"redirect for ever": {
			obj{"respond_with": "redirect", "redirect_url": "/here", "redirect_type": "permanent"},
			flow.HTTPReply{Status: 301, Headers: map[string][]string{"Location": {"/here"}}},
		},
		"no data":                {obj{"respond_with": "no_data", "text_data": "not this"}, flow.HTTPReply{Status: 204}},
		"no data, with a status": {obj{"respond_with": "no_data", "status_code": 410}, flow.HTTPReply{Status: 410}},
	} {
		out := run(t, typ, callFor(typ, tc.params))
		same(t, name, out.Reply, tc.want)
		if out.Output != nil || out.PassInput || out.Suspend != nil || out.Port != "" {
			t.Errorf("%s: it does not simply go on with null: %+v", name, out)
		}
	}
}

func TestWebhookRespondRefuses(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "http.webhook_respond")
	many := obj{}
	for i := range maxHeaders + 1 {
		many["x-"+strings.Repeat("a", i+1)] = "1"
	}
	for name, params := range map[string]obj{
		"a line break in a header": {"headers": obj{"x-a": "1\r\nSet-Cookie: a=b"}},
		"a name that is none":      {"headers": obj{"x a": "1"}},
		"a hop-by-hop header":      {"headers": obj{"Transfer-Encoding": "chunked"}},
		"a length":                 {"headers": obj{"content-length": "3"}},
		"a cookie":                 {"headers": obj{"set-cookie": "a=b"}},
		"a policy":                 {"headers": obj{"content-security-policy": "default-src *"}},
		"too many headers":         {"headers": many},
		"too large headers":        {"headers": obj{"x-a": strings.Repeat("a", maxHeaderBytes)}},
		"an informational status":  {"status_code": 101},
		"a status beyond":          {"status_code": 600},
		"a body that cannot be":    {"status_code": 204, "text_data": "x"},
		"json that cannot be":      {"status_code": 304, "respond_with": "json"},
		"no address":               {"respond_with": "redirect"},
		"a script":                 {"respond_with": "redirect", "redirect_url": "javascript:alert(1)"},
		"another host in disguise": {"respond_with": "redirect", "redirect_url": "//evil.example"},
		"a disguise by backslash":  {"respond_with": "redirect", "redirect_url": `/\evil.example`},
		"a relative path":          {"respond_with": "redirect", "redirect_url": "here"},
		"a line break":             {"respond_with": "redirect", "redirect_url": "/a\r\nX: y"},
		"unknown":                  {"respond_with": "xml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p := problemOf(t, typ, callFor(typ, params), codeParams); !p.Permanent {
				t.Error("it is tried again")
			}
		})
	}
}

func TestWebhookTriggerPassesTheRequestOn(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "http.webhook_trigger")
	if out := run(t, typ, callFor(typ, nil)); !out.PassInput {
		t.Errorf("got %+v", out)
	}
	c := callFor(typ, nil)
	c.Input = nil
	same(t, "the output when started by hand with nothing", run(t, typ, c).Output, obj{})
}

// Mistakes in a trigger are told when it is published, not by its first request.
func TestWebhookTriggerIsChecked(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(Builtin(Options{})...)
	for name, tc := range map[string]struct {
		params obj
		want   string // the code of the first diagnostic
	}{
		"nothing":            {nil, ""},
		"a path":             {obj{"path": "/a/b-c_d.e~1"}, ""},
		"no slash":           {obj{"path": "a"}, plan.CodeBadParam},
		"a last slash":       {obj{"path": "/a/"}, plan.CodeBadParam},
		"two slashes":        {obj{"path": "/a//b"}, plan.CodeBadParam},
		"up":                 {obj{"path": "/a/../b"}, plan.CodeBadParam},
		"here":               {obj{"path": "/a/./b"}, plan.CodeBadParam},
		"a query":            {obj{"path": "/a?b"}, plan.CodeBadParam},
		"an escape":          {obj{"path": "/a%2e"}, plan.CodeBadParam},
		"128 characters":     {obj{"path": "/" + strings.Repeat("a", 127)}, ""},
		"129 characters":     {obj{"path": "/" + strings.Repeat("a", 128)}, plan.CodeBadParam},
		"methods":            {obj{"methods": []any{"get", "POST"}}, ""},
		"no method":          {obj{"methods": []any{}}, plan.CodeBadParam},
		"an unknown method":  {obj{"methods": []any{"BREW"}}, plan.CodeBadParam},
		"not a method":       {obj{"methods": []any{7}}, plan.CodeBadParam},
		"a response":         {obj{"response_type": "on_completion", "response_timeout_ms": 300000}, ""},
		"an unknown one":     {obj{"response_type": "later"}, plan.CodeNotInEnum},
		"too long":           {obj{"response_timeout_ms": 300001}, plan.CodeOutOfRange},
		"none":               {obj{"auth": obj{"type": "none"}}, ""},
		"basic":              {obj{"auth": obj{"type": "basic", "username": "a", "password": "{{ $secrets.P }}"}}, ""},
		"basic, no password": {obj{"auth": obj{"type": "basic", "username": "a"}}, plan.CodeBadParam},
		"header, no value":   {obj{"auth": obj{"type": "header", "header_value": ""}}, plan.CodeBadParam},
		"header, bad name":   {obj{"auth": obj{"type": "header", "header_name": "a b", "header_value": "$secrets.P"}}, plan.CodeBadParam},
		"jwt, no key":        {obj{"auth": obj{"type": "JWT"}}, plan.CodeBadParam},
		"no type":            {obj{"auth": obj{"password": "{{ $secrets.P }}"}}, plan.CodeBadParam},
		"a literal":          {obj{"auth": obj{"type": "header", "header_value": "hunter2"}}, plan.CodeSecretLiteral},
	} {
		w := &flow.Workflow{ID: "w", Nodes: []flow.Node{{Key: "n", Type: "http.webhook_trigger", Params: tc.params}}}
		_, found := plan.Compile(w, reg, plan.Options{})
		got := ""
		if len(found) > 0 {
			got = found[0].Code
		}
		if got != tc.want {
			t.Errorf("%s: got %v, want %q", name, found, tc.want)
		}
	}
}

package api

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const browser = "text/html,application/xhtml+xml,*/*;q=0.8"

// asking is an engine with an approval that waits.
func asking(t *testing.T, data map[string]any) *fake {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.resume = flow.ResumeView{Status: flow.ResumeActive, Workflow: "buy", Node: "gate", Type: flow.Approval, Data: raw}
	return f
}

var purchase = map[string]any{
	"title": "Order a desk?", "description": "It is\nfor Grace.", "assignees": []string{"ada", "grace"}, "due_at": "2026-03-01T09:00:00Z",
	"form": map[string]any{"type": "object", "required": []string{"amount"}, "properties": map[string]any{
		"amount": map[string]any{"type": "integer", "title": "How many", "default": 2}, "colour": map[string]any{"enum": []any{"red", 3, nil}},
		"price": map[string]any{"type": "number"}, "fast": map[string]any{"type": "boolean"}, "by": map[string]any{"type": "string", "format": "date", "description": "At the latest."},
		"note": map[string]any{"type": "string"}, "tags": map[string]any{"type": "array"}, "story": map[string]any{"type": "string", "maxLength": 4000},
	}},
}

func TestApprovalPage(t *testing.T) {
	t.Parallel()
	f := asking(t, purchase)
	w := send(f, "GET", "/resume/"+urlToken, "", "Accept", browser)
	body := w.Body.String()
	for _, want := range []string{
		"<h1>Order a desk?</h1>", "It is\nfor Grace.", "ada, grace", "1 March 2026, 09:00 UTC", `<form method="post"`,
		`<label for="field-0">How many <span class="required">(required)</span></label>`, `<input type="number" inputmode="decimal" step="1" id="field-0" name="form.amount" value="2">`,
		`name="form.colour"`, `<option value="&#34;red&#34;">red</option><option value="3">3</option><option value="null">null</option>`,
		`step="any"`, `<input type="checkbox"`, `<input type="date"`, "At the latest.", `<input type="text"`, `class="code" placeholder="JSON"`, `name="form.story" rows="4"`,
		`name="decision" value="approved"`, `name="decision" value="rejected"`, `<label for="comment">`, `<label for="by">`, `name="viewport"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s:\n%s", want, body)
		}
	}
	if w.Code != 200 || f.last() != urlToken { // nothing but looked at
		t.Errorf("got %d, and the engine was asked for %v", w.Code, f.last())
	}
	wantSafe(t, w.Header(), body)
	everyControlHasALabel(t, body)
}

// wantSafe: nothing is loaded or run, the form goes nowhere else, and nobody learns or keeps the URL.
func wantSafe(t *testing.T, h http.Header, body string) {
	t.Helper()
	wantKept(t, h)
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %s, without %s", policy, want)
		}
	}
	if policy != wire.PagePolicy(resumeStyle, "'self'") || !strings.Contains(body, "<style>"+resumeStyle+"</style>") {
		t.Error("the style is not that of the digest")
	}
	if h.Get("X-Robots-Tag") == "" || h.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(strings.ToLower(body), "<script") {
		t.Errorf("the headers are %v", h)
	}
}

func everyControlHasALabel(t *testing.T, body string) {
	t.Helper()
	ids := regexp.MustCompile(`<(?:input|select|textarea)[^>]* id="([^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(ids) < 3 {
		t.Errorf("there are controls %v", ids)
	}
	for _, id := range ids {
		if strings.Count(body, `for="`+id[1]+`"`) != 1 || strings.Count(body, ` id="`+id[1]+`"`) != 1 {
			t.Errorf("control %s has no label of its own", id[1])
		}
	}
}

// TestApprovalByForm: what is typed gets the types of the schema.
func TestApprovalByForm(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"decision=approved&by=+Ada+&comment=why+not&form.amount=3&form.colour=%22red%22&form.price=1.50&form.fast=true&form.by=2026-03-01&form.note=12&form.tags=%5B1%5D&form.story=": `{"decision":"approved","by":"Ada","comment":"why not","form":{"amount":3,"colour":"red","price":1.50,"fast":true,"by":"2026-03-01","note":"12","tags":[1]}}`,
		"decision=approved&form.amount=many&form.colour=null&form.tags=oops&form.unknown=1&form.price=%5B%5D":                                                                         `{"decision":"approved","form":{"amount":"many","fast":false,"tags":"oops","price":"[]"}}`,
		"decision=rejected&form.amount=many&comment=no":    `{"decision":"rejected","comment":"no"}`,
		"decision=approved&decision=rejected&comment=both": `{"decision":"approved, rejected","comment":"both","form":{"fast":false}}`,
		"comment=neither": `{"comment":"neither","form":{"fast":false}}`,
	} {
		f := asking(t, purchase)
		w := send(f, "POST", "/resume/"+urlToken, typed, "Content-Type", formType)
		got, _ := strings.CutPrefix(f.brought, urlToken+" ")
		if w.Code != 200 || !sameJSON(t, got, want) {
			t.Errorf("%s: got %d, brought %s; want %s", typed, w.Code, got, want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	x, err1 := flow.Decode([]byte(a))
	y, err2 := flow.Decode([]byte(b))
	p, _ := flow.Encode(x)
	q, _ := flow.Encode(y)
	return err1 == nil && err2 == nil && string(p) == string(q)
}

// TestApprovalPageAnswers: what was recorded, or what is wrong, beside the fields, with what was typed.
func TestApprovalPageAnswers(t *testing.T) {
	t.Parallel()
	wrong := flow.Problemf("invalid_data", "the form")
	wrong.Details = map[string]any{"fields": []any{map[string]any{"pointer": "/form/amount", "message": "got string, want <integer>"}}}
	f := asking(t, purchase)
	f.refuse = wrong
	w := send(f, "POST", "/resume/"+urlToken, "decision=approved&by=Ada&comment=%3Cb%3E&form.amount=many", "Content-Type", formType, "Accept", browser)
	body := w.Body.String()
	for _, want := range []string{`value="many" aria-invalid="true" aria-describedby="field-0-error"`, `<p class="error" id="field-0-error">got string, want &lt;integer&gt;</p>`, `&lt;b&gt;</textarea>`, `value="Ada"`, `role="alert"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s:\n%s", want, body)
		}
	}
	if w.Code != 422 {
		t.Errorf("got %d", w.Code)
	}
	wantSafe(t, w.Header(), body)

	f = asking(t, purchase)
	at := born
	over := flow.ResumeView{Status: flow.ResumeConsumed, Workflow: "buy", Node: "gate", Data: f.resume.Data, Decision: flow.Rejected, ResumedBy: flow.ByManual, Actor: "Eve", ResumedAt: &at}
	f.resume, f.refuse = over, flow.ErrConflict
	for method, want := range map[string]int{"GET": 200, "POST": 409} {
		w := send(f, method, "/resume/"+urlToken, "", "Content-Type", formType, "Accept", browser)
		if body := w.Body.String(); w.Code != want || !strings.Contains(body, "Rejected by Eve, 2 January 2026, 03:04 UTC") || !strings.Contains(body, "Order a desk?") || strings.Contains(body, "<form") {
			t.Errorf("%s: got %d %s", method, w.Code, body)
		}
	}
	f.refuse = nil
	if w := send(f, "POST", "/resume/"+urlToken, "", "Content-Type", formType, "Accept", browser); w.Code != 200 || !strings.Contains(w.Body.String(), "Thank you") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestOtherPages: a wait of another kind has one button; one that is not there, or is away, has none.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "GET", "/resume/"+urlToken, "", "Accept", browser)
	if body := w.Body.String(); w.Code != 200 || strings.Count(body, "<button") != 1 || strings.Contains(body, "decision") {
		t.Errorf("got %d %s", w.Code, body)
	}
	wantSafe(t, w.Header(), w.Body.String()+`<p id="x">`)
	for err, want := range map[error]int{flow.ErrNotFound: 404, flow.ErrUnavailable: 503} {
		f := newFake()
		f.err = err
		for _, method := range []string{"GET", "POST"} {
			if w := send(f, method, "/resume/"+urlToken, "", "Accept", browser); w.Code != want || strings.Contains(w.Body.String(), "<form") {
				t.Errorf("%s: got %d %s", method, w.Code, w.Body)
			}
		}
	}
}

// TestPageEscapes: nothing that anybody wrote becomes a part of the page's own.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>alert(1)</script>`, `</textarea><svg onload=alert(1)>`,
		`</title><iframe src=javascript:alert(1)>`, `javascript:alert(1)`, `{{.Style}}`, `<!--`, `]]>`, `&lt;script&gt;`, "\u2028<b>", `</option></select><form action=//evil.example>`, "a\x00<b>", `<base href=//evil.example>`, `<meta http-equiv=refresh content=0>`,
	} {
		f := asking(t, map[string]any{
			"title": evil, "description": evil, "assignees": []string{evil}, "due_at": evil, "timeout_at": evil,
			"form": map[string]any{"type": "object", "required": []any{evil}, "properties": map[string]any{
				evil:       map[string]any{"type": "string", "title": evil, "description": evil, "default": evil},
				"e":        map[string]any{"enum": []any{evil, "x"}, "default": evil},
				"j" + evil: map[string]any{"type": "object", "default": map[string]any{evil: evil}},
			}},
		})
		f.resume.Workflow, f.resume.Node = evil, evil
		wrong := flow.Problemf("invalid_data", "%s", evil)
		f.refuse = wrong
		wrong.Details = map[string]any{"fields": []any{
			map[string]any{"pointer": "/form/e", "message": evil}, map[string]any{"pointer": evil, "message": evil},
		}}
		post := url.Values{"decision": {evil}, "comment": {evil}, "by": {evil}, "form." + evil: {evil}, "form.e": {evil}}.Encode()
		for _, w := range []string{
			send(f, "GET", "/resume/"+urlToken, "", "Accept", browser).Body.String(),
			send(f, "POST", "/resume/"+urlToken, post, "Content-Type", formType, "Accept", browser).Body.String(),
		} {
			wantSameTags(t, evil, w)
		}
	}
}

var tag = regexp.MustCompile(`<[!/a-zA-Z][^>]*>`)

// wantSameTags: the page has only elements and attributes of its own, each value between quotes.
func wantSameTags(t *testing.T, evil, page string) {
	t.Helper()
	own := regexp.MustCompile(`^</?(?:!doctype|html|head|meta|title|style|body|main|p|h1|dl|dt|dd|form|div|label|span|select|option|textarea|input|button)(?: (?:lang|charset|name|content|class|role|method|autocomplete|for|id|value|type|inputmode|step|rows|spellcheck|placeholder|maxlength|aria-invalid|aria-describedby)="[^"<>]*"| (?:html|selected|checked|formnovalidate))*>$`)
	_, body, _ := strings.Cut(page, "</style>")
	if !strings.Contains(page, "<main>") {
		t.Fatalf("%q: no page: %s", evil, page)
	}
	for _, found := range tag.FindAllString(body, -1) {
		if !own.MatchString(found) {
			t.Errorf("%q: the page has %s", evil, found)
		}
	}
	if text := html.UnescapeString(body); evil != "<!--" && !strings.Contains(text, strings.ReplaceAll(evil, "\x00", "\uFFFD")) && !strings.Contains(text, evil) {
		t.Errorf("%q is not shown", evil)
	}
}

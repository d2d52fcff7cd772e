package cli

import (
	"bytes"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const purchase = `{"title":"Order?","form":{"type":"object","required":["amount","colour"],"properties":{
	"amount":{"type":"integer"},"colour":{"enum":["red",3]},"note":{"type":"string"},"fast":{"type":"boolean"},"tags":{"type":"array"}}}}`

func approvals(t *testing.T, data ...string) *fake {
	t.Helper()
	page := flow.Page[flow.Suspension]{Items: []flow.Suspension{}}
	for i, d := range data {
		page.Items = append(page.Items, flow.Suspension{ExecutionID: "0x", Node: "gate" + string(rune('0'+i)), Type: flow.Approval, Data: []byte(d)})
	}
	done := wire.Resumed{ExecutionID: "0x", SuspensionID: "0x:1.000:1", Node: "gate0"}
	return newFake(t, map[string]any{"GET /v1/suspensions": page, "POST /v1/executions/0x:approve": done, "POST /v1/executions/0x:reject": done})
}

// TestApproveTypesTheForm: values get the types that the form asks for; the server judges the rest.
func TestApproveTypesTheForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--set", "amount=3", "--set", "colour=red", "--set", "note=12", "--set", "fast=true", "--set", "tags=[1]", "--comment", "fine"}, `{"by":"Ada","comment":"fine","form":{"amount":3,"colour":"red","note":"12","fast":true,"tags":[1]}}`},
		{[]string{"--set", "amount=many", "--set", "colour=3", "--node", "gate0", "--id", "i"}, `{"by":"Ada","node":"gate0","id":"i","form":{"amount":"many","colour":3}}`},
		{[]string{"--form-json", `{"amount":1,"colour":3}`, "--set", "note:=null"}, `{"by":"Ada","form":{"amount":1,"colour":3,"note":null}}`},
	} {
		f := approvals(t, purchase)
		r := prana(t, f.url, append([]string{"approve", "0x", "--by", "Ada"}, c.args...)...)
		r.wants(t, 0, "approved 0x at node gate0", "")
		same(t, f.asked()[len(f.asked())-1].body, c.want)
	}
}

// TestApproveNamesWhatIsMissing: without a terminal nobody is asked, and nothing is sent.
func TestApproveNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := approvals(t, purchase)
	prana(t, f.url, "approve", "0x", "--set", "amount=3").wants(t, 3, "", "colour")
	if f.only(t).line != "GET /v1/suspensions" {
		t.Errorf("the server was asked for %v", f.asked())
	}
	f = approvals(t, purchase, purchase) // which of them the server asks
	prana(t, f.url, "approve", "0x", "--by", "Ada").wants(t, 0, "approved", "")
	same(t, f.asked()[1].body, `{"by":"Ada"}`)
}

func TestRejectNeedsNoForm(t *testing.T) {
	t.Parallel()
	f := approvals(t, purchase)
	prana(t, f.url, "reject", "0x", "--by", "Ada", "--comment", "too much", "-o", "json").wants(t, 0, `"node":"gate0"`, "")
	same(t, f.only(t).body, `{"by":"Ada","comment":"too much"}`)
}

// TestDecisionsAreRefused with the codes of all verbs.
func TestDecisionsAreRefused(t *testing.T) {
	t.Parallel()
	late := flow.Problemf("conflict", "manual (Eve) was first")
	late.Details = map[string]any{"resumed_actor": "Eve"}
	for code, problem := range map[int]error{5: late, 3: flow.Problemf("invalid_data", "amount is missing"), 4: flow.NotFound("execution", "0x")} {
		f := approvals(t)
		f.answers["POST /v1/executions/0x:approve"] = problem
		prana(t, f.url, "approve", "0x").wants(t, code, "", flow.AsProblem(problem).Message)
	}
	prana(t, "", "approve").wants(t, 2, "", "")
}

// TestFormIsAskedFor: each field until it has a value of its type.
func TestFormIsAskedFor(t *testing.T) {
	t.Parallel()
	asks, err := flow.Decode([]byte(purchase))
	if err != nil {
		t.Fatal(err)
	}
	f := form(asks.(map[string]any)["form"].(map[string]any))
	filled := map[string]any{}
	var out bytes.Buffer
	if err := f.ask(strings.NewReader("\nmany\n7\nblue\nred\n"), &out, filled, f.missing(filled)); err != nil {
		t.Fatal(err)
	}
	raw, _ := flow.Encode(filled)
	same(t, string(raw), `{"amount":7,"colour":"red"}`)
	if n := strings.Count(out.String(), "amount (integer): "); n != 3 || strings.Count(out.String(), "colour (red, 3): ") != 2 {
		t.Errorf("it asked %q", out.String())
	}
	if err := f.ask(strings.NewReader("7\n"), &out, map[string]any{}, []string{"amount", "colour"}); exitCode(err) != 2 {
		t.Errorf("the end of the input gives %v", err)
	}
}

package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// charge is what a team writes.
type charge struct {
	Order  string        `json:"order" doc:"Which order is paid for."`
	Cents  int           `json:"cents" doc:"How much." min:"1" max:"100000"`
	Method string        `json:"method" doc:"How it is paid." enum:"card,invoice" default:"card"`
	Within time.Duration `json:"within,omitempty" doc:"How long the bank may take."`
	Lines  []line        `json:"lines,omitempty" doc:"What was bought."`
	Token  string        `json:"token,omitempty" doc:"Of the bank." secret:"true"`
	audited
}

type audited struct {
	By *string `json:"by" doc:"Who did it."`
}

type line struct {
	SKU   string `json:"sku" doc:"The article."`
	Count uint8  `json:"count" doc:"How many." default:"1"`
}

type receipt struct {
	ID   string        `json:"id" doc:"Of the payment."`
	Took time.Duration `json:"took" doc:"How long it took."`
	Paid paid          `json:"paid" doc:"What was paid."`
}

type paid struct {
	Cents  int    `json:"cents"`
	Method string `json:"method"`
}

var errDeclined = &flow.Problem{Code: "declined", Message: "the bank said no", Permanent: true}

func pay(_ context.Context, c *node.Call, in charge) (receipt, error) {
	switch in.Cents {
	case 13:
		return receipt{}, fmt.Errorf("order %s: %w", in.Order, errDeclined)
	case 14:
		return receipt{}, errors.New("the line is dead")
	}
	cents := in.Cents
	for _, l := range in.Lines {
		cents *= int(l.Count)
	}
	return receipt{ID: c.Node + "-" + in.Order, Took: in.Within / 2, Paid: paid{cents, in.Method}}, nil
}

var trigger = node.Type{Name: "test.trigger", Trigger: true, Output: []node.Output{{Pass: true}}, Run: func(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{PassInput: true}, nil
}}

func charging() node.Type {
	return node.Typed(node.Type{Name: "acme.charge", Summary: "Takes money."}, pay)
}

// run runs one node of the type behind a trigger, and gives the kit with the execution.
func run(t *testing.T, typ node.Type, params string, input any) (*enginetest.Env, string) {
	t.Helper()
	env := enginetest.New(t, trigger, typ)
	env.Deploy(alone(typ, params))
	id := env.Start("w", input)
	env.Run()
	return env, id
}

func alone(typ node.Type, params string) string {
	return "id: w\ntimeout_ms: 60000000\nnodes:\n- {key: start, type: test.trigger}\n- key: pay\n  type: " + typ.Name +
		"\n  params: " + params + "\nconnections: [start -> pay]\n"
}

func TestTypesDescribeTheNode(t *testing.T) {
	t.Parallel()
	d := charging().Describe()
	got, err := flow.Encode(map[string]any{"fields": d.Fields, "output": d.Output, "outputs": d.Outputs})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"fields":[` + strings.Join([]string{
		`{"name":"order","kind":"string","summary":"Which order is paid for.","required":true}`,
		`{"name":"cents","kind":"int","summary":"How much.","required":true,"min":1,"max":100000}`,
		`{"name":"method","kind":"string","summary":"How it is paid.","required":false,"default":"card","enum":["card","invoice"]}`,
		`{"name":"within","kind":"string","summary":"How long the bank may take. Written like 1h30m.","required":false}`,
		`{"name":"lines","kind":"array","summary":"What was bought.","required":false,"items":[` +
			`{"name":"sku","kind":"string","summary":"The article.","required":true},` +
			`{"name":"count","kind":"int","summary":"How many.","required":false,"default":1,"min":0,"max":255}]}`,
		`{"name":"token","kind":"string","summary":"Of the bank.","required":false,"secret":true}`,
		`{"name":"by","kind":"string","summary":"Who did it.","required":false}`,
	}, ",") + `],"output":[{"fields":[` + strings.Join([]string{
		`{"name":"id","kind":"string","summary":"Of the payment.","required":false}`,
		`{"name":"took","kind":"string","summary":"How long it took. Written like 1h30m.","required":false}`,
		`{"name":"paid","kind":"object","summary":"What was paid.","required":false,"items":[{"name":"cents","kind":"int","summary":"","required":false},{"name":"method","kind":"string","summary":"","required":false}]}`,
	}, ",") + `]}],"outputs":["main"]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheFunctionGetsItsParameters(t *testing.T) {
	t.Parallel()
	env, id := run(t, charging(), `{order: "o-{{ $input.n }}", cents: "{{ $input.cents }}", method: INVOICE, within: 1m30s, lines: [{sku: a, count: 2}, {sku: b}]}`,
		map[string]any{"n": 7, "cents": 500})
	env.WantOutput(id, map[string]any{"id": "pay-o-7", "took": "45s", "paid": map[string]any{"cents": 1000, "method": "invoice"}})
}

func TestErrorsKeepTheirCode(t *testing.T) {
	t.Parallel()
	for cents, want := range map[int]string{13: "declined", 14: "error"} {
		env, id := run(t, charging(), fmt.Sprintf(`{order: x, cents: %d}`, cents), nil)
		env.WantError(id, want)
		if permanent := env.Execution(id).Error.Permanent; permanent != (want == "declined") {
			t.Errorf("%s: permanent is %v", want, permanent)
		}
	}
}

// TestDefinitionsAreChecked asks for the place of each mistake.
func TestDefinitionsAreChecked(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]string{
		`{cents: 1}`:                                    "7:11 error MISSING_PARAM order is required",
		`{order: a, cents: 0}`:                          "7:29 error OUT_OF_RANGE cents must be at least 1",
		`{order: a, cents: 1, method: cash}`:            `7:40 error NOT_IN_ENUM method is "cash", which it does not accept`,
		`{order: a, cents: 1, metod: card}`:             `7:32 error UNKNOWN_PARAM there is no parameter "metod"`,
		`{order: a, cents: much}`:                       "7:29 error WRONG_KIND cents must be an integer, not a string",
		`{order: a, cents: 1, within: 30}`:              "7:40 error BAD_PARAM within must be a duration with its unit, such as 30s or 1h30m",
		`{order: a, cents: 1, lines: [{sku: 1, n: 2}]}`: `7:49 error UNKNOWN_PARAM there is no parameter "n"`,
		`{order: a, cents: 1, token: abc}`:              "7:39 warning SECRET_LITERAL token is written out: whoever may read the definition reads it",
		`{order: $nodes.pay.outptu, cents: 1}`:          "7:19 error UNKNOWN_NODE_FIELD",
	} {
		if got := diagnosed(alone(charging(), params), charging()); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s: got %q, want %s", params, got, want)
		}
	}
}

func diagnosed(source string, types ...node.Type) []string {
	_, _, found := definition.Check("", []byte(source), node.NewRegistry(append(types, trigger)...), plan.Options{})
	var all []string
	for _, d := range found {
		all = append(all, d.String())
	}
	return all
}

// TestExpressionsKnowTheOutput reads what the type has, and what it has not.
func TestExpressionsKnowTheOutput(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"$nodes.pay.output.paid.cents":        "",
		"$nodes.pay.output.paid.cent":         `did you mean "cents"?`,
		"{{ $nodes.pay.output.took == 3 }}":   "is a string, and never an integer",
		"{{ $nodes.pay.output.took == '3s'}}": "",
	} {
		got := diagnosed(alone(charging(), "{order: a, cents: 1}")+"output: \""+expression+"\"\n", charging())
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// many is a type of everything that has JSON.
type many struct {
	Addr   netip.Addr        `json:"addr,omitzero"`
	Big    *big.Int          `json:"big"`
	Number json.Number       `json:"number,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	Counts []int             `json:"counts,omitempty"`
	Names  map[string]string `json:"names,omitempty"`
	Waits  []time.Duration   `json:"waits,omitempty" default:"[\"1s\"]"`
	Tree   *tree             `json:"tree"`
	Raw    json.RawMessage   `json:"raw,omitempty"`
	Bytes  []byte            `json:"bytes,omitempty"`
	Rows   [][]line          `json:"rows,omitempty"`
	Any    any               `json:"any,omitempty"`
	Ratio  float32           `json:"ratio,omitempty"`
	On     bool              `json:"on,omitempty"`
	Skip   chan int          `json:"-"`
}

type tree struct {
	Name string  `json:"name"`
	Kids []*tree `json:"kids,omitempty"`
}

func all() node.Type {
	return node.Typed(node.Type{Name: "acme.all"}, func(_ context.Context, _ *node.Call, in many) (many, error) { return in, nil })
}

func TestAllTypesComeAndGo(t *testing.T) {
	t.Parallel()
	params := `{addr: 10.0.0.1, big: 123456789012345678901234567890, number: 1.10, at: "2026-01-31T09:00:00Z", counts: [1, 2], names: {a: b}, ` +
		`tree: {name: x, kids: [{name: y, kids: [{name: z}]}]}, raw: {q: 1}, bytes: aGk=, rows: [[{sku: a, count: 2}]], any: [1], ratio: 0.5, on: true}`
	env, id := run(t, all(), params, nil)
	env.WantStatus(id, flow.Completed)
	want, err := flow.Decode([]byte(`{"addr":"10.0.0.1","big":123456789012345678901234567890,"number":1.1,"at":"2026-01-31T09:00:00Z","counts":[1,2],"names":{"a":"b"},
		"waits":["1s"],"tree":{"name":"x","kids":[{"name":"y","kids":[{"name":"z"}]}]},"raw":{"q":1},"bytes":"aGk=","rows":[[{"sku":"a","count":2}]],"any":[1],"ratio":0.5,"on":true}`))
	if err != nil {
		t.Fatal(err)
	}
	env.WantOutput(id, want)
}

func TestWhatTypesRefuseIsRefusedBeforeARun(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]string{
		`{addr: 10.0.0}`:                 `addr cannot be used: ParseAddr("10.0.0"): IPv4 address too short`,
		`{at: tomorrow}`:                 "at must be a date with its time and zone, such as 2026-01-31T09:00:00Z",
		`{counts: [1, two]}`:             "counts has a string where an integer belongs",
		`{names: {a: [1]}}`:              "names has an array where a string belongs",
		`{waits: [1s, 2]}`:               "waits must be a duration with its unit, such as 30s or 1h30m",
		`{rows: [[{sku: a, cuont: 2}]]}`: `rows cannot be used: unknown field "cuont"`,
		`{tree: {kids: []}}`:             "name is required",
		`{number: many}`:                 "number cannot be used",
		`{bytes: "?"}`:                   "bytes cannot be used",
	} {
		got := diagnosed(alone(all(), params), all())
		if len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], "7:") {
			t.Errorf("%s: got %q, want %s", params, got, want)
		}
	}
	for params, want := range map[string]string{
		`{counts: "{{ $input }}"}`:  "params.counts: counts has a string where an integer belongs",
		`{addr: "{{ $input[0] }}"}`: "params.addr: addr cannot be used",
	} {
		env, id := run(t, all(), params, []any{"x"})
		env.WantError(id, "invalid_params")
		if e := env.Execution(id).Error; !strings.Contains(e.Message, want) || !e.Permanent {
			t.Errorf("%s: got %v, want %s", params, e, want)
		}
	}
}

// TestSecretsAreNotRepeated holds a secret that its type refuses against what is stored of that.
func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	typ := node.Typed(node.Type{Name: "acme.secret"}, func(_ context.Context, _ *node.Call, _ struct {
		Key netip.Addr `json:"key" secret:"true"`
	},
	) (any, error) {
		return nil, nil
	})
	env, id := run(t, typ, `{key: "{{ $input.key }}"}`, map[string]any{"key": "hush"})
	env.WantError(id, "invalid_params")
	if e := env.Execution(id).Error; strings.Contains(e.Message, "hush") {
		t.Errorf("it is told: %v", e)
	}
}

// collected is what a courier leaves with: the ports are in the type.
type collected struct {
	Main *parcel       `port:"main" doc:"It was collected."`
	Late *struct{}     `port:"late" doc:"Nobody came."`
	Wait *node.Outcome // until somebody comes
}

type parcel struct {
	By string `json:"by"`
}

func courier(_ context.Context, c *node.Call, in struct {
	Parcel string `json:"parcel"`
},
) (collected, error) {
	switch {
	case in.Parcel == "none":
		return collected{}, nil
	case c.Resume == nil:
		event := &flow.Subscription{Type: "collected", Filter: map[string]any{"parcel": in.Parcel}}
		return collected{Wait: &node.Outcome{Suspend: &node.Suspend{Type: flow.CustomWait, In: time.Hour, Event: event}}}, nil
	case c.Resume.By == flow.ByTimeout:
		return collected{Late: &struct{}{}}, nil
	}
	p, err := node.Decode[parcel](c.Resume.Data)
	return collected{Main: &p}, err
}

func TestPortsAndWaits(t *testing.T) {
	t.Parallel()
	typ := node.Typed(node.Type{Name: "acme.courier", Waits: true}, courier)
	if d := typ.Describe(); !slices.Equal(d.Outputs, []string{"main", "late"}) || d.Output[0].Fields[0].Name != "by" || d.Output[1].Summary != "Nobody came." {
		t.Errorf("it is described as %+v", d)
	}
	env, id := run(t, typ, `{parcel: p1}`, nil)
	env.WantStatus(id, flow.Suspended)
	env.Publish("collected", map[string]any{"parcel": "p1", "by": "ann"})
	env.Run()
	env.WantOutput(id, map[string]any{"by": "ann"})

	env, id = run(t, typ, `{parcel: p1}`, nil)
	env.Advance(time.Hour)
	env.WantPath(id, "start", "pay.late")

	env, id = run(t, typ, `{parcel: p1}`, nil)
	env.Publish("collected", map[string]any{"parcel": "p1", "by": 3})
	env.Run()
	env.WantError(id, "invalid_data")

	env, id = run(t, typ, `{parcel: none}`, nil)
	env.WantError(id, "invalid_output")
}

// TestWhatTheTypeSaysStands has a check that no tag can say, and a function that leaves as it likes.
func TestWhatTheTypeSaysStands(t *testing.T) {
	t.Parallel()
	even := node.Field{Name: "n", Kind: node.Int, Check: func(v any) error {
		if n, ok := v.(int); ok && n%2 == 1 {
			return errors.New("must be even")
		}
		return nil
	}}
	typ := node.Typed(node.Type{Name: "acme.even", Fields: []node.Field{even, {Name: "more", Kind: node.Any}}}, func(_ context.Context, c *node.Call, in struct {
		N int `json:"n"`
	},
	) (node.Outcome, error) {
		return node.Outcome{Output: []any{in.N, c.Params["more"]}}, nil
	})
	if got := diagnosed(alone(typ, "{n: 3}"), typ); len(got) != 1 || !strings.Contains(got[0], "n must be even") {
		t.Errorf("got %q", got)
	}
	env, id := run(t, typ, "{n: 4, more: x}", nil)
	env.WantOutput(id, []any{4, "x"})
}

func TestMapsAreFreeParameters(t *testing.T) {
	t.Parallel()
	typ := node.Typed(node.Type{Name: "acme.free"}, func(_ context.Context, _ *node.Call, in map[string]int) (map[string]int, error) { return in, nil })
	if got := diagnosed(alone(typ, "{a: x}"), typ); len(got) != 1 || !strings.Contains(got[0], "a must be an integer") {
		t.Errorf("got %q", got)
	}
	env, id := run(t, typ, `{a: 1, b: "2"}`, nil)
	env.WantOutput(id, map[string]any{"a": 1, "b": 2})
}

// TestFreeMembersHoldWhatExpressionsKnow has numbers in all places of any type.
func TestFreeMembersHoldWhatExpressionsKnow(t *testing.T) {
	t.Parallel()
	type free struct {
		One  any            `json:"one"`
		Many map[string]any `json:"many"`
		List []*struct {
			One any `json:"one"`
		} `json:"list"`
		Null any             `json:"null"`
		Raw  json.RawMessage `json:"raw"`
	}
	got, err := node.Decode[free](map[string]any{
		"one": 1, "many": map[string]any{"a": []any{1.5}, "b": json.Number("12345678901234567890"), "c": nil},
		"list": []any{map[string]any{"one": 3}}, "null": nil, "raw": 1, "more": "is not looked at",
	})
	if err != nil || got.One != 1 || got.List[0].One != 3 || got.Null != nil || string(got.Raw) != "1" {
		t.Errorf("got %#v, %v", got, err)
	}
	if list, _ := got.Many["a"].([]any); list[0] != 1.5 || got.Many["b"] != json.Number("12345678901234567890") || got.Many["c"] != nil {
		t.Errorf("got %#v", got.Many)
	}
	if many, err := node.Decode[map[string]any](map[string]any{"a": 7}); err != nil || many["a"] != 7 {
		t.Errorf("got %#v, %v", many, err)
	}
	if _, err := node.Decode[any](nil); err != nil {
		t.Error(err)
	}
}

// embedding has embedded structs in all their forms.
type embedding struct {
	*Outer
	Named audited `json:"named"`
	ID    string  `json:"id"`
}

// Outer is exported, so that a decoder may make one.
type Outer struct {
	ID   int    `json:"id"`
	Note string `json:"note"`
	*embedding
}

func TestEmbeddedStructs(t *testing.T) {
	t.Parallel()
	typ := node.Typed(node.Type{Name: "acme.embed"}, func(_ context.Context, _ *node.Call, in embedding) (string, error) { return in.ID, nil })
	var got []string
	for _, f := range typ.Fields {
		got = append(got, f.Name+" "+string(f.Kind))
	}
	if want := []string{"note string", "named object", "id string"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUselessTypesAreRefused names what is wrong, and where.
func TestUselessTypesAreRefused(t *testing.T) {
	t.Parallel()
	typ := node.Type{Name: "acme.x"}
	for want, make := range map[string]func(){
		"parameters have names: string must be a struct":                func() { node.Typed(typ, takes[string]) },
		"field C of struct { C chan int }: chan int has no JSON":        func() { node.Typed(typ, takes[struct{ C chan int }]) },
		"field R of struct { R error }: nothing can be read into error": func() { node.Typed(typ, takes[struct{ R error }]) },
		"the tag min is no number: \"a\"": func() {
			node.Typed(typ, takes[struct {
				N int `min:"a"`
			}])
		},
		"the tag max is for numbers, texts and lists": func() {
			node.Typed(typ, takes[struct {
				N bool `max:"1"`
			}])
		},
		"the tag enum is for texts": func() {
			node.Typed(typ, takes[struct {
				N int `enum:"1"`
			}])
		},
		"the tag default \"x\" is not in its enum": func() {
			node.Typed(typ, takes[struct {
				S string `enum:"a,b" default:"x"`
			}])
		},
		"the tag default is no JSON: \"x\"": func() {
			node.Typed(typ, takes[struct {
				N int `default:"x"`
			}])
		},
		"the tag default \"1.5\" has a number 1.5 where an integer belongs": func() {
			node.Typed(typ, takes[struct {
				N int `default:"1.5"`
			}])
		},
		"the tag default \"3\" must be a duration with its unit, such as 30s": func() {
			node.Typed(typ, takes[struct {
				D time.Duration `default:"3"`
			}])
		},
		"the option \"string\" of its json tag is not supported": func() {
			node.Typed(typ, takes[struct {
				N int `json:",string"`
			}])
		},
		"map[bool]int has keys that are no texts":   func() { node.Typed(typ, takes[struct{ M map[bool]int }]) },
		"embed the struct itself":                   func() { node.Typed(typ, takes[struct{ *audited }]) },
		"it has a Run, which the function is to be": func() { node.Typed(trigger, takes[struct{}]) },
		"beside ports, each member must be exported and have a port of its own": func() {
			node.Typed(typ, leaves[struct {
				A *int `port:"a"`
				B *int `port:"a"`
			}])
		},
		"func() has no JSON": func() { node.Typed(typ, leaves[func()]) },
		"each member must be a pointer, so that it can be unset": func() {
			node.Typed(typ, leaves[struct {
				A int `port:"main"`
			}])
		},
		"field B of struct { A *int \"port:\\\"main\\\"\"; B *int }: it has no tag port": func() {
			node.Typed(typ, leaves[struct {
				A *int `port:"main"`
				B *int
			}])
		},
		"a node leaves by port error with an error": func() {
			node.Typed(typ, leaves[struct {
				A *int `port:"error"`
			}])
		},
		"its ports are named twice": func() {
			node.Typed(node.Type{Name: "acme.x", Outputs: []string{"a"}}, leaves[struct {
				A *int `port:"main"`
			}])
		},
	} {
		if got := panicOf(make); !strings.HasPrefix(got, "making node type ") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
}

func takes[In any](context.Context, *node.Call, In) (any, error) { return nil, nil }

func leaves[Out any](context.Context, *node.Call, struct{}) (out Out, err error) { return out, nil }

func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestEmbeddedMembersAreRead(t *testing.T) {
	t.Parallel()
	typ := node.Typed(node.Type{Name: "acme.embed"}, func(_ context.Context, _ *node.Call, in embedding) ([]any, error) {
		return []any{in.ID, in.Note, *in.Named.By}, nil
	})
	env, id := run(t, typ, `{id: a, note: b, named: {by: c}}`, nil)
	env.WantOutput(id, []any{"a", "b", "c"})
}

package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any
			Required   []string
		}
	}
}

type operation struct {
	OperationID string
	Responses   map[string]any
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
}

func readDocument(t *testing.T) (document, any) {
	t.Helper()
	var doc document
	var tree any
	if err := json.Unmarshal(openapiJSON, &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(openapiJSON, &tree); err != nil {
		t.Fatal(err)
	}
	return doc, tree
}

func TestDocumentHasExactlyTheRoutes(t *testing.T) {
	t.Parallel()
	doc, _ := readDocument(t)
	var documented, registered []string
	for path, operations := range doc.Paths {
		for method := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	for _, rt := range newAPI(config(newFake())).routes() {
		registered = append(registered, rt.method+" "+rt.path)
	}
	slices.Sort(documented)
	slices.Sort(registered)
	if !slices.Equal(documented, registered) {
		t.Errorf("documented %v\nregistered %v", documented, registered)
	}
}

func TestDocumentHasTheMembersOfOurTypes(t *testing.T) {
	t.Parallel()
	doc, _ := readDocument(t)
	for name, sample := range map[string]any{
		"Start": wire.Start{}, "Started": flow.StartResult{}, "Result": wire.Result{}, "Resume": wire.Resume{},
		"ResumeError": wire.Failure{}, "Resumed": wire.Resumed{}, "ResumedByURL": wire.ResumedByURL{}, "ResumeView": flow.ResumeView{}, "Cancel": wire.Cancel{}, "Ended": flow.CancelResult{}, "Accepted": wire.Accepted{}, "Unfinished": wire.Unfinished{},
		"Retry": wire.Retry{}, "Retried": flow.RetryResult{}, "Rerun": wire.Rerun{}, "Rerunning": flow.RerunResult{}, "RerunPlan": flow.RerunPlan{}, "RerunNode": flow.RerunNode{},
		"Event": wire.Event{}, "Published": flow.PublishResult{}, "EventPreview": flow.EventPreview{}, "WaitPreview": flow.WaitPreview{}, "Mismatch": flow.Mismatch{}, "Processed": wire.Processed{}, "Deployed": wire.Deployed{},
		"Validation": wire.Validation{}, "Definition": wire.Definition{}, "WorkflowInfo": flow.WorkflowInfo{},
		"Summary": flow.Summary{}, "View": flow.View{}, "NodeRun": flow.NodeRun{}, "LetterView": flow.LetterView{}, "Attempt": flow.AttemptView{},
		"History": wire.History{}, "Suspension": flow.Suspension{}, "Relation": flow.Relation{}, "FamilyLink": flow.FamilyLink{}, "Family": flow.Family{}, "Delay": flow.DelayView{},
		"Schedule": flow.ScheduleView{}, "Hook": flow.HookView{}, "Delivery": flow.Delivery{}, "DeliveryCounts": flow.DeliveryCounts{},
		"Queue": wire.Queue{}, "Worker": wire.Worker{}, "RunningTask": wire.Running{}, "DeadTask": wire.DeadTask{}, "DeadTaskID": wire.Dead{},
		"Failure": flow.Problem{}, "Health": wire.Health{}, "StreamEvent": flow.FeedEvent{},
	} {
		documented := slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties))
		if ours := membersOf(reflect.TypeOf(sample)); !slices.Equal(documented, ours) {
			t.Errorf("%s: documented %v\nours %v", name, documented, ours)
		}
	}
}

func membersOf(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, membersOf(f.Type)...)
		case name != "-":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestEventsAreNotRefusedForTheirID: one whose id came before is answered like the first, whatever is in it.
func TestEventsAreNotRefusedForTheirID(t *testing.T) {
	t.Parallel()
	doc, _ := readDocument(t)
	if r := doc.Paths["/v1/events"]["post"].Responses; r["202"] == nil || r["422"] != nil {
		t.Errorf("documented are %v", slices.Sorted(maps.Keys(r)))
	}
}

func TestReferencesLeadSomewhere(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	walk(tree, func(ref string) {
		at := tree
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			members, _ := at.(map[string]any)
			at = members[part]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	})
}

func walk(v any, visit func(ref string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, inner := range v {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

func TestExamplesOfTheDocumentWork(t *testing.T) {
	t.Parallel()
	doc, _ := readDocument(t)
	for path, operations := range doc.Paths {
		for media, content := range operations["post"].RequestBody.Content {
			if content.Example == nil {
				continue
			}
			id := execID
			if strings.HasPrefix(path, "/v1/workflows") {
				id = "order"
			} else if strings.HasPrefix(path, "/v1/suspensions") {
				id += ":1.0:1"
			}
			w := send(newFake(), "POST", strings.Replace(path, "{id}", id, 1), string(content.Example), "Content-Type", media)
			if w.Code/100 != 2 {
				t.Errorf("%s: got %d %s", path, w.Code, w.Body)
			}
		}
	}
}

// TestAnswersAreAsDocumented: a client that was generated from the document, and judges strictly, takes what is answered.
func TestAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	schemas := jsonschema.NewCompiler()
	if err := schemas.AddResource("openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, template, body, prefer string }{
		{"POST", "/v1/workflows/order/executions", "/v1/workflows/{id}/executions", `{}`, ""},
		{"POST", "/v1/workflows/order/executions", "/v1/workflows/{id}/executions", `{}`, "wait=1"},
		{"GET", "/v1/executions/" + execID, "/v1/executions/{id}", "", ""},
		{"GET", "/v1/executions", "/v1/executions", "", ""},
		{"GET", "/v1/suspensions", "/v1/suspensions", "", ""},
		{"GET", "/v1/executions?limit=0", "/v1/executions", "", ""},
		{"POST", "/v1/executions/" + execID + ":cancel", "/v1/executions/{id}:cancel", `{}`, ""},
		{"POST", "/v1/executions/" + execID + ":resume", "/v1/executions/{id}:resume", `{}`, ""},
		{"POST", "/v1/events", "/v1/events", `{"type":"t"}`, ""},
	} {
		w := send(newFake(), c.method, c.path, c.body, "Prefer", c.prefer)
		media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		at := "openapi.json#" + schemaOf(tree, "paths", c.template, strings.ToLower(c.method), "responses", strconv.Itoa(w.Code), "content", media, "schema")
		schema, err := schemas.Compile(at)
		if err != nil {
			t.Errorf("%s %s: %d %s is not documented: %v", c.method, c.path, w.Code, media, err)
			continue
		}
		answer, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		}
	}
}

// schemaOf is the pointer to something of the document; references on the way are followed.
func schemaOf(tree any, path ...string) string {
	at, pointer := tree, ""
	for _, part := range path {
		members, _ := at.(map[string]any)
		at, pointer = members[part], pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
		if inner, ok := at.(map[string]any); ok && inner["$ref"] != nil {
			pointer = strings.TrimPrefix(inner["$ref"].(string), "#")
			at = tree
			for p := range strings.SplitSeq(pointer[1:], "/") {
				at = at.(map[string]any)[p]
			}
		}
	}
	return pointer
}

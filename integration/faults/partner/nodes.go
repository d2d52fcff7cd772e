package partner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"prana/engine/node"
)

// Nodes are the node types that ask the partner at the URL, or compute what it would answer:
//
//	faults.effect  name, to (text), fail: what the partner answers
//	faults.hold    name, holds (calls of it that are held up), stubborn (it does not care for the end of its context): the call's answer
//	faults.pass    name, to (text): the digest, computed here
//	faults.join    name: the digest of all that arrived, by port
func Nodes(at string) []node.Type {
	fields := []node.Field{{Name: "name", Kind: node.String, Required: true}, {Name: "to", Kind: node.String}}
	return []node.Type{
		{Name: "faults.effect", Fields: append(fields, node.Field{Name: "fail", Kind: node.Int}), Run: effectOf(at)},
		{Name: "faults.hold", Fields: append(fields, node.Field{Name: "holds", Kind: node.Int}, node.Field{Name: "stubborn", Kind: node.Bool}), Run: holdOf(at)},
		{Name: "faults.pass", Fields: fields, Run: pass},
		{Name: "faults.join", Inputs: []string{"*"}, Fields: fields[:1], Run: join},
	}
}

func text(c *node.Call, name string) string {
	s, _ := c.Params[name].(string)
	return s
}

func pass(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: Digest(text(c, "name"), text(c, "to"))}, nil
}

func join(_ context.Context, c *node.Call) (node.Outcome, error) {
	raw, err := json.Marshal(c.Inputs)
	return node.Outcome{Output: Digest(text(c, "name"), string(raw))}, err
}

func effectOf(at string) node.Func {
	return func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		return ask(ctx, c, at+"/effect/"+url.PathEscape(text(c, "name"))+"?fail="+fmt.Sprint(c.Params["fail"]))
	}
}

func holdOf(at string) node.Func {
	return func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		if c.Params["stubborn"] == true {
			ctx = context.WithoutCancel(ctx)
		}
		return ask(ctx, c, at+"/hold/"+url.PathEscape(text(c, "name"))+"?holds="+fmt.Sprint(c.Params["holds"]))
	}
}

// ask has the partner do something, and leaves with what it answers.
func ask(ctx context.Context, c *node.Call, target string) (node.Outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(text(c, "to")))
	if err != nil {
		return node.Outcome{}, err
	}
	req.Header.Set("Idempotency-Key", c.Key)
	req.Header.Set("X-Prana-Attempt", strconv.Itoa(c.Attempt))
	req.Header.Set("X-Pid", strconv.Itoa(os.Getpid()))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return node.Outcome{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return node.Outcome{}, fmt.Errorf("the partner answered %d", res.StatusCode)
	}
	var answer struct{ Out string }
	err = json.NewDecoder(res.Body).Decode(&answer)
	return node.Outcome{Output: answer.Out}, err
}

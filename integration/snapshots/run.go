package snapshots

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"prana/engine/flow"
)

// partnerName stands for the address of the partner in what is frozen.
const partnerName = "http://partner.example"

// Partner is the service outside that scenarios ask: it is of no use until it is well.
type Partner struct {
	*httptest.Server
	well atomic.Bool
}

// NewPartner starts a partner.
func NewPartner() *Partner {
	p := &Partner{}
	p.Server = httptest.NewServer(p)
	return p
}

// Recover makes it answer.
func (p *Partner) Recover() { p.well.Store(true) }

// ServeHTTP answers /poll and /call once it is well.
func (p *Partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/poll" && p.well.Load():
		fmt.Fprint(w, `{"result":"polled"}`)
	case r.URL.Path == "/poll":
		fmt.Fprint(w, `{"result":"not yet"}`)
	case r.URL.Path == "/call" && p.well.Load():
		fmt.Fprint(w, `{"result":"answered"}`)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// API is a server of any version.
type API struct{ URL string }

// refused is an answer that is none of the good ones.
type refused struct {
	status int
	body   string
}

func (r refused) Error() string { return fmt.Sprintf("the server answered %d %s", r.status, r.body) }

// Do sends a request, and reads the answer.
func (a API) Do(ctx context.Context, method, path, media, body string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read to its end
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return refused{res.StatusCode, string(raw)}
	case into == nil:
		return nil
	}
	return json.Unmarshal(raw, into)
}

// ask sends a request of a scenario.
func (a API) ask(ctx context.Context, q Ask, ids []string, into any) error {
	path := q.Path
	if len(ids) > 0 {
		path = strings.ReplaceAll(path, "ID", ids[0])
	}
	if err := a.Do(ctx, http.MethodPost, path, "application/json", q.Body, into); err != nil {
		return fmt.Errorf("asking %s: %w", q.Path, err)
	}
	return nil
}

// begin deploys and starts a scenario.
func (a API) begin(ctx context.Context, s Scenario, partner string) (ids []string, err error) {
	for _, src := range s.Sources {
		src = strings.ReplaceAll(strings.ReplaceAll(src, "PARTNER", partner), "\t", "  ")
		if err := a.Do(ctx, http.MethodPost, "/v1/workflows", "application/yaml", src, nil); err != nil {
			return nil, err
		}
	}
	inputs := s.Inputs
	if inputs == nil {
		inputs = []string{"null"}
	}
	for _, in := range inputs {
		var started struct {
			ID string `json:"execution_id"`
		}
		if err := a.ask(ctx, Ask{"/v1/workflows/" + s.Name + "/executions", `{"input":` + in + `}`}, nil, &started); err != nil {
			return nil, err
		}
		ids = append(ids, started.ID)
	}
	for _, q := range s.Before {
		if err := a.ask(ctx, q, ids, nil); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// await waits until an execution has a status, and gives its output.
func (a API) await(ctx context.Context, id string, want flow.Status) (json.RawMessage, error) {
	for {
		var x struct {
			Status flow.Status     `json:"status"`
			Output json.RawMessage `json:"output"`
		}
		err := a.Do(ctx, http.MethodGet, "/v1/executions/"+id, "", "", &x)
		if err == nil && x.Status == want {
			return x.Output, nil
		}
		if ctx.Err() != nil || err == nil && x.Status.Terminal() {
			return nil, fmt.Errorf("execution %s is %s instead of %s (%s): %s", id, x.Status, want, fmt.Sprint(err), a.whole(id))
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// whole is all that the server tells of an execution.
func (a API) whole(id string) string {
	var raw json.RawMessage
	err := a.Do(context.Background(), http.MethodGet, "/v1/executions/"+id, "", "", &raw)
	var out bytes.Buffer
	_ = json.Indent(&out, raw, "", " ")
	return fmt.Sprintf("%s (%v)", out.String(), err)
}

// Finish goes on with a frozen scenario, and tells what is not as it should be.
func (a API) Finish(ctx context.Context, s Scenario, ids []string) error {
	for _, q := range s.After {
		var started struct {
			ID string `json:"execution_id"`
		}
		if err := a.ask(ctx, q, ids, &started); err != nil {
			return err
		}
		if len(ids) == 0 {
			ids = []string{started.ID}
		}
	}
	ends := s.Ends
	if ends == "" {
		ends = flow.Completed
	}
	for _, id := range ids {
		output, err := a.await(ctx, id, ends)
		if err != nil {
			return err
		}
		if s.Output != "" && string(output) != s.Output {
			return fmt.Errorf("execution %s left %s; want %s: %s", id, output, s.Output, a.whole(id))
		}
	}
	return nil
}

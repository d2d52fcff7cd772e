package api

import (
	"encoding/json"
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func (a *api) resumeExecution(w http.ResponseWriter, r *http.Request) error {
	id, err := executionID(r)
	if err != nil {
		return err
	}
	return a.resume(w, r, flow.ResumeRequest{Execution: id})
}

func (a *api) resumeSuspension(w http.ResponseWriter, r *http.Request) error {
	id, err := flow.ParseSuspensionID(r.PathValue("id"))
	if err != nil {
		return flow.NotFound("suspension", flow.Cut(r.PathValue("id"), 64))
	}
	return a.resume(w, r, flow.ResumeRequest{Execution: id.Execution, Suspension: &id})
}

// resume reads the body into the request and ends the wait that it names.
func (a *api) resume(w http.ResponseWriter, r *http.Request, req flow.ResumeRequest) error {
	var b wire.Resume
	if err := decode(r, &b, true); err != nil {
		return err
	}
	if err := fill(&req, b); err != nil {
		return err
	}
	var err error
	if req.ID, err = keyOf(r, b.ID); err != nil {
		return err
	}
	return a.end(w, r, req)
}

// decide ends an approval.
func (a *api) decide(decision string) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := executionID(r)
		if err != nil {
			return err
		}
		var b wire.Decide
		if err := decode(r, &b, true); err != nil {
			return err
		}
		req := flow.ResumeRequest{Execution: id, Node: b.Node, Type: flow.Approval, By: b.By}
		if req.ID, err = keyOf(r, b.ID); err != nil {
			return err
		}
		if req.Data, err = flow.Encode(decisionOf(decision, b)); err != nil {
			return err
		}
		return a.end(w, r, req)
	}
}

// decisionOf is what an approval takes. Who approves has filled in the form, be it with nothing: so that what is missing is told by its name.
func decisionOf(decision string, b wire.Decide) flow.Decision {
	d := flow.Decision{Decision: decision, Comment: b.Comment, Form: b.Form}
	if decision == flow.Approved && len(d.Form) == 0 {
		d.Form = json.RawMessage("{}")
	}
	return d
}

// end ends a wait by hand.
func (a *api) end(w http.ResponseWriter, r *http.Request, req flow.ResumeRequest) error {
	res, err := a.Engine.Resume(r.Context(), req)
	if err != nil {
		return err
	}
	replayed(w, res.Repeated)
	return respond(w, http.StatusAccepted, wire.Resumed{
		ExecutionID: req.Execution, SuspensionID: res.Suspension, Node: res.Node, Buffered: res.Buffered,
	})
}

func fill(req *flow.ResumeRequest, b wire.Resume) error {
	switch {
	case b.Error != nil && b.Data != nil:
		return invalid("a wait is resumed with data or with an error, not with both")
	case b.Error != nil && b.Error.Code == "":
		return invalid("the error needs a code")
	case req.Suspension != nil && b.Node != "":
		return invalid("the suspension says which node; leave node out")
	case req.Suspension != nil && b.Early:
		return invalid("a suspension is a wait that has begun; leave early out")
	}
	req.Node, req.Data, req.By, req.Early = b.Node, b.Data, b.By, b.Early
	if b.Error != nil {
		req.Error = &flow.Problem{Code: b.Error.Code, Message: b.Error.Message, Details: b.Error.Details}
	}
	return nil
}

package api

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

var (
	//go:embed resume.html
	resumeSource string
	//go:embed resume.css
	resumeStyle string

	resumePage = template.Must(template.New("resume").Parse(resumeSource))
	// The form goes back to where the page came from.
	resumePolicy = wire.PagePolicy(resumeStyle, "'self'")
)

// pageView is what the page shows.
type pageView struct {
	Style           template.CSS
	Heading         string // what it is about
	Status          string // a sentence on where it stands; empty while it can be answered
	Error           string // what was wrong with the answer
	Ask             bool   // it is an approval, with two ways to answer
	Confirm         bool   // it is another wait: one button
	Description     string
	Assignees       string
	Due, Until      string
	Controls        []control
	Comment, By     string
	Workflow, Node  string
	Detail, Decided string
}

// showPage shows a wait to a person.
func (a *api) showPage(w http.ResponseWriter, _ *http.Request, v flow.ResumeView, err error) error {
	if err != nil {
		return refusePage(w, err)
	}
	return writePage(w, http.StatusOK, pageOf(v, nil, nil))
}

// answerPage shows what came of an answer: what was recorded, who was first, or what is wrong with it.
func (a *api) answerPage(w http.ResponseWriter, r *http.Request, b answer, refused error) error {
	v, err := a.Engine.ResumeToken(r.Context(), r.PathValue("token"))
	if err != nil {
		return refusePage(w, err)
	}
	p := pageOf(v, b.fields, refused)
	if refused == nil {
		p.Status = "Thank you, this was recorded."
		return writePage(w, http.StatusOK, p)
	}
	status := wire.ProblemOf(refused).Status
	if status >= http.StatusInternalServerError {
		return refused
	}
	return writePage(w, status, p)
}

// refusePage shows an error that leaves nothing to be done.
func refusePage(w http.ResponseWriter, err error) error {
	if !errors.Is(err, flow.ErrNotFound) {
		return err
	}
	return writePage(w, http.StatusNotFound, pageView{Heading: "This link leads nowhere", Status: "It is not complete, or what it was for is forgotten by now."})
}

// pageOf shows a wait, with what was typed before, and what was wrong with that.
func pageOf(v flow.ResumeView, typed map[string]any, refused error) pageView {
	p := pageView{Heading: "Go on with " + v.Node + "?", Workflow: v.Workflow, Node: v.Node}
	var about asked
	if known, ok := askedBy(flow.ResumeView{Type: flow.Approval, Data: v.Data}); ok && known.Title != "" {
		about, p.Heading = known, known.Title
	}
	p.Status = statusOf(v)
	if v.Status != flow.ResumeActive {
		p.Decided = decidedBy(v)
		return p
	}
	p.Ask = v.Type == flow.Approval
	p.Confirm = !p.Ask
	p.Description, p.Assignees = about.Description, strings.Join(about.Assignees, ", ")
	p.Due, p.Until = dateOf(about.DueAt), dateOf(about.TimeoutAt)
	if !p.Ask && v.ExpiresAt != nil {
		p.Until = dateOf(v.ExpiresAt.Format(time.RFC3339))
	}
	p.Comment, _ = textOf(typed, "comment")
	p.By, _ = textOf(typed, "by")
	var faults map[string]string
	p.Error, faults = faultsOf(refused)
	p.Controls = about.controls(typed, faults)
	return p
}

// statusOf says where a wait stands that cannot be answered now.
func statusOf(v flow.ResumeView) string {
	switch v.Status {
	case flow.ResumePending:
		return "It is too early to answer. Open this page again a little later."
	case flow.ResumeConsumed:
		return "This was answered already."
	case flow.ResumeExpired:
		return "Nobody answered in time, or it is not wanted any more."
	}
	return ""
}

// decidedBy says who answered, what, and when.
func decidedBy(v flow.ResumeView) string {
	if v.ResumedAt == nil {
		return ""
	}
	what := v.Decision
	if what == "" {
		what = "answered"
	}
	if v.Actor != "" {
		what += " by " + v.Actor
	}
	return strings.ToUpper(what[:1]) + what[1:] + ", " + dateOf(v.ResumedAt.Format(time.RFC3339))
}

func dateOf(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// faultsOf sorts what is wrong with an answer by the fields of the form; the rest is said above it.
func faultsOf(refused error) (rest string, byField map[string]string) {
	p, ok := errors.AsType[*flow.Problem](refused)
	if !ok {
		return "", nil
	}
	byField = map[string]string{}
	fields, _ := p.Details["fields"].([]any)
	for _, f := range fields {
		fault := object(f)
		pointer, _ := fault["pointer"].(string)
		message, _ := fault["message"].(string)
		path := strings.Split(pointer, "/")
		if len(path) < 3 || path[1] != "form" {
			rest = message
			continue
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[2])
		byField[name] = strings.TrimPrefix(byField[name]+"; "+message, "; ")
	}
	if len(byField) > 0 {
		return "Please look at the fields that are marked.", byField
	}
	if rest == "" {
		rest = p.Message
	}
	return rest, byField
}

func writePage(w http.ResponseWriter, status int, p pageView) error {
	p.Style = template.CSS(resumeStyle) // our own file, not what somebody sent
	var b bytes.Buffer
	if err := resumePage.Execute(&b, p); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", resumePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Vary", "Accept")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader is gone: nobody is left to tell
	return nil
}

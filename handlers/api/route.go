package api

import (
	"net/http"
	"slices"
	"strings"

	"prana/engine/flow"
)

// action answers a request, or says why it does not. It must not have written
// anything when it gives an error.
type action func(w http.ResponseWriter, r *http.Request) error

// route is one entry of the API.
type route struct {
	method, path string // the path as OpenAPI writes it: "/v1/executions/{id}:resume"
	do           action
	open         bool // neither token nor host is asked for
	every        bool // other methods come here too: the action judges them
	free         bool // ids are not ours and may have any colons: only what is a verb for the method is one
}

// endpoint is all routes below one pattern of the mux: verb, method, route. The
// verb is what follows the colon in the last segment, and empty for most.
type endpoint map[string]map[string]route

// mux registers the routes, and the problem for everything else.
func (a *api) mux(routes []route) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, e := range endpoints(routes) {
		var h http.Handler = a.serve(pattern, e)
		if !e.open() {
			h = a.guard.admit(h)
		}
		mux.Handle(pattern, h)
	}
	mux.Handle("/", a.guard.admit(http.HandlerFunc(noRoute)))
	if a.Console != nil {
		console := a.guard.admit(a.Console)
		for _, pattern := range []string{"/{$}", "/queues", "/queues/"} {
			mux.Handle(pattern, console)
		}
	}
	if a.Docs != nil {
		mux.Handle("/docs", a.Docs)
		mux.Handle("/docs/", a.Docs)
	}
	if a.Metrics != nil {
		methods := map[string]route{http.MethodGet: {do: pass(a.Metrics)}}
		mux.Handle("/metrics", a.guard.admit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.run(w, r, methods) })))
	}
	return mux
}

func noRoute(w http.ResponseWriter, r *http.Request) {
	respondError(w, flow.Problemf("no_route", "there is no %s; /openapi.json lists what there is", flow.Cut(r.URL.Path, 200)))
}

func endpoints(routes []route) map[string]endpoint {
	all := map[string]endpoint{}
	for _, rt := range routes {
		pattern, verb := splitTemplate(rt.path)
		if all[pattern] == nil {
			all[pattern] = endpoint{}
		}
		if all[pattern][verb] == nil {
			all[pattern][verb] = map[string]route{}
		}
		all[pattern][verb][rt.method] = rt
	}
	return all
}

// splitTemplate separates the verb from a template. The mux cannot match
// "{id}:verb" in one segment, but it can match "{id}"; "workflows:validate"
// has no wildcard and is a segment like any. A {path} is all that follows.
func splitTemplate(path string) (pattern, verb string) {
	path = strings.Replace(path, "{path}", "{path...}", 1)
	if before, after, ok := strings.Cut(path, "}:"); ok {
		return before + "}", after
	}
	return path, ""
}

// splitVerb does the same to the segment of a request. Ids may have colons of
// their own, so the verb follows the last one.
func splitVerb(segment string) (id, verb string) {
	i := strings.LastIndexByte(segment, ':')
	if i < 0 {
		return segment, ""
	}
	return segment[:i], segment[i+1:]
}

// open tells whether nothing is asked of who calls; endpoints do not mix.
func (e endpoint) open() bool {
	for _, methods := range e {
		for _, rt := range methods {
			return rt.open
		}
	}
	return false
}

// split separates the verb from the id in a request.
func (e endpoint) split(r *http.Request) (id, verb string) {
	whole := r.PathValue("id")
	id, verb = splitVerb(whole)
	if _, ok := e[verb][r.Method]; e.free() && (verb == "" || !ok) {
		return whole, ""
	}
	return id, verb
}

func (e endpoint) free() bool {
	for _, rt := range e[""] {
		return rt.free
	}
	return false
}

// serve finds the route of a request below the pattern and runs it.
func (a *api) serve(pattern string, e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		verb := ""
		if strings.HasSuffix(pattern, "/{id}") {
			var id string
			id, verb = e.split(r)
			r.SetPathValue("id", id)
		}
		methods, ok := e[verb]
		if !ok {
			noRoute(w, r)
			return
		}
		a.run(w, r, methods)
	}
}

func (a *api) run(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	rt, ok := methods[r.Method]
	if !ok && r.Method == http.MethodHead {
		rt, ok = methods[http.MethodGet]
	}
	if post := methods[http.MethodPost]; !ok && post.every {
		rt, ok = post, true
	}
	if !ok {
		notAllowed(w, r, methods)
		return
	}
	if err := rt.do(w, r); err != nil {
		a.fail(w, r, err)
	}
}

func notAllowed(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	var allow []string
	for m := range methods {
		allow = append(allow, m)
		if m == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	respondError(w, flow.Problemf("method_not_allowed", "%s cannot be used here; %s can", r.Method, strings.Join(allow, ", ")))
}

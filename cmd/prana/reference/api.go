package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const aboutAPI = "Generated from the OpenAPI 3.1 description, which every server has at `/openapi.json`. Bodies are JSON; unknown members are refused. A server that has a token (`PRANA_TOKEN`) asks for `Authorization: Bearer TOKEN`, " +
	"except where a request says otherwise. What is not 2xx is one of the [problems](PROBLEMS.md)."

// document is what is read of an OpenAPI description. References have the names of what they refer to.
type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]schema
	}
}

type operation struct {
	Summary, Description string
	Tags                 []string
	Security             *[]any
	Parameters           []parameter
	RequestBody          struct {
		Content map[string]media
	}
	Responses map[string]response
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]media
}

type media struct {
	Schema  schema
	Example json.RawMessage
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 any    // a name, or several
	Description          string
	Enum                 []any
	Default              any
	Minimum, Maximum     *float64
	MaxLength            *int
	Format               string
	Items                *schema
	Properties           map[string]schema
	Required             []string
	OneOf, AnyOf         []schema
	AllOf                []schema
	AdditionalProperties json.RawMessage
}

// methods in the order in which those of one path are shown.
var methods = []string{"get", "post", "put", "patch", "delete"}

// api documents every request and every schema, from openapi.json.
func api(root string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(root, "handlers/api/openapi.json"))
	if err != nil {
		return "", err
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return "", fmt.Errorf("reading openapi.json: %w", err)
	}
	w := &apiWriter{doc: doc}
	w.heading(1, "HTTP API")
	w.paragraph(aboutAPI)
	w.requests()
	w.schemas()
	return w.String(), nil
}

type apiWriter struct {
	writer
	doc document
}

// request is one operation with where it is.
type request struct {
	title string
	op    operation
}

func (w *apiWriter) requests() {
	byTag := map[string][]request{}
	for _, path := range slices.Sorted(maps.Keys(w.doc.Paths)) {
		for _, m := range methods {
			if op, ok := w.doc.Paths[path][m]; ok {
				tag := strings.Join(op.Tags, " ")
				byTag[tag] = append(byTag[tag], request{strings.ToUpper(m) + " " + path, op})
			}
		}
	}
	var rows [][]string
	tags := slices.Sorted(maps.Keys(byTag))
	for _, tag := range tags {
		for _, r := range byTag[tag] {
			rows = append(rows, []string{link(r.title), r.op.Summary})
		}
	}
	w.table([]string{"request", ""}, rows)
	for _, tag := range tags {
		w.heading(2, strings.ToUpper(tag[:1])+tag[1:])
		for _, r := range byTag[tag] {
			w.request(r)
		}
	}
}

func (w *apiWriter) request(r request) {
	w.heading(3, r.title)
	w.paragraph(r.op.Summary + ".")
	w.paragraph(r.op.Description)
	if r.op.Security != nil && len(*r.op.Security) == 0 {
		w.paragraph("No token is asked for.")
	}
	w.parameters(r.op.Parameters)
	for _, kind := range slices.Sorted(maps.Keys(r.op.RequestBody.Content)) {
		w.body(kind, r.op.RequestBody.Content[kind])
	}
	w.responses(r.op.Responses)
}

func (w *apiWriter) parameters(list []parameter) {
	var rows [][]string
	for _, p := range list {
		if p.Ref != "" {
			p = w.doc.Components.Parameters[nameIn(p.Ref)]
		}
		rows = append(rows, []string{code(p.Name), p.In, kindOf(p.Schema, p.Required), p.Description})
	}
	w.table([]string{"parameter", "in", "kind", ""}, rows)
}

func (w *apiWriter) body(kind string, m media) {
	w.paragraph("Body " + code(kind) + ": " + kindOf(m.Schema, false))
	if m.Example != nil {
		w.block("json", indented(m.Example))
	}
}

// responses shows what a request is answered with; the problems that any request may meet are left to their page.
func (w *apiWriter) responses(all map[string]response) {
	var rows [][]string
	for _, status := range slices.Sorted(maps.Keys(all)) {
		res := all[status]
		if res.Ref != "" {
			res = w.doc.Components.Responses[nameIn(res.Ref)]
		}
		n, _ := strconv.Atoi(status)
		if n == http.StatusUnauthorized || n == http.StatusForbidden || n >= http.StatusInternalServerError {
			continue
		}
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(res.Content)) {
			kinds = append(kinds, kindOf(res.Content[kind].Schema, false))
		}
		rows = append(rows, []string{status, strings.Join(kinds, ", "), res.Description})
	}
	w.table([]string{"status", "body", ""}, rows)
}

func (w *apiWriter) schemas() {
	w.heading(2, "Schemas")
	for _, name := range slices.Sorted(maps.Keys(w.doc.Components.Schemas)) {
		s := w.doc.Components.Schemas[name]
		w.heading(3, name)
		w.paragraph(s.Description)
		if len(s.Properties) == 0 {
			w.paragraph("It is: " + kindOf(s, false))
			continue
		}
		var rows [][]string
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			m := s.Properties[member]
			rows = append(rows, []string{code(member), kindOf(m, slices.Contains(s.Required, member)), m.Description})
		}
		w.table([]string{"member", "kind", ""}, rows)
	}
}

// kindOf says what a value is, with its bounds.
func kindOf(s schema, required bool) string {
	all := append([]string{nameOf(s)}, boundsOf(s)...)
	if required {
		all = append(all, "**required**")
	}
	return strings.Join(all, ", ")
}

func nameOf(s schema) string {
	var several []string
	for _, one := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
		several = append(several, nameOf(one))
	}
	types, _ := s.Type.([]any)
	for _, t := range types {
		several = append(several, fmt.Sprint(t))
	}
	switch {
	case s.Ref != "":
		return link(nameIn(s.Ref))
	case len(several) > 0:
		return strings.Join(several, " or ")
	case s.Type == "array" && s.Items != nil:
		return "list of " + nameOf(*s.Items)
	case s.Properties["items"].Items != nil:
		return "page of " + nameOf(*s.Properties["items"].Items)
	case s.Type != nil:
		return fmt.Sprint(s.Type)
	}
	return "any"
}

func boundsOf(s schema) []string {
	var all []string
	for _, v := range s.Enum {
		all = append(all, code(fmt.Sprint(v)))
	}
	if s.Format != "" {
		all = append(all, s.Format)
	}
	if s.Minimum != nil {
		all = append(all, "at least "+strconv.FormatFloat(*s.Minimum, 'f', -1, 64))
	}
	if s.Maximum != nil {
		all = append(all, "at most "+strconv.FormatFloat(*s.Maximum, 'f', -1, 64))
	}
	if s.MaxLength != nil {
		all = append(all, "at most "+strconv.Itoa(*s.MaxLength)+" characters")
	}
	if s.Default != nil {
		all = append(all, "default "+code(fmt.Sprint(s.Default)))
	}
	return all
}

func nameIn(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

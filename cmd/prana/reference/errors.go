package main

import "prana/handlers/api/wire"

const aboutErrors = "The codes with which nodes and executions fail, from the table of the API. `prana show ID` has the code, `prana explain CODE` this text. " +
	"In a definition, `retry_on` and `no_retry_on` name codes, and where `on_error` lets an execution go on, expressions read them. Nodes of your own may fail with others; what the API answers with is on [another page](PROBLEMS.md)."

// failures documents every code of a failure, from the table of the API.
func failures(string) (string, error) {
	w := &writer{}
	w.heading(1, "Errors of nodes and executions")
	w.paragraph("Generated from the table of the API.")
	w.paragraph(aboutErrors)
	var rows [][]string
	for _, f := range wire.FailureCodes() {
		rows = append(rows, []string{link(f.Code), f.Means})
	}
	w.table([]string{"code", "meaning"}, rows)
	for _, f := range wire.FailureCodes() {
		w.heading(2, f.Code)
		w.paragraph(f.Means)
		w.mend(f.Mend)
	}
	return w.String(), nil
}

package main

import (
	"net/http"
	"strconv"

	"prana/cmd/prana/cli"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

const aboutProblems = `Every error of the HTTP API is a problem document (RFC 9457, ` + "`application/problem+json`" + `). Programs match its ` + "`code`" + `; its ` +
	"`type`" + ` leads to the section of that code on this page, on the server that was asked. More members tell more, such as who won a conflict.`

// problems documents every code of a problem, from the table of the API.
func problems(string) (string, error) {
	w := &writer{}
	w.heading(1, "Problems")
	w.paragraph("Generated from the table of the API.")
	w.paragraph(aboutProblems)
	w.block("json", `{
  "type": "/docs/problems#not_found",
  "title": "Not found",
  "status": 404,
  "detail": "there is no workflow \"order\"",
  "code": "not_found"
}`)
	w.paragraph("The exit code is that of the verb of [the command line](../../cmd/prana/cli/COMMANDS.md#exit-codes) that was answered so.")
	var rows [][]string
	for _, c := range wire.Codes() {
		rows = append(rows, []string{link(c.Code), strconv.Itoa(c.Status), c.Title})
	}
	w.table([]string{"code", "status", "title"}, rows)
	for _, c := range wire.Codes() {
		w.heading(2, c.Code)
		w.paragraph(c.Means)
		w.line("- status: %d %s", c.Status, http.StatusText(c.Status))
		w.line("- exit code: %d\n", cli.ExitCode(&client.Error{Status: c.Status, Problem: &flow.Problem{Code: c.Code}}))
	}
	return w.String(), nil
}

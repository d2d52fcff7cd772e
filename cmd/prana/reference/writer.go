package main

import (
	"fmt"
	"strings"

	"prana/handlers/docs/markdown"
)

// writer writes Markdown.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// paragraph writes a text and an empty line; nothing for no text.
func (w *writer) paragraph(text string) {
	if text != "" {
		w.line("%s\n", text)
	}
}

func (w *writer) heading(level int, text string) { w.line("%s %s\n", strings.Repeat("#", level), text) }

func (w *writer) block(language, text string) {
	w.line("```%s\n%s\n```\n", language, strings.TrimRight(text, "\n"))
}

// mend writes how to mend what a code tells.
func (w *writer) mend(text string) { w.paragraph("**To mend it:** " + text) }

// table writes rows of as many cells as there are columns; nothing for no rows.
func (w *writer) table(columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	w.row(columns)
	w.line("|%s", strings.Repeat("---|", len(columns)))
	for _, row := range rows {
		w.row(row)
	}
	w.line("")
}

func (w *writer) row(cells []string) {
	for _, c := range cells {
		w.WriteString("| " + strings.Join(strings.Fields(strings.ReplaceAll(c, "|", `\|`)), " ") + " ")
	}
	w.line("|")
}

// list writes a link to each heading.
func (w *writer) list(headings []string) {
	for _, h := range headings {
		w.line("- %s", link(h))
	}
	w.line("")
}

// link leads to a heading of the same page.
func link(heading string) string { return "[" + heading + "](#" + markdown.Anchor(heading) + ")" }

// code marks a text as code; nothing stays nothing.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

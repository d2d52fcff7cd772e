package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

// table is a header and rows of cells.
type table struct {
	header []string
	rows   [][]string
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// printTable aligns the columns. Lines are cut on a terminal only: a pipe gets everything.
func (sh *shell) printTable(t *table) {
	most := width(sh.stdout)
	for line := range strings.Lines(t.text()) {
		line = strings.TrimRight(line, " \n")
		if most > 0 {
			line = cut(line, most)
		}
		fmt.Fprintln(sh.stdout, sh.paint(line))
	}
}

func (t *table) text() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if t.header != nil {
		fmt.Fprintln(w, strings.Join(t.header, "\t"))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, oneLine(strings.Join(row, "\t")))
	}
	_ = w.Flush() // a buffer takes everything
	return b.String()
}

// oneLine keeps what users wrote from breaking the table, or the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// moment writes a time; nothing for none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return flow.Stamp(*t)
}

// took is the time between two moments; nothing when one is missing.
func took(from, to *time.Time) string {
	if from == nil || to == nil {
		return ""
	}
	return explain.Span(to.Sub(*from))
}

// compact writes a JSON value into a cell.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

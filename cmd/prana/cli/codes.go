package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"prana/engine/flow"
	"prana/engine/plan"
	"prana/handlers/api"
)

// codePages are the references that have a section for each code, by the page of the documentation.
var codePages = []struct {
	page  string
	files fs.FS
	file  string
}{
	{"diagnostics", references, "DIAGNOSTICS.md"},
	{"errors", api.Pages, "ERRORS.md"},
	{"problems", api.Pages, "PROBLEMS.md"},
}

// codeMeaning is what a reference says of a code.
type codeMeaning struct {
	Code string `json:"code"`
	Page string `json:"page"` // where the documentation of every server has it
	Text string `json:"text"` // Markdown
}

// codeMeanings are those of all codes, by code; one that stands in several references has several.
var codeMeanings = sync.OnceValue(func() map[string][]codeMeaning {
	all := map[string][]codeMeaning{}
	for _, p := range codePages {
		src, err := fs.ReadFile(p.files, p.file)
		if err != nil {
			panic(err) // it is in this binary
		}
		for _, section := range bytes.Split(src, []byte("\n## "))[1:] {
			code, text, _ := strings.Cut(string(section), "\n")
			all[code] = append(all[code], codeMeaning{code, "/docs/" + p.page + "#" + strings.ToLower(code), strings.TrimSpace(text)})
		}
	}
	return all
})

// codes are all that are known.
func codes() []string { return slices.Sorted(maps.Keys(codeMeanings())) }

// isCode tells a code from an id. Ids have no underscores, and what they begin with is as good as never a word.
func isCode(arg string) bool { return codeMeanings()[arg] != nil || strings.Contains(arg, "_") }

// explainCode says what a code means, and how to mend it; it needs no server.
func (sh *shell) explainCode(code string) error {
	found := codeMeanings()[code]
	if found == nil {
		problem := flow.NotFound("code", code)
		problem.Message += "; a node of your own may have it"
		if hint := plan.DidYouMean(code, codes()); hint != "" {
			problem.Message += "; " + hint
		}
		return problem
	}
	if sh.output == formatLines {
		return printLines(sh, found)
	}
	return sh.print(flow.Page[codeMeaning]{Items: found}, func() {
		for i, m := range found {
			if i > 0 {
				fmt.Fprintln(sh.stdout)
			}
			fmt.Fprintf(sh.stdout, "%s, %s\n\n%s", m.Code, m.Page, sh.ours(plainly(m.Text)))
		}
	})
}

// plainly gives Markdown as a terminal shows it best: examples indented, nothing emphasised.
func plainly(text string) string {
	var b strings.Builder
	example := false
	for line := range strings.Lines(text + "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			example = !example
		case example:
			b.WriteString("    " + line)
		default:
			b.WriteString(strings.ReplaceAll(line, "**", ""))
		}
	}
	return b.String()
}

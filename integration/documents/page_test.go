// Package documents holds the documentation against what it documents: what a page tells a reader to type is run, what it
// links to is there, and its workflows are valid.
//
// A page is written for readers, and run as they would follow it: from its top to its end, in an empty directory.
//
//   - A block sh is run, line by line; what is indented belongs to the line before. Each line must exit with 0.
//   - A comment line behind a command is what the command prints: one line of it, in which … stands for any text.
//   - A block console shows a terminal: its lines with $ are run, and what stands between them is there to be read.
//   - prana dev, server, worker and demo go on until the end of the page, as in another terminal. A page that starts none
//     begins beside a prana dev.
//   - A block below a paragraph such as "`order.yaml`:" is that file.
//   - EXECUTION_ID is the execution that the last command named first which did not itself name one.
//   - "not run: REASON" behind the language of a block says why it is not run, or not checked; "broken" that a workflow is
//     meant to have diagnostics.
package documents

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"

	"prana/handlers/docs/markdown"
)

const root = "../.."

// block is a fenced block of a page.
type block struct {
	language string
	notRun   string // why it is not; empty = it is
	broken   bool
	file     string // that it is to be written to
	text     string
	line     int
}

func (b block) isCommands() bool { return b.language == "sh" || b.language == "console" }

// blocksOf reads the blocks of a page, in order.
func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	src := read(t, file)
	var blocks []block
	markdown.Visit(markdown.Parse(src), func(n *ast.FencedCodeBlock) {
		if n.Info == nil {
			return
		}
		language, rest, _ := strings.Cut(string(n.Info.Value(src)), " ")
		b := block{language: language, text: string(n.Lines().Value(src)), line: 1 + strings.Count(string(src[:n.Info.Segment.Start]), "\n")}
		reason, notRun := strings.CutPrefix(rest, "not run: ")
		switch {
		case notRun:
			b.notRun = reason
		case rest == "broken":
			b.broken = true
		case rest != "":
			t.Errorf("%s:%d: a block cannot say %q", file, b.line, rest)
		}
		if p, ok := n.PreviousSibling().(*ast.Paragraph); ok && !b.isCommands() {
			b.file = fileOf(string(p.Lines().Value(src)))
		}
		blocks = append(blocks, b)
	})
	return blocks
}

var fileName = regexp.MustCompile("^`([A-Za-z0-9_.-]+\\.[a-z]+)`(?s:.*):\\s*$")

// fileOf is the file that a paragraph announces, or nothing.
func fileOf(paragraph string) string {
	if m := fileName.FindStringSubmatch(paragraph); m != nil {
		return m[1]
	}
	return ""
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// written lists the pages that people wrote: those that hold commands.
func written(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md"}
	for _, pattern := range []string{"handlers/docs/pages/*.md", "deploy/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages: %v", err)
		}
		for _, f := range found {
			rel, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, rel)
		}
	}
	return files
}

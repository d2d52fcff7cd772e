package documents

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"

	"prana/handlers/docs/markdown"
)

// Every relative link of every Markdown file leads to something in the repository, and its anchor to a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	files := all(t)
	for file, src := range files {
		markdown.Visit(markdown.Parse(src), func(l *ast.Link) {
			if why := follow(files, file, string(l.Destination)); why != "" {
				t.Errorf("%s: the link to %s %s", file, l.Destination, why)
			}
		})
	}
}

// all reads every Markdown file, by its path from the root.
func all(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".md") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err == nil {
			files[filepath.ToSlash(rel)], err = os.ReadFile(p)
		}
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

// follow says what is wrong with a link; nothing is said of links out of the repository.
func follow(files map[string][]byte, from, link string) string {
	u, err := url.Parse(link)
	switch {
	case err != nil:
		return "cannot be read"
	case u.Scheme != "":
		return ""
	case path.IsAbs(u.Path):
		return "is not relative: it would be dead in the repository"
	}
	target := from
	if u.Path != "" {
		target = path.Join(path.Dir(from), u.Path)
	}
	if _, err := os.Stat(filepath.Join(root, target)); err != nil {
		return "leads to no file"
	}
	if u.Fragment == "" {
		return ""
	}
	src, ok := files[target]
	if !ok || !anchors(src)[u.Fragment] {
		return "leads to no heading"
	}
	return ""
}

func anchors(src []byte) map[string]bool {
	ids := map[string]bool{}
	markdown.Visit(markdown.Parse(src), func(h *ast.Heading) { ids[markdown.ID(h)] = true })
	return ids
}

// served are the directories whose pages are at /docs.
var served = []string{"handlers/docs/pages", "handlers/nodes", "handlers/api", "config", "deploy", "cmd/prana/cli"}

// The index is the contents: it leads to every page that is served.
func TestIndexLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	const index = "handlers/docs/pages/index.md"
	linked := map[string]bool{index: true}
	src := read(t, index)
	markdown.Visit(markdown.Parse(src), func(l *ast.Link) {
		linked[path.Join(path.Dir(index), string(l.Destination))] = true
	})
	for file := range all(t) {
		if slices.Contains(served, path.Dir(file)) && !linked[file] {
			t.Errorf("%s does not lead to %s", index, file)
		}
	}
}

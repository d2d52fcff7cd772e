package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"prana/cmd/prana/app"
	"prana/config"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

// source is a definition as its author wrote it.
type source struct {
	file string
	text []byte
}

// maxSource is more than any limit of definitions; it keeps a wrong path from being read whole.
const maxSource = 16 << 20

func (sh *shell) readSource(file string) (source, error) {
	if file == "-" {
		text, err := io.ReadAll(io.LimitReader(sh.stdin, maxSource))
		return source{"stdin", text}, err
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return source{}, unread(err, errInvalid)
	case info.IsDir():
		return source{}, usagef("%s is a directory; name the files in it", file)
	case !info.Mode().IsRegular():
		return source{}, usagef("%s is no regular file; use - to read from stdin", file)
	case info.Size() > maxSource:
		return source{}, invalidf("%s has %d bytes: that is no definition", file, info.Size())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return source{}, unread(err, errInvalid)
	}
	return source{file, text}, nil
}

// unread gives an error of reading a path its reason: not found when nothing is there, else the other.
func unread(err, other error) error {
	if errors.Is(err, fs.ErrNotExist) {
		other = flow.ErrNotFound
	}
	return mark(err, other)
}

// hasNodes recognises workflows among the other YAML and JSON files of a directory. In a configuration, nodes is indented
// and a number.
var hasNodes = regexp.MustCompile(`(?m)^["']?nodes["']?\s*:|"nodes"\s*:\s*[\[{]`)

// isDefinition tells whether a file is called like one. What `prana schema` prints is none.
func isDefinition(file string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(file))) && !strings.HasSuffix(file, ".schema.json")
}

// holdsCases tells a file for prana test, which lies beside its workflow.
func (s source) holdsCases() bool { return isTests(s.file) && !hasNodes.Match(s.text) }

// readDir reads the definitions of a directory, not of those below it. Others are left out, with a note unless they are test cases.
func (sh *shell) readDir(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unread(err, errInvalid)
	}
	var found []source
	for _, e := range entries {
		if e.IsDir() || !isDefinition(e.Name()) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		s, err := sh.readSource(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if s.holdsCases() {
			continue
		}
		if !hasNodes.Match(s.text) {
			sh.note("%s: left out, it has no nodes", s.file)
			continue
		}
		found = append(found, s)
	}
	return found, nil
}

// readAll reads files and directories, in the order given. Test cases are left out: patterns such as *.yaml have them too.
func (sh *shell) readAll(paths []string) ([]source, error) {
	var all []source
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			found, err := sh.readDir(path)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		s, err := sh.readSource(path)
		if err != nil {
			return nil, err
		}
		if sh.leftOut(s) {
			continue
		}
		all = append(all, s)
	}
	return all, nil
}

// leftOut tells of a file that it holds test cases, if it does.
func (sh *shell) leftOut(s source) bool {
	if s.holdsCases() {
		sh.note("%s: left out, it has test cases; prana test checks and runs them", s.file)
		return true
	}
	return false
}

// checker checks definitions without a server, against the node types of this binary.
type checker struct {
	registry *node.Registry
	options  plan.Options
}

func (sh *shell) checker(cfg config.Config) checker {
	types, _ := app.NodeTypes(sh.program.Types, nodes.Options{}) // Program.Run has seen to its only error
	return checker{registry: types, options: app.PlanOptions(cfg)}
}

func (c checker) check(s source) (*flow.Workflow, []plan.Diagnostic) {
	w, p, found := definition.Check(s.file, s.text, c.registry, c.options)
	if p == nil {
		w = nil
	}
	return w, found
}

// checked gives the workflow, or prints what is wrong with it.
func (sh *shell) checked(c checker, s source) (*flow.Workflow, error) {
	w, found := c.check(s)
	for _, d := range found {
		sh.note("%s", d)
	}
	if w == nil {
		return nil, mark(fmt.Errorf("%s has errors", s.file), errInvalid)
	}
	return w, nil
}

package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ofExecutions are codes with which nodes and executions fail: they are stored and shown, and nobody is answered with them.
var ofExecutions = []string{
	"cancelled", "child_cycle", "compensation_failed", "error", "execution_timeout", "infinite_loop_protection", "invalid_child",
	"invalid_context", "invalid_output", "invalid_params", "invalid_port", "invalid_queue", "invalid_reply", "invalid_state", "invalid_suspension",
	"panic", "poison", "results_too_large", "terminated", "timeout", "too_deep", "too_many_emissions", "too_many_items", "too_many_transitions",
}

// TestEveryCodeIsInTheTable: whoever makes a problem with a new code either enters it in the table, so that it is not
// answered as a defect of the server, or says here that it belongs to executions.
func TestEveryCodeIsInTheTable(t *testing.T) {
	t.Parallel()
	made := codesMade(t, "engine", "suspend", "tasks", "handlers/api", "handlers/hooks")
	for code, where := range made {
		_, listed := LookupCode(code)
		if stored := slices.Contains(ofExecutions, code); listed == stored {
			t.Errorf("%s, made at %s: in the table: %v, of executions: %v", code, where, listed, stored)
		}
	}
	for _, code := range ofExecutions {
		if made[code] == "" {
			t.Errorf("%s is made nowhere", code)
		}
	}
	if len(made) < 30 {
		t.Errorf("only %v were found", slices.Sorted(maps.Keys(made)))
	}
}

func TestTableOfCodes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || http.StatusText(c.Status) == "" || c.Title == "" || c.Means == "" {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
}

// codesMade finds the codes of all problems that are made in directories of the module, and where.
func codesMade(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	s := sources{set: token.NewFileSet(), named: map[string]string{}, made: map[string]string{}}
	for _, dir := range dirs {
		s.read(t, filepath.Join("..", "..", "..", dir))
	}
	for _, f := range s.files {
		ast.Inspect(f, s.name)
	}
	for _, f := range s.files {
		ast.Inspect(f, s.find)
	}
	return s.made
}

// sources are parsed files.
type sources struct {
	set   *token.FileSet
	files []*ast.File
	named map[string]string // what constants, and variables that are problems, hold
	made  map[string]string
}

func (s *sources) read(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasSuffix(path, "test") || d.Name() == "eval"): // the codes of eval are those of diagnostics
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(s.set, path, text, parser.SkipObjectResolution)
		s.files = append(s.files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// name notes the values of names. A constant that is called a code, and is no diagnostic, is one, whoever makes problems of it.
func (s *sources) name(n ast.Node) bool {
	v, ok := n.(*ast.ValueSpec)
	if !ok {
		return true
	}
	for i, value := range v.Values {
		if code := codeOf(value); code != nil {
			value = code
		}
		name, text := v.Names[i].Name, ""
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ = strconv.Unquote(lit.Value)
		}
		s.named[name] = text
		if strings.HasPrefix(strings.ToLower(name), "code") && text != "" && text == strings.ToLower(text) {
			s.made[text] = s.set.Position(v.Pos()).String()
		}
	}
	return true
}

// find notes the codes of problems. One that is handed in by a parameter is not seen here.
func (s *sources) find(n ast.Node) bool {
	e, ok := n.(ast.Expr)
	if !ok {
		return true
	}
	if code := s.value(codeOf(e)); code != "" {
		s.made[code] = s.set.Position(n.Pos()).String()
	}
	return true
}

// value is the text of a literal, of a name, or of the code of a named problem.
func (s *sources) value(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.Ident:
		return s.named[e.Name]
	case *ast.SelectorExpr:
		if e.Sel.Name != "Code" {
			return s.named[e.Sel.Name]
		}
		return s.value(e.X)
	}
	return ""
}

// codeOf is what stands for the code in Problemf(code, …) or Problem{Code: code}; nil for anything else.
func codeOf(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return codeOf(e.X)
	case *ast.CallExpr:
		if called(e.Fun) == "Problemf" {
			return e.Args[0]
		}
	case *ast.CompositeLit:
		for _, member := range e.Elts {
			if kv, ok := member.(*ast.KeyValueExpr); ok && called(e.Type) == "Problem" && called(kv.Key) == "Code" {
				return kv.Value
			}
		}
	}
	return nil
}

// called is the last part of a name.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

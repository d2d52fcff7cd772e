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

// TestEveryCodeIsInATable: whoever makes a problem with a new code either enters it in the table of what is answered, so that it
// is not answered as a defect of the server, or in that of what nodes and executions fail with.
func TestEveryCodeIsInATable(t *testing.T) {
	t.Parallel()
	s := sourcesOf(t, "engine", "suspend", "tasks", "handlers/api", "handlers/hooks", "handlers/nodes")
	failures := map[string]bool{}
	for _, f := range FailureCodes() {
		failures[f.Code] = true
		if !s.quoted[f.Code] {
			t.Errorf("nothing fails with %s", f.Code)
		}
	}
	for code, where := range s.made {
		if _, answered := LookupCode(code); !answered && !failures[code] {
			t.Errorf("%s, made at %s, is in no table", code, where)
		}
	}
	if len(s.made) < 50 {
		t.Errorf("only %v were found", slices.Sorted(maps.Keys(s.made)))
	}
}

func TestTableOfFailures(t *testing.T) {
	t.Parallel()
	all := FailureCodes()
	for i, f := range all {
		if f.Means == "" || f.Mend == "" || i > 0 && all[i-1].Code >= f.Code {
			t.Errorf("%+v", f)
		}
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

// sourcesOf reads the Go code in directories of the module.
func sourcesOf(t *testing.T, dirs ...string) sources {
	t.Helper()
	s := sources{set: token.NewFileSet(), named: map[string]string{}, made: map[string]string{}, quoted: map[string]bool{}}
	for _, dir := range dirs {
		s.read(t, filepath.Join("..", "..", "..", dir))
	}
	for _, f := range s.files {
		ast.Inspect(f, s.name)
	}
	for _, f := range s.files {
		ast.Inspect(f, s.find)
	}
	return s
}

// sources are parsed files.
type sources struct {
	set   *token.FileSet
	files []*ast.File
	named map[string]string // what constants, and variables that are problems, hold
	made  map[string]string // the codes of problems, and where these are made
	// quoted are all texts, but for the table's: a code may be handed to who makes a problem of it.
	quoted map[string]bool
}

func (s *sources) read(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasSuffix(path, "test") || d.Name() == "eval"): // the codes of eval are those of diagnostics
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || d.Name() == "failures.go":
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
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, _ := strconv.Unquote(lit.Value)
		s.quoted[text] = true
	}
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

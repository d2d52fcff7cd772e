package failpoints

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Overlay is the variable that names the file of go's -overlay with which the binary was built, if it was: a script that it
// changes has another digest, and would not be known by the text on disk.
const Overlay = "PRANA_FAULTS_OVERLAY"

// sources reads files as the build of this binary did: those of Replace lie somewhere else.
type sources struct{ Replace map[string]string }

func newSources() (s sources, err error) {
	overlay := os.Getenv(Overlay)
	if overlay == "" {
		return s, nil
	}
	raw, err := os.ReadFile(overlay)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

func (s sources) read(path string) ([]byte, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(cmp.Or(s.Replace[abs], abs))
}

// Names knows scripts by their digests.
type Names map[string]string

// ReadNames reads the scripts that the sources of Go packages make, by the names of their variables: commitScript is "commit".
func ReadNames(dirs ...string) (Names, error) {
	built, err := newSources()
	if err != nil {
		return nil, fmt.Errorf("reading what %s names: %w", Overlay, err)
	}
	names := Names{}
	for _, dir := range dirs {
		if err := names.read(dir, built); err != nil {
			return nil, fmt.Errorf("reading the scripts of %s: %w", dir, err)
		}
	}
	return names, nil
}

func (n Names) read(dir string, built sources) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	texts, scripts := map[string]string{}, map[string]ast.Expr{}
	for _, path := range paths {
		src, err := built.read(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if err := collect(dir, built, d, texts, scripts); err != nil {
				return err
			}
		}
	}
	for name, x := range scripts {
		text, err := textOf(x, texts)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		n[redis.NewScript(text).Hash()] = strings.TrimSuffix(name, "Script")
	}
	return nil
}

// collect notes the texts that a declaration embeds, and what the scripts that it makes are made of.
func collect(dir string, built sources, d ast.Decl, texts map[string]string, scripts map[string]ast.Expr) error {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return nil
	}
	for _, spec := range g.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if file, ok := embedded(g.Doc); ok {
			raw, err := built.read(filepath.Join(dir, file))
			if err != nil {
				return err
			}
			texts[v.Names[0].Name] = string(raw)
		}
		if len(v.Values) == 1 {
			if call, ok := v.Values[0].(*ast.CallExpr); ok && isNewScript(call) {
				scripts[v.Names[0].Name] = call.Args[0]
			}
		}
	}
	return nil
}

func embedded(doc *ast.CommentGroup) (string, bool) {
	if doc == nil {
		return "", false
	}
	for _, c := range doc.List {
		if file, ok := strings.CutPrefix(c.Text, "//go:embed "); ok {
			return file, true
		}
	}
	return "", false
}

func isNewScript(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.SelectorExpr)
	return ok && f.Sel.Name == "NewScript" && len(c.Args) == 1
}

// textOf puts the text of a script together, of literals and embedded files.
func textOf(x ast.Expr, texts map[string]string) (string, error) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(x.Value)
	case *ast.Ident:
		if text, ok := texts[x.Name]; ok {
			return text, nil
		}
	case *ast.BinaryExpr:
		left, err := textOf(x.X, texts)
		if err != nil {
			return "", err
		}
		right, err := textOf(x.Y, texts)
		return left + right, err
	}
	return "", fmt.Errorf("a script is made of something else than literals and embedded files")
}

// of names a command: a script by its name, anything else by its verb.
func (n Names) of(cmd redis.Cmder) string {
	args := cmd.Args()
	if isAsynqs(args) {
		return asynqOther
	}
	if len(args) < 2 || cmd.Name() != "evalsha" && cmd.Name() != "eval" {
		return cmd.Name()
	}
	script, _ := args[1].(string)
	if cmd.Name() == "eval" {
		script = redis.NewScript(script).Hash()
	}
	if name, ok := n[script]; ok {
		return name
	}
	return ofAsynq(args)
}

// asynqs are the scripts of asynq that are told apart, by the ends of their first keys.
var asynqs = map[string]string{
	"pending paused active": asynqDequeue,
	"active lease t":        "asynq done",
	"t active lease":        "asynq retry",
	"active lease pending":  "asynq requeue",
	"retry pending":         asynqForward,
}

const (
	asynqDequeue = "asynq dequeue"
	asynqForward = "asynq forward" // of tasks that are to be brought again
	// asynqOther is all that asynq does on its own time.
	asynqOther = "asynq"
)

// ofAsynq names a script of asynq.
func ofAsynq(args []any) string {
	var ends []string
	n, _ := strconv.Atoi(fmt.Sprint(args[2]))
	for _, key := range args[3 : 3+min(n, 3)] {
		_, end, _ := strings.Cut(fmt.Sprint(key), "}:")
		if strings.HasPrefix(end, "t:") {
			end = "t"
		}
		ends = append(ends, end)
	}
	return cmp.Or(asynqs[strings.Join(ends, " ")], asynqOther)
}

// isAsynqs tells whether a command is none of the engine's, which never writes these keys but by scripts.
func isAsynqs(args []any) bool {
	if len(args) < 2 || !strings.HasPrefix(fmt.Sprint(args[1]), "asynq:") {
		return false
	}
	verb, _ := args[0].(string)
	return verb != "hget" && verb != "llen"
}

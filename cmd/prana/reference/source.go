package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// constant is one of a Go file, with what its comment says.
type constant struct{ name, value, comment string }

// constants reads those of a file that are texts.
func constants(root, file string) ([]constant, error) {
	f, err := parseFile(root, file)
	if err != nil {
		return nil, err
	}
	var all []constant
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			value, err := strconv.Unquote(lit.Value)
			if err == nil {
				all = append(all, constant{spec.Names[0].Name, value, comment(spec.Doc)})
			}
		}
		return true
	})
	return all, nil
}

// structs reads the struct types of a file: name -> type, with its comments.
func structs(root, file string) (map[string]*ast.StructType, map[string]string, error) {
	f, err := parseFile(root, file)
	if err != nil {
		return nil, nil, err
	}
	types, about := map[string]*ast.StructType{}, map[string]string{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if t, ok := s.(*ast.TypeSpec); ok {
				if st, ok := t.Type.(*ast.StructType); ok {
					types[t.Name.Name], about[t.Name.Name] = st, comment(g.Doc)
				}
			}
		}
	}
	return types, about, nil
}

func parseFile(root, file string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments)
}

// comment is the text of a comment in one line.
func comment(g *ast.CommentGroup) string { return strings.Join(strings.Fields(g.Text()), " ") }

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileName is looked for in the working directory when no file is named.
const fileName = "prana.yaml"

// fileLayer is what the file says: values by nested name, and where each key stands.
type fileLayer struct {
	values   map[string]any
	origins  map[string]string
	problems Problems
}

// readFile reads the named file, else prana.yaml in dir if there is one.
func readFile(name, dir string) fileLayer {
	l := fileLayer{values: map[string]any{}, origins: map[string]string{}}
	path := name
	if path == "" {
		path = filepath.Join(dir, fileName)
	}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		l.parse(filepath.Base(path), text)
	case name == "" && errors.Is(err, fs.ErrNotExist):
	default:
		l.fail(Problem{Origin: path, Message: "cannot be read: " + err.Error()})
	}
	return l
}

func (l *fileLayer) fail(p Problem) { l.problems = append(l.problems, p) }

func (l *fileLayer) parse(file string, text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		l.fail(Problem{Origin: file, Message: strings.TrimPrefix(err.Error(), "yaml: ")})
		return
	}
	if len(doc.Content) == 0 {
		return // empty, or only comments
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		l.fail(Problem{Origin: file, Message: "must be a mapping from keys to values"})
		return
	}
	l.check(file, "", root)
	if len(l.problems) > 0 {
		return // what follows from an unknown key would only confuse
	}
	if err := root.Decode(&l.values); err != nil {
		l.fail(Problem{Origin: file, Message: strings.TrimPrefix(err.Error(), "yaml: ")})
	}
}

// check finds unknown keys and notes where the known ones stand.
func (l *fileLayer) check(file, prefix string, mapping *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		key := prefix + name.Value
		origin := fmt.Sprintf("%s:%d:%d", file, name.Line, name.Column)
		l.origins[key] = origin
		switch {
		case isKey(key) || isPrefix(key):
			if named(prefix) && !namePattern.MatchString(name.Value) {
				l.fail(Problem{Key: key, Origin: origin, Message: nameRule})
				continue
			}
			l.checkValue(file, key, value)
		default:
			l.fail(Problem{Key: key, Origin: origin, Message: didYouMean(key, suggestions(prefix))})
		}
	}
}

const nameRule = "names begin with a lower-case letter and go on with lower-case letters, digits, _ and -"

// named tells whether the names below a prefix are the user's.
func named(prefix string) bool {
	return prefix == "secrets." || prefix == "hooks." || prefix == "streams."
}

// suggestions are the keys to choose from: below a prefix with a chosen name, those of that name.
func suggestions(prefix string) []string {
	candidates := []string{"hooks", "secrets", "streams"}
	if parts := strings.Split(prefix, "."); len(parts) == 3 && named(parts[0]+".") {
		candidates = nil
		for _, key := range schema {
			if rest, ok := strings.CutPrefix(key, parts[0]+".*."); ok {
				candidates = append(candidates, prefix+rest)
			}
		}
		return candidates
	}
	for _, key := range schema {
		if section, _, ok := strings.Cut(key, "."); ok {
			candidates = append(candidates, section)
		}
		if !strings.Contains(key, "*") {
			candidates = append(candidates, key)
		}
	}
	return candidates
}

func (l *fileLayer) checkValue(file, key string, value *yaml.Node) {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	isMapping := value.Kind == yaml.MappingNode
	switch {
	case isKey(key) && isMapping:
		l.fail(Problem{Key: key, Origin: l.origins[key], Message: "must be a value, not a mapping"})
	case isKey(key):
	case isMapping:
		l.check(file, key+".", value)
	case value.Tag == "!!null":
	case key == "redis":
		l.fail(Problem{Key: key, Origin: l.origins[key], Message: "must be a mapping: write the address as url below redis"})
	default:
		l.fail(Problem{Key: key, Origin: l.origins[key], Message: "must be a mapping"})
	}
}

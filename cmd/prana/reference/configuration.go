package main

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"prana/config"
)

const aboutConfiguration = "Generated from the keys themselves. Flags win over variables, those over the file (`prana.yaml`, `--config` or `PRANA_CONFIG`), that over the defaults. Unknown keys are errors.\n\n" +
	"Durations are written `20s`, `5m`, `168h` or `7d`; sizes `4096`, `256KiB` or `1MiB`; lists in variables with commas. A secret may also be read from the file that the variable with `_FILE` behind its name names. " +
	"NAME is a name of your own."

// chosen gives a name to everything that has one, so that its keys are listed.
const chosen = "hooks: { name: { event: x, scheme: none } }\nstreams: { name: { stream: x } }\nsecrets: { name: x }\n"

// configuration documents every key, from the struct that holds it.
func configuration(root string) (string, error) {
	all, err := settings()
	if err != nil {
		return "", err
	}
	types, about, err := structs(root, "config/config.go")
	if err != nil {
		return "", err
	}
	c := &keys{writer: &writer{}, types: types, about: about, settings: all}
	c.heading(1, "Configuration")
	c.paragraph(aboutConfiguration)
	c.section("Config", "")
	return c.String(), nil
}

// settings are all keys with their variables and defaults.
func settings() (map[string]config.Setting, error) {
	dir, err := os.MkdirTemp("", "reference")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory harms nobody
	file := filepath.Join(dir, "prana.yaml")
	if err := os.WriteFile(file, []byte(chosen), 0o600); err != nil {
		return nil, err
	}
	list, err := config.Settings(config.Options{File: file, Environ: []string{}})
	all := map[string]config.Setting{}
	for _, s := range list {
		all[s.Key] = s
	}
	return all, err
}

// keys writes the sections of the configuration.
type keys struct {
	*writer
	types    map[string]*ast.StructType
	about    map[string]string
	settings map[string]config.Setting
}

// section writes the keys of a struct, then those of the structs in it.
func (k *keys) section(name, prefix string) {
	title := strings.TrimSuffix(strings.ReplaceAll(prefix, ".name.", ".NAME."), ".")
	if title != "" {
		k.heading(2, title)
		k.paragraph(k.prose(name, "", k.about[name]))
	}
	var rows [][]string
	var below []func()
	for _, f := range k.types[name].Fields.List {
		key, kind := prefix+keyOf(f), typeOf(f.Type)
		switch {
		case keyOf(f) == "":
		case kind == "map[Secret]":
			rows = append(rows, k.row(name, key+".name", f))
		case strings.HasPrefix(kind, "map["):
			below = append(below, func() { k.section(strings.TrimSuffix(kind[4:], "]"), key+".name.") })
		case k.types[kind] != nil:
			below = append(below, func() { k.section(kind, key+".") })
		default:
			rows = append(rows, k.row(name, key, f))
		}
	}
	k.table([]string{"key", "variable", "default", ""}, rows)
	for _, write := range below {
		write()
	}
}

func (k *keys) row(in, key string, f *ast.Field) []string {
	s := k.settings[key]
	if s.Origin != "default" {
		s.Value = ""
	}
	shown := func(s, name string) string { return strings.ReplaceAll(s, name, strings.ToUpper(name)) }
	return []string{code(shown(key, ".name")), code(shown(s.Variable, "_name")), code(s.Value), k.prose(in, f.Names[0].Name, comment(f.Doc))}
}

// prose turns the names of fields into those of keys.
func (k *keys) prose(in, own, text string) string {
	for _, f := range k.types[in].Fields.List {
		if kind := typeOf(f.Type); keyOf(f) == "" || k.types[kind] != nil || strings.HasPrefix(kind, "map[") && f.Names[0].Name != own {
			continue
		}
		text = regexp.MustCompile(`\b`+f.Names[0].Name+`\b`).ReplaceAllString(text, code(keyOf(f)))
	}
	return text
}

func keyOf(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	return reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("key")
}

// typeOf names a type: that of a map is map[ELEMENT].
func typeOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.MapType:
		return "map[" + typeOf(e.Value) + "]"
	}
	return ""
}

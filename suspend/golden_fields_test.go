package suspend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestGoldenFields: the golden snapshots show every field that is ever stored.
func TestGoldenFields(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/v*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	used := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ Hash, Outbox map[string]string }
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		for name, v := range s.Hash {
			used["field "+name[:1]] = true
			body := v[strings.LastIndexByte(v[:max(0, strings.IndexByte(v, '{'))], '|')+1:]
			if typ := formOf(name); typ != nil {
				use(t, used, typ, []byte(body))
			}
		}
		for _, v := range s.Outbox {
			use(t, used, reflect.TypeFor[storedOutgoing](), []byte(v))
		}
	}
	for name := range strings.SplitSeq("r h f i z p w E a c n t o d l m k", " ") {
		if !used["field "+name] {
			t.Errorf("no golden snapshot has a field %q", name)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[storedHead](), reflect.TypeFor[storedFront](), reflect.TypeFor[storedStep](), reflect.TypeFor[storedFan](), reflect.TypeFor[storedPart](), reflect.TypeFor[storedOutgoing]()} {
		unused(t, used, typ)
	}
}

func formOf(field string) reflect.Type {
	switch field[0] {
	case 'h':
		return reflect.TypeFor[storedHead]()
	case 'f':
		return reflect.TypeFor[storedFront]()
	case 'a':
		return reflect.TypeFor[storedStep]()
	case 'w':
		if field != fieldReply {
			return reflect.TypeFor[storedFan]()
		}
	case 'p':
		if field != fieldProblem {
			return reflect.TypeFor[storedPart]()
		}
	}
	return nil
}

// use notes the fields of our forms that a value has.
func use(t *testing.T, used map[string]bool, typ reflect.Type, raw []byte) {
	t.Helper()
	v := reflect.New(typ)
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	walk(used, v.Elem())
}

func walk(used map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(used, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(used, v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(used, v.MapIndex(k))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if ours(v.Type()) && !v.Field(i).IsZero() {
				used[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				walk(used, v.Field(i))
			}
		}
	}
}

func ours(t reflect.Type) bool { return strings.HasPrefix(t.Name(), "stored") }

// unused reports fields of a form, and of those in it, that no snapshot shows.
func unused(t *testing.T, used map[string]bool, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if !ours(typ) {
		return
	}
	for f := range typ.Fields() {
		if !used[typ.Name()+"."+f.Name] {
			t.Errorf("no golden snapshot shows %s.%s", typ.Name(), f.Name)
		} else {
			unused(t, used, f.Type)
		}
	}
}

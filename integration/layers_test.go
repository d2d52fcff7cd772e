// Package integration proves the whole: scenarios on a real Redis, faults, and the layering below.
package integration

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the first part of our own import paths. Below, packages are named without it: "engine/flow".
const module = "prana"

// layer says which of our own packages a directory may import. The longest matching directory rules; a directory that
// no row names may import nothing of ours.
type layer struct {
	dir  string   // this directory and those below it
	may  []string // directories, with those below them; "dir$" is that package alone
	why  string
	test []string // what its tests may import besides
}

// layers is the map of the house. DESIGN: imports go one way, from what touches the world to what decides.
var layers = []layer{
	{dir: "engine", may: []string{"engine"}, why: "the engine decides and touches nothing: Redis, asynq and HTTP are handed to it behind small interfaces"},
	{dir: "engine/flow", why: "the nouns are a leaf that everybody can afford to import"},
	{dir: "engine/fuzztest", why: "it measures anything, so it may depend on nothing"},
	{dir: "engine/telemetry", may: []string{"engine/flow"}, why: "names of spans and metrics know only the nouns"},
	{dir: "engine/cron", why: "when a pattern is due depends on nothing but the pattern, the zone and the time that is asked with"},
	{dir: "engine/eval", may: []string{"engine/flow"}, why: "expressions know only the nouns, so that they can be tested and bounded alone"},
	{dir: "engine/node", may: []string{"engine/flow", "engine/eval", "engine/telemetry"}, test: []string{"engine"}, why: "the contract of a node must not depend on who runs it"},
	{dir: "engine/plan", may: []string{"engine/flow", "engine/eval", "engine/node", "engine/telemetry"}, why: "compiling a definition needs no engine"},
	{
		dir: "suspend", may: []string{"suspend", "engine/flow", "engine/telemetry"}, test: []string{"engine", "config/localredis", "tasks"},
		why: "the store remembers what it is told; it decides nothing and does not know asynq",
	},
	{
		dir: "tasks", may: []string{"tasks", "engine/flow", "engine/telemetry"}, test: []string{"config/localredis"},
		why: "the words spoken to asynq do not know who stores or runs",
	},
	{dir: "handlers", why: "a handler is one package below handlers"},
	{dir: "handlers/worker", may: []string{"handlers/worker", "engine", "tasks"}, test: []string{"config/localredis", "suspend"}, why: handlersApart},
	{dir: "handlers/api", may: []string{"handlers/api", "engine", "tasks"}, test: []string{"config/localredis", "suspend"}, why: handlersApart},
	{dir: "handlers/api/wire", may: []string{"handlers/api/wire", "engine/flow"}, why: "the words of the wire come with every client, and bring only the nouns"},
	{
		dir: "handlers/api/client", may: []string{"engine/flow", "handlers/api/wire"}, test: []string{"handlers/api$", "handlers/api/stream"},
		why: "who imports the client gets neither the engine nor the queue with it",
	},
	{dir: "handlers/api/explain", may: []string{"engine/flow", "handlers/api/wire"}, why: "a sentence about an execution is a function of what the API shows of it"},
	{dir: "handlers/hooks", may: []string{"handlers/hooks", "handlers/api/wire", "engine", "tasks"}, test: []string{"config/localredis", "suspend"}, why: handlersApart},
	{dir: "handlers/streams", may: []string{"handlers/streams", "engine", "tasks"}, test: []string{"config/localredis", "suspend"}, why: handlersApart},
	{dir: "handlers/console", may: []string{"handlers/console", "handlers/api/wire", "engine", "tasks"}, test: []string{"config/localredis", "suspend"}, why: handlersApart},
	{dir: "handlers/docs", may: []string{"handlers/docs", "handlers/api/wire", "engine/flow"}, why: "it shows pages, whatever they are about"},
	{
		dir: "handlers/nodes", may: []string{"handlers/nodes", "engine/node", "engine/flow", "engine/eval", "engine/cron", "engine/telemetry"}, test: []string{"engine"},
		why: "a built-in node can do no more than a user's own: it sees the contract and the world",
	},
	{dir: "config", may: []string{"config"}, why: "configuration hands out plain structs and knows nobody"},
	{dir: "config/localredis", why: "starting a child process needs none of us"},
	{dir: "cmd", may: []string{"cmd", "engine", "suspend", "tasks", "handlers", "config", "deploy"}, why: "cmd wires: it is the only place that knows all the others"},
	{dir: "integration", may: []string{"integration", "engine", "suspend", "tasks", "handlers", "cmd", "config/localredis"}, why: "scenarios use what users use; configuration reaches them through cmd"},
	{dir: "deploy", why: "deploy ships what is built and contains no wiring"},
}

const handlersApart = "handlers never import one another: what two of them share belongs to engine, tasks or the vocabulary of the wire"

// owner says who may import a third-party package, so that replacing it changes one place.
type owner struct {
	pkg   string // import path, with those below it
	dirs  []string
	tests bool // tests anywhere may import it
	why   string
}

var owners = []owner{
	{pkg: "github.com/expr-lang/expr", dirs: []string{"engine/eval"}, why: "every expression passes the limits that eval sets"},
	{pkg: "github.com/robfig/cron", dirs: []string{"engine/cron"}, why: "its parser knows patterns; Sundays, zones and changed clocks are ours"},
	{pkg: "github.com/redis/go-redis", dirs: []string{"suspend", "tasks", "handlers/worker", "handlers/console", "cmd"}, tests: true, why: "Redis commands belong to suspend; tasks, worker and console only hand a client to asynq, cmd makes the clients"},
	{pkg: "github.com/hibiken/asynqmon", dirs: []string{"handlers/console", "cmd"}, why: "the view of the queues is part of the console"},
	{pkg: "github.com/hibiken/asynq", dirs: []string{"tasks", "handlers/worker", "handlers/console", "cmd"}, tests: true, why: "its words are in tasks, its server in the worker, its inspector in the console"},
	{pkg: "github.com/golang-jwt/jwt", dirs: []string{"handlers/hooks"}, tests: true, why: "tokens are judged in one place, by one list of algorithms"},
	{pkg: "github.com/yuin/goldmark", dirs: []string{"handlers/docs"}, tests: true, why: "what a page may contain is decided in one place"},
	{pkg: "github.com/spf13/viper", dirs: []string{"config"}, why: "everybody else gets plain structs"},
	{pkg: "go.opentelemetry.io/otel/sdk", dirs: []string{"cmd"}, tests: true, why: "libraries speak the API; the binary chooses what happens to it"},
	{pkg: "go.opentelemetry.io/otel/exporters", dirs: []string{"cmd"}, why: "the binary chooses where telemetry goes"},
	{pkg: "github.com/alicebob/miniredis", dirs: []string{"cmd"}, tests: true, why: "a Redis in memory is a choice of the binary, or a test's"},
}

// banned says what a directory must not import, whoever owns it. Tests are free.
type banned struct {
	dir string
	pkg string
	why string
}

var bans = []banned{
	{"engine", "net/http", "the engine has no transport; nodes that speak HTTP are in handlers/nodes"},
	{"engine", "net", "the engine opens no connections"},
	{"engine", "os/exec", "the engine starts no processes"},
	{"suspend", "net/http", "the store speaks to Redis and nobody else"},
	{"tasks", "net/http", "tasks speaks to asynq and nobody else"},
}

// bare says what must not come with a directory, neither by its own imports nor by those of what it imports.
type bare struct {
	dir  string
	pkgs []string // import paths, with those below them
	why  string
}

var bares = []bare{
	{
		dir: "handlers/api/client", pkgs: []string{"prana/engine$", "github.com/redis/go-redis", "github.com/hibiken/asynq", "github.com/expr-lang/expr"},
		why: "a program that starts workflows is not to carry the engine, Redis and the queue",
	},
	{dir: "cmd/prana", pkgs: []string{"testing"}, why: "prana test is in the binary, and the flags of Go's own tests are not"},
}

// file is one Go file with what it imports.
type file struct {
	dir     string // slash-separated, from the root of the module
	name    string
	imports []imported
}

type imported struct {
	path string
	line int
}

func (f file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// isTestKit tells whether the package is made for tests: storetest, enginetest.
func (f file) isTestKit() bool { return strings.HasSuffix(path.Base(f.dir), "test") }

// violations judges one file. Each is "dir/file.go:line: rule".
func violations(f file) []string {
	var found []string
	for _, i := range f.imports {
		for _, rule := range []func(file, string) string{byLayer, byConfig, byOwner, byBan, byTesting} {
			if why := rule(f, i.path); why != "" {
				found = append(found, fmt.Sprintf("%s/%s:%d: %s", f.dir, f.name, i.line, why))
			}
		}
	}
	return found
}

func byLayer(f file, pkg string) string {
	ours, ok := strings.CutPrefix(pkg, module+"/")
	if !ok {
		return ""
	}
	l, ok := layerOf(f.dir)
	if !ok {
		return f.dir + " has no row in the table of layers: add one, with its reason"
	}
	may := append([]string{f.dir + "$"}, l.may...) // an external test imports its own package
	if f.isTest() || f.isTestKit() {
		may = append(append(may, l.test...), "engine/fuzztest$") // which knows none of us
	}
	if slices.ContainsFunc(may, func(dir string) bool { return ours+"$" == dir || under(ours, dir) }) {
		return ""
	}
	return f.dir + " must not import " + ours + ": " + l.why
}

func layerOf(dir string) (layer, bool) {
	var best layer
	for _, l := range layers {
		if under(dir, l.dir) && len(l.dir) > len(best.dir) {
			best = l
		}
	}
	return best, best.dir != ""
}

// under tells whether dir is top or lies below it.
func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// byConfig repeats what the layers say, for it is the rule most easily forgotten.
func byConfig(f file, pkg string) string {
	if pkg != module+"/config" || under(f.dir, "cmd") || under(f.dir, "config") {
		return ""
	}
	return "only cmd imports config: everything else is handed the values that it needs"
}

func byOwner(f file, pkg string) string {
	for _, o := range owners {
		if !under(pkg, o.pkg) {
			continue
		}
		free := o.tests && (f.isTest() || f.isTestKit() || under(f.dir, "integration"))
		if free || slices.ContainsFunc(o.dirs, func(dir string) bool { return under(f.dir, dir) }) {
			return ""
		}
		return fmt.Sprintf("%s must not import %s, which belongs to %s: %s", f.dir, pkg, strings.Join(o.dirs, ", "), o.why)
	}
	return ""
}

func byBan(f file, pkg string) string {
	if f.isTest() {
		return ""
	}
	for _, b := range bans {
		if under(f.dir, b.dir) && pkg == b.pkg {
			return f.dir + " must not import " + pkg + ": " + b.why
		}
	}
	return ""
}

func byTesting(f file, pkg string) string {
	if f.isTest() || f.isTestKit() || !under(pkg, "testing") {
		return ""
	}
	return f.dir + " must not import " + pkg + ": it would put test flags into the binary; only packages named …test and _test.go files may"
}

// sources reads every Go file of the module.
func sources(t *testing.T, root string) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parse(root, p)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(root, p string) (file, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, p, nil, parser.ImportsOnly)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, filepath.Dir(p))
	f := file{dir: filepath.ToSlash(rel), name: filepath.Base(p)}
	for _, spec := range syntax.Imports {
		pkg, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported{pkg, set.Position(spec.Pos()).Line})
	}
	return f, err
}

func TestLayers(t *testing.T) {
	t.Parallel()
	files := sources(t, "..")
	if len(files) == 0 {
		t.Fatal("no Go files found: the test looks in the wrong place")
	}
	for _, f := range files {
		for _, v := range violations(f) {
			t.Error(v)
		}
	}
}

// comesWith lists every package that a directory's own files import, and what those of ours import in turn.
func comesWith(files []file, dir string) map[string]bool {
	found := map[string]bool{}
	queue := []string{dir}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, f := range files {
			if f.dir != at || f.isTest() {
				continue
			}
			for _, i := range f.imports {
				ours, is := strings.CutPrefix(i.path, module+"/")
				if is && !found[i.path] {
					queue = append(queue, ours)
				}
				found[i.path] = true
			}
		}
	}
	return found
}

// stowaways are those of what comes with a directory that must not.
func (c bare) stowaways(files []file) []string {
	var found []string
	for pkg := range comesWith(files, c.dir) {
		if slices.ContainsFunc(c.pkgs, func(no string) bool { return pkg+"$" == no || under(pkg, no) }) {
			found = append(found, pkg)
		}
	}
	slices.Sort(found)
	return found
}

func TestNothingComesAlong(t *testing.T) {
	t.Parallel()
	files := sources(t, "..")
	for _, c := range bares {
		for _, pkg := range c.stowaways(files) {
			t.Errorf("%s comes with %s: %s", pkg, c.dir, c.why)
		}
	}
}

func TestStowawaysAreFound(t *testing.T) {
	t.Parallel()
	imports := func(dir, name string, pkgs ...string) file {
		f := file{dir: dir, name: name}
		for _, pkg := range pkgs {
			f.imports = append(f.imports, imported{pkg, 1})
		}
		return f
	}
	files := []file{
		imports("a", "a.go", "prana/b", "net/http"), imports("b", "b.go", "prana/c", "prana/engine/flow"), imports("b", "b_test.go", "github.com/x/test"),
		imports("c", "c.go", "prana/a", "github.com/x/y/z"), imports("engine/flow", "f.go", "prana/engine"),
	}
	for no, want := range map[string][]string{
		"github.com/x/y": {"github.com/x/y/z"}, "github.com/x/test": nil, "prana/engine$": {"prana/engine"}, "prana/b": {"prana/b"}, "net": {"net/http"},
	} {
		if got := (bare{dir: "a", pkgs: []string{no}}).stowaways(files); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", no, got, want)
		}
	}
}

// TestLayersFindsViolations feeds the judge what it must and must not object to.
func TestLayersFindsViolations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dir, name, pkg, want string }{
		{"engine/flow", "x.go", "prana/engine/node", "the nouns are a leaf"},
		{"engine", "x.go", "prana/suspend", "decides and touches nothing"},
		{"engine/inmem", "x.go", "prana/tasks", "decides and touches nothing"},
		{"engine", "x_test.go", "prana/suspend", "decides and touches nothing"},
		{"suspend", "x.go", "prana/tasks", "remembers what it is told"},
		{"suspend", "x.go", "prana/engine", "remembers what it is told"},
		{"tasks", "x.go", "prana/suspend", "do not know who stores"},
		{"handlers/api", "x.go", "prana/handlers/hooks", "never import one another"},
		{"handlers/api", "x_test.go", "prana/handlers/hooks", "never import one another"},
		{"handlers/api/client", "x.go", "prana/engine", "neither the engine nor the queue"},
		{"handlers/api/client", "x.go", "prana/engine/telemetry", "neither the engine nor the queue"},
		{"handlers/api/client", "x.go", "prana/handlers/api", "neither the engine nor the queue"},
		{"handlers/api/wire", "x.go", "prana/tasks", "only the nouns"},
		{"handlers/nodes", "x.go", "prana/engine", "no more than a user's own"},
		{"handlers/worker", "x.go", "prana/config", "only cmd imports config"},
		{"integration", "x_test.go", "prana/config", "only cmd imports config"},
		{"config", "x.go", "prana/engine/flow", "knows nobody"},
		{"config", "x.go", "prana/engine/fuzztest", "knows nobody"},
		{"engine/fuzztest", "x.go", "prana/engine/flow", "measures anything"},
		{"somewhere", "x.go", "prana/engine", "no row in the table"},
		{"engine/plan", "x.go", "github.com/expr-lang/expr/ast", "limits that eval sets"},
		{"engine/plan", "x_test.go", "github.com/expr-lang/expr", "limits that eval sets"},
		{"engine", "x.go", "github.com/robfig/cron/v3", "Sundays, zones"},
		{"engine/cron", "x.go", "prana/engine/flow", "depends on nothing but"},
		{"handlers/api", "x.go", "github.com/redis/go-redis/v9", "Redis commands belong to suspend"},
		{"suspend", "x.go", "github.com/hibiken/asynq", "its words are in tasks"},
		{"handlers/api", "x.go", "github.com/hibiken/asynqmon", "part of the console"},
		{"cmd/prana", "x.go", "github.com/spf13/viper", "plain structs"},
		{"engine/telemetry", "x.go", "go.opentelemetry.io/otel/sdk/trace", "libraries speak the API"},
		{"suspend", "x.go", "github.com/alicebob/miniredis/v2", "a choice of the binary"},
		{"engine/node", "x.go", "net/http", "no transport"},
		{"engine", "x.go", "testing", "test flags into the binary"},
		{"handlers/nodes", "x.go", "testing/fstest", "test flags into the binary"},

		{"engine", "x.go", "prana/engine/plan", ""},
		{"engine/storetest", "storetest.go", "testing", ""},
		{"suspend", "x_test.go", "prana/engine/storetest", ""},
		{"suspend", "x_test.go", "prana/config/localredis", ""},
		{"suspend", "x_test.go", "github.com/alicebob/miniredis/v2", ""},
		{"suspend", "x_test.go", "prana/suspend", ""},
		{"config", "x_test.go", "prana/engine/fuzztest", ""},
		{"handlers/api/client", "x.go", "prana/handlers/api/wire", ""},
		{"handlers/api/client", "x_test.go", "prana/handlers/api", ""},
		{"handlers/worker", "x.go", "github.com/hibiken/asynq", ""},
		{"handlers/console", "x.go", "github.com/hibiken/asynqmon", ""},
		{"handlers/nodes", "x.go", "net/http", ""},
		{"engine/telemetry", "x.go", "go.opentelemetry.io/otel/trace", ""},
		{"cmd/prana", "x.go", "prana/config", ""},
		{"cmd/prana", "x.go", "prana/handlers/api", ""},
		{"integration", "x_test.go", "prana/config/localredis", ""},
	} {
		found := strings.Join(violations(file{c.dir, c.name, []imported{{c.pkg, 7}}}), "\n")
		switch place := c.dir + "/" + c.name + ":7: "; {
		case c.want == "" && found != "":
			t.Errorf("a false alarm: %s", found)
		case !strings.Contains(found, c.want) || c.want != "" && !strings.HasPrefix(found, place):
			t.Errorf("%s imports %s: got %q, want %q", c.dir, c.pkg, found, c.want)
		}
	}
}

func TestEveryRuleHasItsReason(t *testing.T) {
	t.Parallel()
	for _, l := range layers {
		if l.why == "" {
			t.Errorf("the layer %s has no reason", l.dir)
		}
	}
	for _, o := range owners {
		if o.why == "" {
			t.Errorf("the owner of %s has no reason", o.pkg)
		}
	}
	for _, c := range bares {
		if c.why == "" {
			t.Errorf("that %s is bare has no reason", c.dir)
		}
	}
}

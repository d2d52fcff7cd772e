package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// Options says where to look. The zero value reads prana.yaml in the working directory and the process's environment.
type Options struct {
	// File is the configuration file, which must then exist. Empty means PRANA_CONFIG, else prana.yaml in Dir if there.
	File string
	// Dir is where prana.yaml is looked for. Empty means the working directory.
	Dir string
	// Environ has NAME=value pairs. Nil means os.Environ.
	Environ []string
	// Flags are the flags that were given, by key: {"redis.url": "miniredis", "port": 9000}. Values have the field's type or
	// are texts.
	Flags map[string]any
	// ServesNothing is for who only asks a server, or works on files: what only servers, workers and their neighbours need may
	// be missing or wrong, such as the secrets of hooks, which the machine of a user has not.
	ServesNothing bool
}

// Load chooses. The error is a Problems with everything that is wrong, and the Config is then of no use.
func Load(o Options) (Config, error) {
	l := load(o)
	return l.config, l.problems.err()
}

// Setting is one key with what was chosen for it.
type Setting struct {
	Key      string `json:"key"`
	Variable string `json:"variable"` // the variable that sets it
	Value    string `json:"value"`    // as it would be written; secrets are redacted
	Default  string `json:"default"`  // what it is when nobody sets it; empty for what has no default
	Origin   string `json:"origin"`   // prana.yaml:3:5, PRANA_PORT, command line or default
}

// Settings lists every key, in the order of Config, also when some are wrong.
func Settings(o Options) ([]Setting, error) {
	l := load(o)
	settings := make([]Setting, 0, len(l.fields))
	for _, f := range l.fields {
		origin := l.origins[f.key]
		if origin == "" {
			origin = "default"
		}
		settings = append(settings, Setting{f.key, l.variable(f.key), show(f), l.standards[f.key], origin})
	}
	return settings, l.problems.err()
}

// loader is one run of Load.
type loader struct {
	viper   *viper.Viper
	config  Config
	fields  []field
	origins map[string]string
	// standards are the defaults, as they would be written.
	standards map[string]string
	problems  Problems
}

func load(o Options) *loader {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	l := &loader{viper: viper.New(), config: Default(), origins: map[string]string{}, standards: map[string]string{}}
	l.defaults(o.Environ)
	l.file(o)
	l.environ(o.Environ)
	l.flags(o.Flags)
	if len(l.problems) > 0 {
		return l
	}
	l.fill()
	if len(l.problems) == 0 {
		l.validate(o.ServesNothing)
	}
	return l
}

func (l *loader) defaults(environ []string) {
	l.fields = leaves(reflect.ValueOf(&l.config).Elem(), "")
	for _, f := range l.fields {
		l.viper.SetDefault(f.key, f.value.Interface())
		l.standards[f.key] = show(f)
	}
	const standard = "OTEL_EXPORTER_OTLP_ENDPOINT"
	if endpoint := lookup(environ, standard); endpoint != "" {
		l.viper.SetDefault("otlp.endpoint", endpoint)
		l.origins["otlp.endpoint"] = standard
	}
}

func lookup(environ []string, name string) string {
	for _, pair := range slices.Backward(environ) { // the last one counts, as in os/exec
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (l *loader) file(o Options) {
	name := o.File
	if name == "" {
		name = lookup(o.Environ, "PRANA_CONFIG")
	}
	file := readFile(name, o.Dir)
	l.merge(file.values, file.origins, file.problems)
}

func (l *loader) environ(environ []string) {
	env := readEnv(environ, map[string][]string{"hooks": l.names("hooks"), "streams": l.names("streams")})
	l.merge(nest(env.values), env.origins, env.problems)
}

func (l *loader) merge(values map[string]any, origins map[string]string, problems Problems) {
	l.problems = append(l.problems, problems...)
	maps.Copy(l.origins, origins)
	if err := l.viper.MergeConfigMap(values); err != nil {
		l.problems = append(l.problems, Problem{Message: err.Error()})
	}
}

func (l *loader) flags(flags map[string]any) {
	for key, value := range flags {
		if !isKey(key) {
			l.problems = append(l.problems, Problem{Key: key, Origin: "command line", Message: didYouMean(key, suggestions(""))})
			continue
		}
		l.viper.Set(key, value)
		l.origins[key] = "command line"
	}
}

// names lists what the user named below a key.
func (l *loader) names(key string) []string {
	return slices.Sorted(maps.Keys(l.viper.GetStringMap(key)))
}

// fill writes what viper chose into the struct.
func (l *loader) fill() {
	for _, f := range l.fields {
		l.set(f)
	}
	for _, name := range l.names("secrets") {
		secret := reflect.New(reflect.TypeFor[Secret]()).Elem()
		l.add(field{"secrets." + name, secret})
		l.config.Secrets[name] = secret.Interface().(Secret)
	}
	for _, name := range l.names("hooks") {
		var hook Hook
		for _, f := range leaves(reflect.ValueOf(&hook).Elem(), "hooks."+name+".") {
			l.add(f)
		}
		l.config.Hooks[name] = hook
	}
	for _, name := range l.names("streams") {
		stream := DefaultStream()
		for _, f := range leaves(reflect.ValueOf(&stream).Elem(), "streams."+name+".") {
			l.add(f)
		}
		l.config.Streams[name] = stream
	}
}

func (l *loader) add(f field) {
	l.standards[f.key] = show(f)
	l.set(f)
	l.fields = append(l.fields, f)
}

func (l *loader) set(f field) {
	raw := l.viper.Get(f.key)
	if err := f.set(raw); err != nil {
		value := fmt.Sprint(raw)
		if isSecret(f.key) {
			value = redacted
		}
		l.problems = append(l.problems, Problem{Key: f.key, Origin: l.origins[f.key], Value: value, Message: err.Error()})
	}
}

func (l *loader) validate(servesNothing bool) {
	problems := l.config.problems
	if servesNothing {
		problems = l.config.common
	}
	for _, p := range problems() {
		p.Origin = l.origins[p.Key]
		l.problems = append(l.problems, p)
	}
}

func (l *loader) variable(key string) string {
	if name, ok := strings.CutPrefix(key, "secrets."); ok {
		key = "secret." + name
	}
	return strings.ReplaceAll(variable(key), "-", "_")
}

func show(f field) string {
	if f.key == "redis.url" {
		return RedactURL(f.value.String())
	}
	text := fmt.Sprint(f.value.Interface())
	if f.value.Kind() == reflect.Slice {
		return strings.ReplaceAll(strings.Trim(text, "[]"), " ", ",")
	}
	return text
}

// nest turns keys with dots into maps, as a file would have them.
func nest(flat map[string]string) map[string]any {
	root := map[string]any{}
	for key, value := range flat {
		parts := strings.Split(key, ".")
		m := root
		for _, part := range parts[:len(parts)-1] {
			if _, ok := m[part]; !ok {
				m[part] = map[string]any{}
			}
			m = m[part].(map[string]any)
		}
		m[parts[len(parts)-1]] = value
	}
	return root
}

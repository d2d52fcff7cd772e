package config

import (
	"os"
	"regexp"
	"strings"
)

const (
	envPrefix  = "PRANA_"
	fileSuffix = "_FILE"
	// secretFileLimit is far above any secret, and keeps a wrong path from being read whole.
	secretFileLimit = 64 << 10
)

// envAliases are variables that are not named after their key. An earlier layer never overrides a later one.
var envAliases = map[string]string{
	"PRANA_REDIS": "redis.url", // as the flag is called
}

// Kubernetes sets these for each of its services; one that is called prana-something looks like a setting of ours.
var (
	serviceName  = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)
	serviceValue = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// envLayer is what the variables say: values by key, and which variable each comes from.
type envLayer struct {
	names    map[string][]string // that the file declares, of each section whose names are the user's
	values   map[string]string
	origins  map[string]string
	problems Problems
}

// readEnv reads NAME=value pairs. Empty variables count as not set.
func readEnv(environ []string, names map[string][]string) envLayer {
	l := envLayer{names: names, values: map[string]string{}, origins: map[string]string{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || foreign(name, value) {
			continue
		}
		l.take(name, value)
	}
	return l
}

// foreign tells whether a variable is none of the configuration's.
func foreign(name, value string) bool {
	switch {
	case !strings.HasPrefix(name, envPrefix), name == "PRANA_CONFIG", strings.HasPrefix(name, "PRANA_TEST_"):
		return true
	case serviceName.MatchString(name):
		return true
	}
	return strings.HasSuffix(name, "_PORT") && serviceValue.MatchString(value)
}

func (l *envLayer) fail(p Problem) { l.problems = append(l.problems, p) }

func (l *envLayer) take(name, value string) {
	base, fromFile := strings.CutSuffix(name, fileSuffix)
	key := l.key(base)
	switch {
	case key == "" || fromFile && !isSecret(key):
		l.fail(Problem{Key: name, Origin: name, Message: didYouMean(name, variables())})
		return
	case l.origins[key] != "":
		l.fail(Problem{Key: key, Origin: name, Message: "is also set by " + l.origins[key] + ": remove one of them"})
		return
	}
	l.origins[key] = name
	if fromFile {
		value = l.readSecret(key, value)
	}
	l.values[key] = value
}

// key is the key that a variable sets, or "".
func (l *envLayer) key(name string) string {
	if key, ok := envAliases[name]; ok {
		return key
	}
	if secret, ok := strings.CutPrefix(name, "PRANA_SECRET_"); ok && secret != "" {
		return "secrets." + strings.ToLower(secret)
	}
	for _, key := range schema {
		if !strings.Contains(key, "*") && variable(key) == name {
			return key
		}
	}
	return l.namedKey(name)
}

// namedKey is the key of a section of names that a variable sets, or "". Some keys end like others: PREVIOUS_SECRET is
// that one, and no secret of a hook whose name ends in _PREVIOUS.
func (l *envLayer) namedKey(name string) string {
	found, longest := "", ""
	for _, key := range schema {
		section, last, isNamed := strings.Cut(key, ".*.")
		part, ok := strings.CutPrefix(name, variable(section)+"_")
		part, ok2 := strings.CutSuffix(part, "_"+strings.ToUpper(last))
		if isNamed && ok && ok2 && part != "" && len(last) > len(longest) {
			found, longest = section+"."+l.named(section, part)+"."+last, last
		}
	}
	return found
}

// named is the name that a part of a variable means: one that the file declares, where - is written _, else itself.
func (l *envLayer) named(section, part string) string {
	for _, name := range l.names[section] {
		if strings.ReplaceAll(strings.ToUpper(name), "-", "_") == part {
			return name
		}
	}
	return strings.ToLower(part)
}

// variable is the variable of a key.
func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func variables() []string {
	names := []string{"PRANA_REDIS", "PRANA_CONFIG"}
	for _, key := range schema {
		if strings.Contains(key, "*") {
			continue
		}
		names = append(names, variable(key))
		if isSecret(key) {
			names = append(names, variable(key)+fileSuffix)
		}
	}
	return names
}

// readSecret reads a file that holds nothing but the secret; the line's end does not belong to it.
func (l *envLayer) readSecret(key, path string) string {
	info, err := os.Stat(path)
	if err == nil && info.Size() > secretFileLimit {
		l.fail(Problem{Key: key, Origin: l.origins[key], Value: path, Message: "the file is larger than 64 KiB: that is no secret"})
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		l.fail(Problem{Key: key, Origin: l.origins[key], Message: "cannot be read: " + err.Error()})
	} else if len(strings.TrimSpace(string(text))) == 0 {
		l.fail(Problem{Key: key, Origin: l.origins[key], Value: path, Message: "the file is empty"})
	}
	return strings.TrimRight(string(text), "\r\n")
}

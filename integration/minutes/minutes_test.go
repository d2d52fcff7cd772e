// Package minutes lives through the first five minutes of a newcomer: twelve lines in a terminal, from a clone to a check of
// everything. It knows nothing of the program but what it prints, and is a module of its own because it needs nothing of it.
package minutes

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// root is the repository.
const root = "../.."

// TestFirstFiveMinutes runs the lines of testdata/minutes.txtar, each within its budget of time.
func TestFirstFiveMinutes(t *testing.T) {
	t.Parallel()
	partner := newPartner(t)
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/minutes.txtar"},
		Cmds:  commands,
		Setup: func(env *testscript.Env) error {
			prepare(env)
			return errors.Join(
				clone(root, filepath.Join(env.WorkDir, "prana")),
				setEnvironment(env, partner.URL),
			)
		},
	})
}

var commands = map[string]func(*testscript.TestScript, bool, []string){"line": line, "until": until, "listens": listens}

// prepare is what the commands need, and the logs of a script that failed.
func prepare(env *testscript.Env) {
	env.Values[budgetKey{}] = &budget{}
	env.T().(testing.TB).Cleanup(func() { showLogs(env) })
}

// setEnvironment gives the script what it cannot find out itself.
func setEnvironment(env *testscript.Env, partner string) error {
	redis, err := redisServer()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return err
	}
	values := strings.Split(string(caches), "\n")
	for name, value := range map[string]string{
		"GOCACHE": values[0], "GOMODCACHE": values[1], "GOPROXY": values[2],
		"GOFLAGS":    os.Getenv("GOFLAGS") + " -trimpath", // what one clone compiled serves the next
		"GOMAXPROCS": os.Getenv("GOMAXPROCS"),
		"HOME":       env.WorkDir, "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
		"REDIS_SERVER": redis, "REDIS_PORT": port, "PARTNER": partner,
		"PRANA_PORT": "0", "PRANA_EGRESS_PRIVATE": "always", // the partner is on this machine
	} {
		env.Setenv(name, value)
	}
	return nil
}

// redisServer is the program that the script starts.
func redisServer() (string, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		path, err = exec.LookPath("valkey-server")
	}
	if err != nil {
		return "", errors.New("no redis-server or valkey-server on PATH: install one (apt-get install redis-server)")
	}
	return path, nil
}

// freePort is one that nobody listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// showLogs prints what the processes of a script that failed have said.
func showLogs(env *testscript.Env) {
	t := env.T().(testing.TB)
	if !t.Failed() {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(env.WorkDir, "*.log")) // the pattern is right
	for _, file := range logs {
		text, _ := os.ReadFile(file)
		t.Logf("%s:\n%s", filepath.Base(file), text)
	}
}

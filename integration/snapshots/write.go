package snapshots

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine/flow"
)

// Freeze builds a commit of the repository in root, and gives what it stores.
func Freeze(ctx context.Context, root, commit string) (s Snapshot, err error) {
	dir, err := os.MkdirTemp("", "prana-freeze-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if s.Commit, err = run(ctx, root, "git", "rev-parse", "--short=8", commit); err != nil {
		return s, err
	}
	if s.About, err = run(ctx, root, "git", "log", "-1", "--format=%s", commit); err != nil {
		return s, err
	}
	binary, err := build(ctx, root, commit, dir)
	if err != nil {
		return s, err
	}
	r, err := localredis.Start(ctx, localredis.Options{})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	partner := NewPartner()
	defer partner.Close()
	if s.Executions, err = play(ctx, binary, dir, r.URL(), partner.URL); err != nil {
		return s, err
	}
	return s, s.take(ctx, r.URL(), partner.URL)
}

// build makes the binary of a commit.
func build(ctx context.Context, root, commit, dir string) (string, error) {
	tar, old, binary := filepath.Join(dir, "version.tar"), filepath.Join(dir, "version"), filepath.Join(dir, "prana")
	if _, err := run(ctx, root, "git", "archive", "-o", tar, commit); err != nil {
		return "", err
	}
	if err := os.Mkdir(old, 0o700); err != nil {
		return "", err
	}
	if _, err := run(ctx, old, "tar", "-xf", tar); err != nil {
		return "", err
	}
	_, err := run(ctx, old, "go", "build", "-o", binary, "./cmd/prana")
	return binary, err
}

func run(ctx context.Context, dir string, command ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, told.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// play runs the scenarios that a binary knows until all of them rest, and ends it in order.
func play(ctx context.Context, binary, dir, redis, partner string) (executions map[string][]string, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "dev", empty, "--redis", redis, "--port", port)
	cmd.Dir = empty
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "PRANA_EGRESS_PRIVATE=always", "PRANA_LOG_LEVEL=error")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait()) }()
	api := API{"http://127.0.0.1:" + port}
	if err := api.ready(ctx); err != nil {
		return nil, err
	}
	return api.beginAll(ctx, partner)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

func (a API) ready(ctx context.Context) error {
	for range 200 {
		if err := a.Do(ctx, http.MethodGet, "/healthz", "", "", nil); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the server does not answer")
}

// settling is how long nothing more should happen of itself.
const settling = 3 * time.Second

// beginAll begins what the version knows; it refuses the definitions of the rest.
func (a API) beginAll(ctx context.Context, partner string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	executions, known := map[string][]string{}, []Scenario{}
	for _, s := range Scenarios {
		ids, err := a.begin(ctx, s, partner)
		if r, ok := errors.AsType[refused](err); ok {
			fmt.Fprintf(os.Stderr, "%s is not known: %.300s\n", s.Name, r.body)
			if err := a.drop(ctx, ids); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		executions[s.Name], known = ids, append(known, s)
	}
	time.Sleep(settling)
	for _, s := range known {
		if s.Rests == "" {
			s.Rests = flow.Suspended
		}
		for _, id := range executions[s.Name] {
			if _, err := a.await(ctx, id, s.Rests); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return executions, nil
}

// drop ends what was started of a scenario that turned out to be unknown.
func (a API) drop(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := a.ask(ctx, Ask{"/v1/executions/ID:cancel", `{}`}, []string{id}, nil); err != nil {
			return err
		}
	}
	return nil
}

// take dumps the Redis, without the address of the partner.
func (s *Snapshot) take(ctx context.Context, url, partner string) error {
	c, err := app.Connect(url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // what was read is read
	now, err := c.Time(ctx).Result()
	if err != nil {
		return err
	}
	s.Written = now.UnixMilli()
	if s.Keys, err = Dump(ctx, c); err != nil {
		return err
	}
	for _, k := range s.Keys {
		for field, v := range k.Hash {
			k.Hash[field] = strings.ReplaceAll(v, partner, partnerName)
		}
	}
	return nil
}

// Package localredis starts a Redis of our own as a child process: the embedded default of prana dev and prana demo,
// and the real server of the tests. The child ends with its parent, even when that is killed.
package localredis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// closeGrace is how long Close waits for Redis to write its last commands and exit.
const closeGrace = 10 * time.Second

// ErrClosed is returned by Restart after Close.
var ErrClosed = errors.New("the embedded Redis is closed")

// Options says how to start. The zero value is an in-memory server on a unix socket that leaves nothing behind.
type Options struct {
	// Dir holds the data and the log, and is created when missing. One server at a time may use it.
	// Empty means a temporary directory, removed by Close.
	Dir string
	// Persist keeps an append-only file, written through to disk once a second. Without it a restart begins empty.
	Persist bool
	// Binary is the program to run. Empty means the one that Find finds.
	Binary string
	// TCP listens on a free port of 127.0.0.1 instead of a unix socket. There is no password: any local user can connect.
	TCP bool
}

// Server is a running child. All methods are safe for concurrent use.
type Server struct {
	binary  string
	persist bool
	dir     string // data and log
	runDir  string // the socket; short, temporary, ours alone
	network string
	locks   []*dirLock

	mu     sync.Mutex // guards what follows, and lets one Kill, Restart or Close run at a time
	addr   string
	child  *child
	closed bool
}

// Start runs a Redis and returns once it answers PING. While Redis reads a large data directory that can take long:
// ctx bounds the start, and nothing else. Errors wrap ErrNotFound (no usable program) or are a *LockedError.
func Start(ctx context.Context, o Options) (*Server, error) {
	binary, err := program(ctx, o.Binary)
	if err != nil {
		return nil, err
	}
	s := &Server{binary: binary, persist: o.Persist, network: "unix"}
	if o.TCP {
		s.network = "tcp"
	}
	if err := s.prepare(ctx, o.Dir); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	return s, nil
}

func program(ctx context.Context, binary string) (string, error) {
	if binary == "" {
		return Find(ctx)
	}
	return usable(ctx, binary)
}

// prepare makes and locks the directories.
func (s *Server) prepare(ctx context.Context, dir string) (err error) {
	removeAbandoned()
	if s.runDir, err = makeRunDir(); err != nil {
		return fmt.Errorf("making a temporary directory for the embedded Redis: %w", err)
	}
	if s.dir = s.runDir; dir != "" {
		if s.dir, err = filepath.Abs(dir); err != nil {
			return fmt.Errorf("finding the data directory %s: %w", dir, err)
		}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w (choose another with data_dir)", err)
	}
	if err := s.hold(ctx, s.dir); err != nil || s.dir == s.runDir {
		return err
	}
	return s.hold(ctx, s.runDir)
}

// hold locks one more directory until cleanUp.
func (s *Server) hold(ctx context.Context, dir string) error {
	lock, err := lockDir(ctx, dir)
	if err == nil {
		s.locks = append(s.locks, lock)
	}
	return err
}

// launch starts the child and waits for its PONG. The caller holds mu or is the only owner of s.
func (s *Server) launch(ctx context.Context) error {
	var err error
	for range 3 { // another process may take the free port before Redis does
		if s.child, err = s.tryLaunch(ctx); err == nil {
			return nil
		}
		if s.network == "unix" || ctx.Err() != nil {
			break
		}
		s.addr = ""
	}
	return fmt.Errorf("starting %s: %w", s.binary, err)
}

func (s *Server) tryLaunch(ctx context.Context) (*child, error) {
	if err := s.chooseAddr(); err != nil {
		return nil, err
	}
	c, err := startChild(s.binary, s.args(), s.logPath(), s.locks)
	if err != nil {
		return nil, err
	}
	if err := awaitPong(ctx, c, s.network, s.addr); err != nil {
		c.stop(0)
		return nil, fmt.Errorf("%w%s", err, logTail(s.logPath()))
	}
	return c, nil
}

// chooseAddr keeps the address across restarts, so that clients find the server again.
func (s *Server) chooseAddr() error {
	if s.addr != "" {
		return nil
	}
	if s.network == "unix" {
		s.addr = filepath.Join(s.runDir, "redis.sock")
		return nil
	}
	addr, err := freeAddr()
	s.addr = addr
	return err
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "redis.log") }

// Network is "unix" or "tcp", as net.Dial takes it.
func (s *Server) Network() string { return s.network }

// Addr is the path of the socket or host:port, as net.Dial takes it. It stays the same across Restart.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is the address as redis.ParseURL takes it: unix:///… or redis://127.0.0.1:….
func (s *Server) URL() string {
	if s.network == "unix" {
		return "unix://" + s.Addr()
	}
	return "redis://" + s.Addr()
}

// Dir is the absolute directory of data and log.
func (s *Server) Dir() string { return s.dir }

// Binary is the program that runs.
func (s *Server) Binary() string { return s.binary }

// Pid is the process id of Redis itself, also after it ended.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child.pid
}

// Done is closed when the running Redis has ended, for whatever reason. After Restart there is a new channel.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child.done
}

// Kill ends Redis by SIGKILL and returns when it is gone. Its data directory stays locked; Restart brings it back.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child.stop(0)
}

// Restart stops Redis in order, unless it has ended already, and starts it again on the same data and address.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.child.stop(closeGrace)
	old := s.child
	if err := s.launch(ctx); err != nil {
		s.child = old
		return err
	}
	return nil
}

// Close ends Redis by SIGTERM, after ten seconds by SIGKILL, and removes what was temporary. Closing twice is harmless.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.child.stop(closeGrace)
	return s.cleanUp()
}

func (s *Server) cleanUp() error {
	for _, lock := range s.locks {
		lock.release()
	}
	if s.runDir == "" {
		return nil
	}
	return os.RemoveAll(s.runDir)
}

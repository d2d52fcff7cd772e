package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/fuzztest"
)

// FuzzFile: a configuration file is read, or everything that is wrong with it is said, each with its place; a secret is never told.
func FuzzFile(f *testing.F) {
	for _, text := range []string{
		"", "# nothing\n", "port: 8080\nredis: {url: \"redis://h:1/2\"}\n", "hooks:\n  shop: {event: paid, secrets: [" + longSecret + "], scheme: github}\n",
		"secrets: {key: abc}\nstreams:\n  orders: {stream: s, group: g, event: e}\n", "port: [1]\n", "x: 1\nX: 2\n", "worker: &a {concurrency: 3}\nretention: *a\n", "a: &a [*a]\n", "- 1\n", "port: 1\nport: 2\n",
		"limits: {payload: 1MiB}\nlog: {level: debug}\n", "\xff", "port: !!binary aGk=\n", "? {a: b}\n: c\n", "<<: {port: 1}\n", "redis: unix\n",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, fileName)
		write(t, path, text)
		fuzztest.Cheap(t, func() {
			_, err := Load(Options{File: path, Environ: []string{"PATH=/bin"}})
			if err == nil {
				return
			}
			found, ok := errors.AsType[Problems](err)
			if !ok || len(found) == 0 {
				t.Fatalf("the error is %T", err)
			}
			for _, p := range found {
				if p.Message == "" {
					t.Errorf("%+v says nothing", p)
				}
			}
		})
	})
}

// FuzzBytes: a size is written as it is read.
func FuzzBytes(f *testing.F) {
	for _, s := range []string{"0", "4096", "256KiB", "1 MiB", "8589934592GiB", "-1", "B", "9223372036854775807B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseBytes(s)
		if err != nil {
			return
		}
		if again, err := ParseBytes(n.String()); err != nil || again != n || n < 0 {
			t.Errorf("%q is %d, written as %q, which is %d, %v", s, n, n, again, err)
		}
	})
}

// FuzzRedisURL: nothing of a password shows, whatever the URL.
func FuzzRedisURL(f *testing.F) {
	f.Add("redis://u:", "@h:1/2")
	f.Add("redis-sentinel://:", "@a:1,b:2/m")
	f.Add("unix://:", "@/run/x")
	f.Add("rediss://u:@", "@[::1]:1?x=@")
	f.Fuzz(func(t *testing.T, before, after string) {
		const password = "P4SSW0RD"
		url := before + password + after
		fuzztest.Cheap(t, func() {
			if checkRedisURL(url) != nil || !strings.Contains(authority(url[strings.Index(url, "://")+3:]), password+"@") {
				return
			}
			if strings.Contains(RedactURL(url), password) {
				t.Errorf("%q is told as %q", url, RedactURL(url))
			}
		})
	})
}

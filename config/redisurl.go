package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// Miniredis is the Redis.URL of a Redis in memory.
const Miniredis = "miniredis"

const redisForms = "must be redis://HOST:PORT/DB, rediss://…, unix:///PATH, redis-sentinel://HOST:PORT,HOST:PORT/MASTER, " +
	"redis-cluster://HOST:PORT,HOST:PORT, miniredis, or empty for the embedded one"

var redisSchemes = []string{"redis", "rediss", "unix", "redis-sentinel", "redis-cluster"}

// checkRedisURL accepts what the client can use, as far as that shows without connecting.
func checkRedisURL(url string) error {
	if url == "" || url == Miniredis {
		return nil
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || !slices.Contains(redisSchemes, scheme) {
		return fmt.Errorf("%s", redisForms)
	}
	hosts := rest[strings.LastIndexByte(authority(rest), '@')+1 : len(authority(rest))]
	if scheme == "unix" {
		if !strings.HasPrefix(rest[len(hosts):], "/") && !strings.Contains(rest, "@/") {
			return fmt.Errorf("must name an absolute path: unix:///run/redis.sock")
		}
		return nil
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if err := checkHost(host); err != nil {
			return err
		}
	}
	return nil
}

// authority is the part before the path or the query.
func authority(rest string) string {
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[:i]
	}
	return rest
}

func checkHost(hostport string) error {
	host := hostport
	if h, port, err := net.SplitHostPort(hostport); err == nil {
		host = h
		if _, err := net.LookupPort("tcp", port); err != nil {
			return fmt.Errorf("port %q is no port", port)
		}
	}
	if host == "" || strings.ContainsAny(host, " @") {
		return fmt.Errorf("names no host; it %s", redisForms)
	}
	return nil
}

// RedactURL hides the user and password of a URL, for logs and messages. It also takes lists of hosts.
func RedactURL(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	at := strings.LastIndexByte(authority(rest), '@')
	if at < 0 {
		return url
	}
	return scheme + "://" + redacted + rest[at:]
}

// Redacted is the URL without user and password.
func (r Redis) Redacted() string { return RedactURL(r.URL) }

// String is Redacted, so that a log of the struct shows no password.
func (r Redis) String() string { return r.Redacted() }

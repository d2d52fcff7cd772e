package tasks

import "strings"

// AsynqVersion is the release whose keys, scripts and message format this
// package relies on. TestAsynqVersion fails when another one is built in.
const AsynqVersion = "v0.26.0"

// What a script of asynq does, as far as its keys tell.
type script int

const (
	other   script = iota
	dequeue        // pops a task
	forward        // moves scheduled or retried tasks that are due
	settle         // acknowledges, completes, retries or archives a task
)

// Names of asynq's keys behind "asynq:{queue}:". A task's own key is matched by its prefix.
var shapes = []struct {
	kind  script
	exact bool // no keys follow
	names []string
}{
	{dequeue, true, []string{"pending", "paused", "active", "lease"}},
	{forward, true, []string{"scheduled", "pending"}},
	{forward, true, []string{"retry", "pending"}},
	{settle, false, []string{"active", "lease", "t:", "processed:"}},
	{settle, false, []string{"active", "lease", "completed", "t:"}},
	{settle, false, []string{"t:", "active", "lease", "retry"}},
	{settle, false, []string{"t:", "active", "lease", "archived"}},
}

// recognise tells what the script with these keys does, and to which queue. It is asked for every command of asynq's.
func recognise(keys []string) (script, string) {
	if len(keys) < 2 {
		return other, ""
	}
	queue, prefix, ok := queueOf(keys[0])
	if !ok {
		return other, ""
	}
	for _, s := range shapes {
		if len(keys) == len(s.names) || !s.exact && len(keys) > len(s.names) {
			if matches(prefix, keys, s.names) {
				return s.kind, queue
			}
		}
	}
	return other, ""
}

// queueOf gives the queue of a key of asynq's, and what all keys of that queue begin with.
func queueOf(key string) (queue, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(key, "asynq:{")
	if !ok {
		return "", "", false
	}
	queue, name, ok := strings.Cut(rest, "}:")
	return queue, key[:len(key)-len(name)], ok
}

func matches(prefix string, keys, names []string) bool {
	for i, name := range names {
		rest, ok := strings.CutPrefix(keys[i], prefix)
		if !ok || rest != name && !(strings.HasSuffix(name, ":") && strings.HasPrefix(rest, name)) {
			return false
		}
	}
	return true
}

// taskKey is the key of the task among those of a script.
func taskKey(keys []string) string {
	for _, k := range keys {
		if _, prefix, ok := queueOf(k); ok && strings.HasPrefix(k[len(prefix):], "t:") {
			return k
		}
	}
	return ""
}

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

// recognise tells what the script with these keys does, and to which queue.
func recognise(keys []string) (script, string) {
	if len(keys) < 2 {
		return other, ""
	}
	queue, ok := queueOf(keys[0])
	if !ok {
		return other, ""
	}
	for _, s := range shapes {
		if len(keys) == len(s.names) || !s.exact && len(keys) > len(s.names) {
			if matches(queue, keys, s.names) {
				return s.kind, queue
			}
		}
	}
	return other, ""
}

func queueOf(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, "asynq:{")
	if !ok {
		return "", false
	}
	queue, _, ok := strings.Cut(rest, "}:")
	return queue, ok
}

func matches(queue string, keys, names []string) bool {
	for i, name := range names {
		want := queueKey(queue, name)
		if keys[i] != want && !(strings.HasSuffix(name, ":") && strings.HasPrefix(keys[i], want)) {
			return false
		}
	}
	return true
}

// taskKey is the key of the task among those of a script.
func taskKey(queue string, keys []string) string {
	prefix := queueKey(queue, "t:")
	for _, k := range keys {
		if strings.HasPrefix(k, prefix) {
			return k
		}
	}
	return ""
}

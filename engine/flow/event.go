package flow

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Event is something that happened outside, offered to the waits that match it.
type Event struct {
	ID   string          // counts once; made by us when the sender gives none
	Type string          // 1..128 characters
	Data json.RawMessage // a JSON value, usually an object
	// TTL is how long it is kept for a wait that registers later; 0 = the default (one hour), negative = not kept.
	TTL time.Duration
	// Keep keeps it for later waits even when it resolved some.
	Keep bool
	// Limit is how many waits it may resolve; 0 = all.
	Limit int
	Trace map[string]string
	At    time.Time // of the store's clock; set when it is read back
}

// Subscription is what a wait asks of an event: its type, and equality on paths
// of its data.
type Subscription struct {
	Type   string
	Filter map[string]any // path -> value; both sides compared as canonical JSON
	// Match names the parameter of the waiting node that decides in the end: an expression over $event, evaluated in Go; empty = none.
	Match string
	// Takers is how many waits of this very subscription may take one event: 0 = all that stand when it comes, and one of those
	// that come later; AllTakers = those too, while it is kept; N = N, whenever they come.
	Takers int
}

// AllTakers is the Takers of a subscription that leaves a kept event to others.
const AllTakers = -1

// takersMark stands in a shape between the paths and how many takers there may be, unless that is 0.
const takersMark = "\x01"

// Shape is the sorted list of the filter's paths, joined by NUL, and how many may take an event: events are
// looked up once for each shape that a type has.
func (s Subscription) Shape() string {
	shape := s.FilterShape()
	if s.Takers != 0 {
		shape += takersMark + strconv.Itoa(s.Takers)
	}
	return shape
}

// FilterShape is the Shape without how many may take an event: the paths alone.
func (s Subscription) FilterShape() string { return strings.Join(s.paths(), "\x00") }

// FilterKey is the Key of the subscription of the same filter that says nothing of takers.
func (s Subscription) FilterKey() string {
	s.Takers = 0
	return s.Key()
}

// Group names the waits that share places of an event: "" = those that say nothing, "*" = those that leave it to others,
// "N:key" = those of this very subscription, of whom N may take it.
func (s Subscription) Group() string { return GroupOf(s.Shape(), s.Key()) }

// GroupOf is the Group of the subscriptions of that shape and key.
func GroupOf(shape, key string) string {
	_, takers, limited := strings.Cut(shape, takersMark)
	switch {
	case !limited:
		return ""
	case takers == strconv.Itoa(AllTakers):
		return "*"
	}
	return takers + ":" + key
}

// Places is how many of a group may take one event: 0 = all of them.
func Places(group string) int {
	n, _, _ := strings.Cut(group, ":")
	places, _ := strconv.Atoi(n)
	return places
}

// Key is where the index keeps this subscription: a digest of the type, the shape and the values.
func (s Subscription) Key() string {
	values := make([]string, 0, len(s.Filter))
	for _, p := range s.paths() {
		values = append(values, canonical(s.Filter[p]))
	}
	return subscriptionKey(s.Type, s.Shape(), values)
}

func (s Subscription) paths() []string {
	paths := make([]string, 0, len(s.Filter))
	for p := range s.Filter {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return paths
}

// KeyFor is the Key of the subscriptions of that shape that the data satisfies,
// and whether the data has every path at all.
func KeyFor(eventType, shape string, data any) (string, bool) {
	var values []string
	for _, p := range SplitShape(shape) {
		v, ok := Lookup(data, p)
		if !ok {
			return "", false
		}
		values = append(values, canonical(v))
	}
	return subscriptionKey(eventType, shape, values), true
}

// SplitShape gives the paths of a shape.
func SplitShape(shape string) []string {
	shape, _, _ = strings.Cut(shape, takersMark)
	if shape == "" {
		return nil
	}
	return strings.Split(shape, "\x00")
}

// Matches tells whether the data satisfies the filter.
func (s Subscription) Matches(data any) bool {
	key, ok := KeyFor(s.Type, s.Shape(), data)
	return ok && key == s.Key()
}

// Misses lists the clauses of the filter that the data does not satisfy, by path.
func (s Subscription) Misses(data any) []Mismatch {
	var all []Mismatch
	for _, p := range s.paths() {
		got, ok := Lookup(data, p)
		if ok && canonical(got) == canonical(s.Filter[p]) {
			continue
		}
		m := Mismatch{Path: p, Want: json.RawMessage(canonical(s.Filter[p]))}
		if ok {
			m.Got = json.RawMessage(canonical(got))
		}
		all = append(all, m)
	}
	return all
}

func subscriptionKey(eventType, shape string, values []string) string {
	h := sha256.New()
	for _, part := range append([]string{eventType, shape}, values...) {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15])
}

// Lookup follows a path such as "order.items[0].id" or "order.items.0.id".
// ok is false when something on the way is missing.
func Lookup(data any, path string) (any, bool) {
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch t := data.(type) {
		case map[string]any:
			v, ok := t[part]
			if !ok {
				return nil, false
			}
			data = v
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(t) {
				return nil, false
			}
			data = t[i]
		default:
			return nil, false
		}
	}
	return data, true
}

// canonical is one text for equal JSON values: object keys sorted, 1 and 1.0 the
// same, numbers to their last digit.
func canonical(v any) string {
	if text, ok := NumberText(v); ok {
		return text
	}
	switch t := v.(type) {
	case []any:
		parts := make([]string, len(t))
		for i, e := range t {
			parts[i] = canonical(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		return canonicalObject(t)
	}
	raw, err := Encode(v)
	if err != nil {
		return "?"
	}
	return string(raw)
}

func canonicalObject(m map[string]any) string {
	parts := make([]string, 0, len(m))
	for k, v := range m {
		name, _ := json.Marshal(k)
		parts = append(parts, string(name)+":"+canonical(v))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

// TooManyEvents refuses an event that would be kept beside as many others of its type as may be.
func TooManyEvents(eventType string, most int) *Problem {
	p := Problemf(ErrTooManyEvents.Code, "%d events of type %q are kept already; have them consumed, or publish with ttl_ms 0, so that it is not kept", most, Cut(eventType, 128))
	p.Permanent = true
	return p
}

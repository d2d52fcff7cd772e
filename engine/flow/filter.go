package flow

import (
	"regexp"
	"strings"
	"time"
)

// Bounds of what executions are found by.
const (
	MaxTags      = 32  // of one execution
	MaxTagName   = 64  // bytes
	MaxTagValue  = 256 // bytes
	MaxErrorText = 256 // bytes of the text that is looked for in errors
)

var idPrefix = regexp.MustCompile(`^[0-9A-Za-z]{1,26}$`)

// CheckTags refuses tags beyond their bounds.
func CheckTags(tags map[string]string) error {
	if len(tags) > MaxTags {
		return Problemf(ErrInvalid.Code, "there are %d tags; at most %d are allowed", len(tags), MaxTags)
	}
	for name, value := range tags {
		switch {
		case name == "":
			return Problemf(ErrInvalid.Code, "a tag has no name; its value is %q", Cut(value, MaxTagName))
		case strings.Contains(name, "="):
			return Problemf(ErrInvalid.Code, "the name of tag %q has a =, by which nothing could find it: name=value is split at the first one", Cut(name, MaxTagName))
		case len(name) > MaxTagName:
			return Problemf(ErrInvalid.Code, "the name of tag %q has %d bytes; at most %d are allowed", Cut(name, MaxTagName), len(name), MaxTagName)
		case len(value) > MaxTagValue:
			return Problemf(ErrInvalid.Code, "the value of tag %q has %d bytes; at most %d are allowed", name, len(value), MaxTagValue)
		}
	}
	return nil
}

// Check refuses a filter that asks for something that cannot be: what no id begins with, tags or an error text beyond their bounds, or a
// text without words.
func (f ExecutionFilter) Check() error {
	switch {
	case f.Prefix != "" && !idPrefix.MatchString(f.Prefix):
		return Problemf(ErrInvalid.Code, "no id of an execution begins with %q", Cut(f.Prefix, 40))
	case len(f.Error) > MaxErrorText:
		return Problemf(ErrInvalid.Code, "the error text has %d bytes; at most %d are looked for", len(f.Error), MaxErrorText)
	case f.Error != "" && len(Words(f.Error)) == 0:
		return Problemf(ErrInvalid.Code, "the error text %q has no word; give words of the code or the message", f.Error)
	case len(Words(f.Error)) > firstWords+lastWords:
		return Problemf(ErrInvalid.Code, "the error text has %d words; at most %d are looked for", len(Words(f.Error)), firstWords+lastWords)
	}
	return CheckTags(f.Tags)
}

// ByStatus tells whether the list is in the order of the time since when executions have their status, not of their creation.
// An error comes with a status.
func (f ExecutionFilter) ByStatus() bool { return f.Status != "" || f.Error != "" }

// Within tells whether a time that the list is in the order of is asked for.
func (f ExecutionFilter) Within(t time.Time) bool { return within(t, f.Since, f.Until) }

// Keeps tells whether an execution is one of those by all but its time.
func (f ExecutionFilter) Keeps(x Summary) bool {
	return (f.ID == "" || f.ID == x.ID) && strings.HasPrefix(x.ID, f.Prefix) &&
		(f.Status == "" || f.Status == x.Status) &&
		(f.Workflow == "" || f.Workflow == x.Workflow) &&
		(f.Parent == "" || f.Parent == x.ParentID) &&
		tagged(x.Tags, f.Tags) &&
		(f.Error == "" || x.Status.Over() && x.Error.Says(f.Error))
}

func tagged(tags, want map[string]string) bool {
	for name, value := range want {
		if got, ok := tags[name]; !ok || got != value {
			return false
		}
	}
	return true
}

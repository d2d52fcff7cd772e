package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxStreams bounds the connections that a process keeps for reading: one for each stream.
const maxStreams = 32

var (
	streamKey   = regexp.MustCompile(`^[^\s\x00-\x1f]{1,200}$`)
	streamGroup = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)
)

func (v *validator) streams(all map[string]Stream) {
	v.require(len(all) <= maxStreams, "streams", "", fmt.Sprintf("there are %d; at most %d can be read", len(all), maxStreams))
	seen := map[[2]string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s, key := all[name], "streams."+name
		v.stream(key, s)
		same := [2]string{s.Stream, s.Group}
		v.require(seen[same] == "", key+".group", s.Group, "also reads this stream for "+seen[same]+", and a group hands each entry to one reader: choose another group")
		seen[same] = key
	}
}

func (v *validator) stream(key string, s Stream) {
	v.require(namePattern.MatchString(lastPart(key)), key, "", nameRule)
	v.require(streamKey.MatchString(s.Stream), key+".stream", s.Stream, "must be the key of a stream: 1 to 200 bytes without spaces")
	v.require(!ours(s.Stream), key+".stream", s.Stream, "is a key of prana or asynq: other services write to a stream of their own")
	v.require(streamGroup.MatchString(s.Group), key+".group", s.Group, "has 1 to 64 letters, digits, -, _, dots and colons, and begins with a letter or a digit")
	v.oneOf(key+".from", s.From, "beginning", "end")
	v.require(s.Event == "" || s.Workflow == "", key, "", "must have at most one of event (to publish) and workflow (to start); with neither, the entry's field type is the event's")
	v.require(utf8.RuneCountInString(s.Event) <= 128, key+".event", s.Event, "has at most 128 characters")
	v.require(s.Data != "", key+".data", "", "must name a field")
	v.require(s.ID != "", key+".id", "", "must name a field")
}

// ours tells whether a key belongs to what we keep in Redis.
func ours(key string) bool {
	return strings.HasPrefix(key, "prana:") || strings.HasPrefix(key, "{prana-") || strings.HasPrefix(key, "asynq:")
}

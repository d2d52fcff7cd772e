package suspend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// Bounds of a list of results as it is read, beyond what the engine lets one become. Only a hash that no commit wrote goes
// beyond them: it is an error of that execution, not the end of whoever reads it.
const (
	maxGathered = 64 << 20 // bytes
	maxNested   = 100      // lists in lists
	maxChain    = 100      // fields that are the same as the next
)

var errGathered = errors.New("a list of results is longer, larger or deeper than any that is written")

// values follows the values of a reading. A list of results is made once, whoever refers to it.
type values struct {
	fields map[string]string
	lists  map[string]json.RawMessage // "step,count" -> the list
}

// follow gives a value, through whatever it is the same as.
func (vs values) follow(text string) (json.RawMessage, error) {
	value, err := vs.within(text, maxNested)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", flow.Cut(text, 40), err)
	}
	return value, nil
}

// within gives a value in which lists are nested at most so deep.
func (vs values) within(text string, deep int) (json.RawMessage, error) {
	text = vs.origin(text)
	results, ok := strings.CutPrefix(text, "@*")
	if !ok {
		return json.RawMessage(text), nil
	}
	if list, known := vs.lists[results]; known {
		return list, nil
	}
	list, err := vs.gather(results, deep)
	if err == nil {
		vs.lists[results] = list
	}
	return list, err
}

// origin gives the text that a value is the same as in the end.
func (vs values) origin(text string) string {
	for range maxChain {
		ref, same := strings.CutPrefix(text, "@")
		if !same || strings.HasPrefix(ref, "*") {
			return text
		}
		text = vs.fields[ref]
	}
	return ""
}

// gather makes one list of the results of parts, from "step,count". A result that is missing is null.
func (vs values) gather(results string, deep int) (json.RawMessage, error) {
	name, count, _ := strings.Cut(results, ",")
	step, err1 := flow.ParseStepID(name)
	n, err2 := strconv.Atoi(count)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if n < 0 || n > maxGathered/2 || deep == 0 { // the least that a result takes is a digit and a comma
		return nil, errGathered
	}
	out := []byte{'['}
	for i := range n {
		result, err := vs.within(vs.fields[string(flow.ResultRef(step, i))], deep-1)
		switch {
		case err != nil:
			return nil, err
		case len(out)+len(result) > maxGathered:
			return nil, errGathered
		case len(result) == 0:
			result = []byte("null")
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, result...)
	}
	return append(out, ']'), nil
}

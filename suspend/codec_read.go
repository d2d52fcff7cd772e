package suspend

import (
	"strconv"
	"strings"

	"prana/engine/flow"
)

// Most steps are written by appendPlainStep, and so they are read: in its order, and without a search for names. Whatever stands
// there that it does not write is left to encoding/json.

// readPlainStep reads the JSON of a step as appendPlainStep writes it; false = it is another.
func readPlainStep(body string) (st storedStep, ok bool) {
	r := plainReader{rest: body}
	r.expect(`{"s":`)
	st.Status = flow.StepStatus(r.text())
	r.expect(`,"o":`)
	st.Op = r.text()
	st.Owner = r.name(`,"u":`)
	st.Index = int(r.count(`,"l":`))
	st.Turn = int(r.count(`,"n":`))
	st.Inputs = r.arrivals()
	st.Port = r.name(`,"p":`)
	st.Created, st.Started, st.Ended = r.count(`,"c":`), r.count(`,"b":`), r.count(`,"z":`)
	if r.skip(`,"m":`) {
		st.Ran = new(r.number())
	}
	st.Place = r.name(`,"k":`)
	st.Emitted = int(r.count(`,"q":`))
	r.expect(`}`)
	return st, !r.lost && r.rest == ""
}

// plainReader reads from the front of a text, until it meets something else than it expects.
type plainReader struct {
	rest string
	lost bool
}

// skip passes over a text, if it stands there.
func (r *plainReader) skip(text string) bool {
	rest, there := strings.CutPrefix(r.rest, text)
	r.rest = rest
	return there
}

func (r *plainReader) expect(text string) {
	if !r.skip(text) {
		r.lost = true
	}
}

// name reads the text of a member that is left out when it is empty.
func (r *plainReader) name(before string) string {
	if !r.skip(before) {
		return ""
	}
	return r.text()
}

// count reads the number of a member that is left out when it is 0.
func (r *plainReader) count(before string) int64 {
	if !r.skip(before) {
		return 0
	}
	return r.number()
}

// text reads a string without anything to be unescaped.
func (r *plainReader) text() string {
	r.expect(`"`)
	for i := range len(r.rest) {
		switch c := r.rest[i]; {
		case c == '"':
			text := r.rest[:i]
			r.rest = r.rest[i+1:]
			return text
		case c < ' ' || c > '~' || c == '\\':
			r.lost = true
			return ""
		}
	}
	r.lost = true
	return ""
}

// number reads an integer as JSON has it: nothing stands in front of its first digit but a minus.
func (r *plainReader) number() int64 {
	end := 0
	for end < len(r.rest) && (r.rest[end] >= '0' && r.rest[end] <= '9' || end == 0 && r.rest[0] == '-') {
		end++
	}
	text := r.rest[:end]
	n, err := strconv.ParseInt(text, 10, 64)
	digits := strings.TrimPrefix(text, "-")
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		r.lost = true
	}
	r.rest = r.rest[end:]
	return n
}

func (r *plainReader) arrivals() []storedArrival {
	if !r.skip(`,"i":[`) {
		return nil
	}
	var in []storedArrival
	for {
		in = append(in, r.arrival())
		if r.lost || !r.skip(`,`) {
			break
		}
	}
	r.expect(`]`)
	return in
}

func (r *plainReader) arrival() storedArrival {
	r.expect(`{"e":`)
	a := storedArrival{Edge: int(r.number()), Port: r.name(`,"p":`), Ref: r.name(`,"r":`), Aside: r.skip(`,"a":true`)}
	r.expect(`}`)
	return a
}

package suspend

import (
	"encoding/json"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// What is written most is read by hand: its members in the order in which they are written, without a search for names. Whatever
// else stands there is left to encoding/json.

// orJSON reads what was not read by hand.
func orJSON[T any](plain bool, body string, into *T) error {
	if plain {
		return nil
	}
	*into = *new(T)
	return json.Unmarshal([]byte(body), into)
}

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
	st.Inputs = r.arrivals(`,"i":[`)
	st.Port = r.name(`,"p":`)
	st.Wait, st.Resumed = r.wait(), r.resumption()
	st.Created, st.Started, st.Ended = r.count(`,"c":`), r.count(`,"b":`), r.count(`,"z":`)
	if r.skip(`,"m":`) {
		st.Ran = new(r.number())
	}
	st.Place = r.name(`,"k":`)
	st.Emitted = int(r.count(`,"q":`))
	return st, r.ends()
}

// wait reads the wait of a step, unless it is one for an event or a child.
func (r *plainReader) wait() *storedWait {
	if !r.skip(`,"w":{"t":`) {
		return nil
	}
	w := &storedWait{Type: r.text(), Data: r.object(`,"d":`), Timer: r.skip(`,"k":true`)}
	w.In, w.Due = r.given(`,"i":`), r.given(`,"u":`)
	w.Since, w.Began, w.First = r.count(`,"s":`), r.count(`,"q":`), int(r.count(`,"f":`))
	r.expect(`}`)
	return w
}

// resumption reads how the wait of a step ended, unless it was with an error.
func (r *plainReader) resumption() *storedResumption {
	if !r.skip(`,"r":{"b":`) {
		return nil
	}
	e := &storedResumption{By: r.text(), At: r.count(`,"a":`), Actor: r.name(`,"p":`), Turn: int(r.count(`,"n":`)), First: int(r.count(`,"f":`))}
	e.Op, e.Event = r.name(`,"o":`), r.name(`,"v":`)
	e.Wait, e.Since = r.object(`,"w":`), r.count(`,"s":`)
	r.expect(`}`)
	return e
}

// readPlainHead reads the JSON of the head of an execution that somebody started who named neither tags nor queue; false = it is another.
func readPlainHead(body string) (st storedHead, ok bool) {
	r := plainReader{rest: body}
	r.expect(`{"w":`)
	st.Workflow = r.text()
	r.expect(`,"v":`)
	st.Version = r.text()
	st.StartID = r.name(`,"s":`)
	st.Timeout = r.count(`,"o":`)
	st.From = r.name(`,"f":`)
	return st, r.ends()
}

// readPlainFront reads the JSON of a front in which no join is open and nothing unusual is under way; false = it is another.
func readPlainFront(body string) (st storedFront, ok bool) {
	r := plainReader{rest: body}
	r.expect(`{"s":`)
	st.Status = flow.Status(r.text())
	st.Live = r.live()
	if r.skip(`,"n":`) {
		st.InParts = r.counts()
	}
	if r.skip(`,"e":{`) {
		st.Ends = map[int]int{}
		r.members(func(n int) { st.Ends[n] = int(r.number()) })
	}
	return st, r.ends()
}

// readPlainFan reads the JSON of a fan.
func readPlainFan(body string) (st storedFan, ok bool) {
	r := plainReader{rest: body}
	r.expect(`{"t":`)
	st.Items = int(r.number())
	r.expect(`,"n":`)
	st.Next = int(r.number())
	st.Alive, st.Came, st.Over = int(r.count(`,"a":`)), int(r.count(`,"c":`)), int(r.count(`,"o":`))
	r.expect(`,"d":`)
	st.Need = int(r.number())
	r.expect(`,"w":`)
	st.Width = int(r.number())
	st.Emit, st.Port = r.name(`,"m":`), r.name(`,"p":`)
	st.Lenient, st.Discard = r.skip(`,"k":true`), r.skip(`,"x":true`)
	st.Bytes = int(r.count(`,"b":`))
	return st, r.ends()
}

// readPlainPart reads the JSON of a part in which no join is open; false = it is another.
func readPlainPart(body string) (st storedPart, ok bool) {
	r := plainReader{rest: body}
	r.expect(`{"i":`)
	st.Index = int(r.number())
	st.Live = r.live()
	st.Came = r.skip(`,"c":true`)
	st.Back = r.arrivals(`,"b":[`)
	if r.skip(`,"a":{`) {
		st.Last = map[int]int{}
		r.members(func(n int) { st.Last[n] = int(r.number()) })
	}
	return st, r.ends()
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

// ends tells whether an object ends, and nothing comes after it.
func (r *plainReader) ends() bool { return r.skip(`}`) && !r.lost && r.rest == "" }

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

// given reads a number that may be left out; nil = it is.
func (r *plainReader) given(before string) *int64 {
	if !r.skip(before) {
		return nil
	}
	return new(r.number())
}

// object reads an object as it stands, if it is there.
func (r *plainReader) object(before string) json.RawMessage {
	if !r.skip(before) {
		return nil
	}
	end := objectEnd(r.rest)
	raw := json.RawMessage(r.rest[:end])
	r.rest = r.rest[end:]
	if !json.Valid(raw) {
		r.lost = true
	}
	return raw
}

// objectEnd gives where the object ends with which a text begins; 0 = it begins with none, or that has no end.
func objectEnd(text string) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth == 0 {
			return i + min(1, i)
		}
	}
	return 0
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

// members reads the members of an object whose names are numbers, to its end.
func (r *plainReader) members(value func(name int)) {
	for {
		r.expect(`"`)
		name := r.number()
		r.expect(`":`)
		value(int(name))
		if r.lost || !r.skip(`,`) {
			break
		}
	}
	r.expect(`}`)
}

// live reads how many steps of each node live.
func (r *plainReader) live() map[int][]int {
	if !r.skip(`,"l":{`) {
		return nil
	}
	live := map[int][]int{}
	r.members(func(n int) { live[n] = r.counts() })
	return live
}

// counts reads a list of at least one number, or null.
func (r *plainReader) counts() []int {
	if r.skip(`null`) {
		return nil
	}
	r.expect(`[`)
	list := make([]int, 0, 3)
	for {
		list = append(list, int(r.number()))
		if r.lost || !r.skip(`,`) {
			break
		}
	}
	r.expect(`]`)
	return list
}

func (r *plainReader) arrivals(before string) []storedArrival {
	if !r.skip(before) {
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

package suspend

import (
	"strconv"

	"prana/engine/flow"
)

// Most steps and fronts have few fields. These are written by hand, byte for byte as the stored forms are by encoding/json, which
// takes a fifth of the whole cost of a step otherwise. Whatever has more to tell is left to the stored forms.

// appendPlainFront appends the JSON of a front in which at most one node lives outside of parts, and one path ended; false = it is another.
func appendPlainFront(b []byte, f *flow.Front) ([]byte, bool) {
	rare := len(f.Live) > 1 || len(f.Ends) > 1 || len(f.Joins) > 0 || len(f.Ready) > 0 || f.Generation != 0 ||
		len(f.Retries) > 0 || f.Stood != 0 || f.Undo != nil || len(f.Inbox) > 0 || f.Ending != nil || f.Pause != nil || f.Closes
	if rare {
		return b, false
	}
	b = flow.AppendText(append(b, `{"s":`...), string(f.Status))
	for n, l := range f.Live {
		b = append(appendLive(appendMember(b, `,"l":{`, n), l), '}')
	}
	if f.InParts != (flow.Live{}) {
		b = appendLive(append(b, `,"n":`...), f.InParts)
	}
	for n, run := range f.Ends {
		b = append(strconv.AppendInt(appendMember(b, `,"e":{`, n), int64(run), 10), '}')
	}
	return append(b, '}'), true
}

func appendMember(b []byte, before string, n int) []byte {
	b = strconv.AppendInt(append(append(b, before...), '"'), int64(n), 10)
	return append(b, `":`...)
}

func appendLive(b []byte, l flow.Live) []byte {
	counts := encodeLive(l)
	if counts == nil {
		return append(b, `null`...)
	}
	b = append(b, '[')
	for i, n := range counts {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

// appendPlainPart appends the JSON of a part in which at most one node lives, and one completed last; false = it is another.
func appendPlainPart(b []byte, p *flow.Part) ([]byte, bool) {
	if len(p.Live) > 1 || len(p.Joins) > 0 || len(p.Back) > 0 || len(p.Last) > 1 {
		return b, false
	}
	b = strconv.AppendInt(append(b, `{"i":`...), int64(p.Index), 10)
	for n, l := range p.Live {
		b = append(appendLive(appendMember(b, `,"l":{`, n), l), '}')
	}
	if p.Came {
		b = append(b, `,"c":true`...)
	}
	for n, run := range p.Last {
		b = append(strconv.AppendInt(appendMember(b, `,"a":{`, n), int64(run), 10), '}')
	}
	return append(b, '}'), true
}

// appendPlainStep appends the JSON of a step that neither waited nor failed and starts nothing; false = it is another.
func appendPlainStep(b []byte, s *flow.Step, op string) ([]byte, bool) {
	rare := s.Below != nil || s.Error != nil || s.Wait != nil || s.Resumed != nil || len(s.Attempts) > 0 || len(s.Children) > 0 ||
		len(s.Trace) > 0 || s.Was != "" || s.Kept || s.Attempt != 0 || s.Deaths != 0
	if rare {
		return b, false
	}
	b = flow.AppendText(append(b, `{"s":`...), string(s.Status))
	b = flow.AppendText(append(b, `,"o":`...), op)
	if s.Of != nil {
		b = appendName(b, `,"u":`, s.Of.Owner.String())
		b = appendCount(b, `,"l":`, int64(s.Of.Index))
	}
	b = appendCount(b, `,"n":`, int64(s.Turn))
	b = appendArrivals(b, s.Inputs)
	b = appendName(b, `,"p":`, s.Port)
	b = appendCount(b, `,"c":`, millis(s.CreatedAt))
	b = appendCount(b, `,"b":`, millis(s.StartedAt))
	b = appendCount(b, `,"z":`, millis(s.EndedAt))
	if s.Ran > 0 {
		b = strconv.AppendInt(append(b, `,"m":`...), s.Ran.Milliseconds(), 10)
	}
	b = appendName(b, `,"k":`, s.Place)
	b = appendCount(b, `,"q":`, int64(s.Emitted))
	return append(b, '}'), true
}

func appendCount(b []byte, before string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, before...), n, 10)
}

func appendName(b []byte, before, name string) []byte {
	if name == "" {
		return b
	}
	return flow.AppendText(append(b, before...), name)
}

func appendArrivals(b []byte, in []flow.Arrival) []byte {
	if len(in) == 0 {
		return b
	}
	b = append(b, `,"i":[`...)
	for i, a := range in {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"e":`...), int64(a.Edge), 10)
		if a.Port != flow.PortMain {
			b = appendName(b, `,"p":`, a.Port)
		}
		b = appendName(b, `,"r":`, string(a.Ref))
		if a.Aside {
			b = append(b, `,"a":true`...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

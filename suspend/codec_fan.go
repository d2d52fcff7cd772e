package suspend

import (
	"errors"
	"fmt"
	"strings"

	"prana/engine/flow"
)

// storedFan is a fan without its parts. The part that it belongs to stands before the JSON, and a bar.
type storedFan struct {
	Items   int    `json:"t"`
	Next    int    `json:"n"`
	Alive   int    `json:"a,omitempty"`
	Came    int    `json:"c,omitempty"`
	Over    int    `json:"o,omitempty"`
	Need    int    `json:"d"`
	Width   int    `json:"w"`
	Emit    string `json:"m,omitempty"`
	Port    string `json:"p,omitempty"`
	Lenient bool   `json:"k,omitempty"`
	Discard bool   `json:"x,omitempty"`
	Bytes   int    `json:"b,omitempty"`
}

// storedPart is a live part. The step that it is a part of stands before the JSON, and a bar.
type storedPart struct {
	Index int `json:"i"`
	storedRegion
	Came bool            `json:"c,omitempty"`
	Back []storedArrival `json:"b,omitempty"`
	Last map[int]int     `json:"a,omitempty"`
}

func encodeLive(l flow.Live) []int {
	switch {
	case l == (flow.Live{}):
		return nil
	case l.Open == 0:
		return []int{l.Pending, l.Suspended}
	}
	return []int{l.Pending, l.Suspended, l.Open}
}

func decodeLive(l []int) flow.Live {
	l = append(l, 0, 0, 0) // what is missing is 0
	return flow.Live{Pending: l[0], Suspended: l[1], Open: l[2]}
}

func encodeRegion(r flow.Region) storedRegion {
	var st storedRegion
	if len(r.Live) > 0 {
		st.Live = make(map[int][]int, len(r.Live))
	}
	for n, l := range r.Live {
		st.Live[n] = encodeLive(l)
	}
	for n, o := range r.Joins {
		if st.Joins == nil {
			st.Joins = map[int]*storedOpen{}
		}
		st.Joins[n] = &storedOpen{Arrived: encodeArrivals(o.Arrived), Fired: o.Fired}
	}
	return st
}

func (st storedRegion) region() flow.Region {
	r := flow.Region{Live: map[int]flow.Live{}}
	for n, l := range st.Live {
		r.Live[n] = decodeLive(l)
	}
	for n, o := range st.Joins {
		if r.Joins == nil {
			r.Joins = map[int]*flow.Open{}
		}
		r.Joins[n] = &flow.Open{Arrived: decodeArrivals(o.Arrived), Fired: o.Fired}
	}
	return r
}

// encodeFan gives "part|json".
func encodeFan(f *flow.Fan) ([]byte, error) {
	body, err := flow.Encode(storedFan{
		Items: f.Items, Next: f.Next, Alive: f.Alive, Came: f.Came, Over: f.Over, Need: f.Need, Width: f.Width, Emit: f.Emit, Port: f.Port, Lenient: f.Lenient,
		Discard: f.Discard, Bytes: f.Bytes,
	})
	return append([]byte(stepName(f.Part)+"|"), body...), err
}

func decodeFan(s string) (*flow.Fan, error) {
	part, body, _ := strings.Cut(s, "|")
	st, plain := readPlainFan(body)
	of, err1 := stepNamed(part)
	if err := errors.Join(err1, orJSON(plain, body, &st)); err != nil {
		return nil, fmt.Errorf("reading a fan: %w", err)
	}
	return &flow.Fan{
		Part: of, Items: st.Items, Next: st.Next, Alive: st.Alive, Came: st.Came, Over: st.Over, Need: st.Need, Width: st.Width, Emit: st.Emit, Port: st.Port,
		Lenient: st.Lenient, Discard: st.Discard, Bytes: st.Bytes, Parts: map[flow.StepID]*flow.Part{},
	}, nil
}

// encodePart gives "owner|json".
func encodePart(p *flow.Part) ([]byte, error) {
	b := append([]byte(p.Owner.String()), '|')
	if all, ok := appendPlainPart(b, p); ok {
		return all, nil
	}
	body, err := flow.Encode(storedPartOf(p))
	return append(b, body...), err
}

func storedPartOf(p *flow.Part) storedPart {
	return storedPart{Index: p.Index, storedRegion: encodeRegion(p.Region), Came: p.Came, Back: encodeArrivals(p.Back), Last: p.Last}
}

func decodePart(s string) (*flow.Part, error) {
	name, body, _ := strings.Cut(s, "|")
	st, plain := readPlainPart(body)
	owner, err1 := flow.ParseStepID(name)
	if err := errors.Join(err1, orJSON(plain, body, &st)); err != nil {
		return nil, fmt.Errorf("reading a part: %w", err)
	}
	return &flow.Part{Owner: owner, Index: st.Index, Region: st.region(), Came: st.Came, Back: decodeArrivals(st.Back), Last: st.Last}, nil
}

// stepName is empty where there is no step.
func stepName(id *flow.StepID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

func stepNamed(s string) (*flow.StepID, error) {
	if s == "" {
		return nil, nil
	}
	id, err := flow.ParseStepID(s)
	return &id, err
}

// place gives a step the part that it belongs to, what it is a part of, and the step that is undone after it.
func (st *storedStep) place(s *flow.Step, part string) error {
	var err1, err2, err3 error
	s.Part, err1 = stepNamed(part)
	if st.Owner != "" {
		s.Of = &flow.PartOf{Index: st.Index}
		s.Of.Owner, err2 = flow.ParseStepID(st.Owner)
	}
	s.Below, err3 = stepNamed(st.Below)
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("reading step %s: %w", s.ID, err)
	}
	return nil
}

package suspend

import (
	"errors"
	"fmt"

	"prana/engine/flow"
)

func encodeRegion(r flow.Region) storedRegion {
	var st storedRegion
	if len(r.Live) > 0 {
		st.Live = make(map[int][]int, len(r.Live))
	}
	for n, l := range r.Live {
		st.Live[n] = []int{l.Pending, l.Suspended}
		if l.Open > 0 {
			st.Live[n] = append(st.Live[n], l.Open)
		}
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
		l = append(l, 0, 0, 0) // what is missing is 0
		r.Live[n] = flow.Live{Pending: l[0], Suspended: l[1], Open: l[2]}
	}
	for n, o := range st.Joins {
		if r.Joins == nil {
			r.Joins = map[int]*flow.Open{}
		}
		r.Joins[n] = &flow.Open{Arrived: decodeArrivals(o.Arrived), Fired: o.Fired}
	}
	return r
}

func encodeFans(fans map[flow.StepID]*flow.Fan) map[string]*storedFan {
	if len(fans) == 0 {
		return nil
	}
	out := make(map[string]*storedFan, len(fans))
	for id, f := range fans {
		st := &storedFan{
			Part: stepName(f.Part), Items: f.Items, Next: f.Next, Over: f.Over, Need: f.Need, Width: f.Width, Emit: f.Emit, Port: f.Port, Lenient: f.Lenient,
			Parts: make(map[string]*storedPart, len(f.Parts)),
		}
		for part, p := range f.Parts {
			st.Parts[part.String()] = &storedPart{Index: p.Index, storedRegion: encodeRegion(p.Region), Came: p.Came, Back: encodeArrivals(p.Back), Last: p.Last}
		}
		out[id.String()] = st
	}
	return out
}

func decodeFans(fans map[string]*storedFan) (map[flow.StepID]*flow.Fan, error) {
	if len(fans) == 0 {
		return nil, nil
	}
	out := make(map[flow.StepID]*flow.Fan, len(fans))
	for name, st := range fans {
		id, err := flow.ParseStepID(name)
		if err != nil {
			return nil, err
		}
		if out[id], err = st.fan(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (st *storedFan) fan() (*flow.Fan, error) {
	part, err := stepNamed(st.Part)
	if err != nil {
		return nil, err
	}
	f := &flow.Fan{
		Part: part, Items: st.Items, Next: st.Next, Over: st.Over, Need: st.Need, Width: st.Width, Emit: st.Emit, Port: st.Port, Lenient: st.Lenient,
		Parts: make(map[flow.StepID]*flow.Part, len(st.Parts)),
	}
	for name, p := range st.Parts {
		id, err := flow.ParseStepID(name)
		if err != nil {
			return nil, err
		}
		f.Parts[id] = &flow.Part{Index: p.Index, Region: p.region(), Came: p.Came, Back: decodeArrivals(p.Back), Last: p.Last}
	}
	return f, nil
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

// itself stands for the step's own id where it is its own part.
const itself = "-"

// encodePlace says which part of a fan a step belongs to, and which one it is.
func encodePlace(s *flow.Step) (part, owner string, index int) {
	part = stepName(s.Part)
	if s.Part != nil && *s.Part == s.ID {
		part = itself
	}
	if s.Of != nil {
		owner, index = s.Of.Owner.String(), s.Of.Index
	}
	return part, owner, index
}

// place gives a step what encodePlace said of it, and the step that is undone after it.
func (st *storedStep) place(s *flow.Step) error {
	own := s.ID
	s.Part = &own
	var err1, err2, err3 error
	if st.Part != itself {
		s.Part, err1 = stepNamed(st.Part)
	}
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

package cli

import "io"

// sink remembers that writing failed: what a full disk cut short must not pass for all there is.
type sink struct {
	io.Writer
	err error // the first
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

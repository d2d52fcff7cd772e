package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"prana/handlers/api/wire"
)

// maxLine bounds a line of a stream, in bytes.
const maxLine = 1 << 20

// block is what stands between two empty lines of a stream of server-sent events.
type block struct {
	id, event string
	data      []byte
}

type reader struct{ lines *bufio.Scanner }

func newReader(r io.Reader) reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4<<10), maxLine)
	return reader{lines}
}

// block reads the next one; what its fields do not concern is passed over.
func (r reader) block() (b block, err error) {
	for r.lines.Scan() {
		line := r.lines.Bytes()
		if len(line) == 0 {
			return b, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			b.id = string(value)
		case "event":
			b.event = string(value)
		case "data":
			b.data = append(append(b.data, value...), '\n')
		}
	}
	if err := r.lines.Err(); err != nil {
		return b, err
	}
	return b, io.EOF
}

// streamed tells whether an answer is a stream, and else what it is.
func streamed(res *http.Response) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode == http.StatusOK && media == wire.StreamType {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return fmt.Errorf("%w: the answer is of type %q", ErrNoStream, media)
	}
	err = errorOf(res, raw)
	var answer *Error
	if errors.As(err, &answer) && lacking(answer) {
		return fmt.Errorf("%w: %w", ErrNoStream, err)
	}
	return err
}

// lacking tells whether an answer is that of a server without streams, or of something that does not let them through.
func lacking(e *Error) bool {
	switch e.Problem.Code {
	case "no_route", "method_not_allowed", "http_404", "http_405", "http_406", "http_501":
		return true
	}
	return false
}

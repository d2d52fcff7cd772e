package proxy

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// maxBulk is the largest text that a frame may hold, which is Redis' own limit.
const maxBulk = 512 << 20

// readFrame reads one request or one reply whole: a value in Redis' protocol, version 2 or 3, as it was sent.
func readFrame(r *bufio.Reader) ([]byte, error) { return appendFrame(r, nil) }

func appendFrame(r *bufio.Reader, frame []byte) ([]byte, error) {
	begin := len(frame)
	for more := true; more; { // a line that is longer than the buffer
		part, err := r.ReadSlice('\n')
		frame = append(frame, part...)
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // bufio returns it as it is
			return frame, err
		}
		more = err != nil
	}
	line := frame[begin:]
	switch line[0] {
	case '$', '!', '=':
		return appendBulk(r, frame, line)
	case '*', '~', '>':
		return appendValues(r, frame, line, 1)
	case '%':
		return appendValues(r, frame, line, 2)
	}
	return frame, nil // all others are one line
}

// length reads the number in a line such as "$12\r\n"; -1 stands for null.
func length(line []byte) (int, error) {
	if len(line) < 4 {
		return 0, fmt.Errorf("a line without a length: %q", line)
	}
	n, err := strconv.Atoi(string(line[1 : len(line)-2]))
	if err != nil || n < -1 || n > maxBulk {
		return 0, fmt.Errorf("not a length: %q", line)
	}
	return n, nil
}

func appendBulk(r *bufio.Reader, frame, line []byte) ([]byte, error) {
	n, err := length(line)
	if err != nil || n < 0 {
		return frame, err
	}
	begin := len(frame)
	frame = append(frame, make([]byte, n+2)...)
	_, err = io.ReadFull(r, frame[begin:])
	return frame, err
}

func appendValues(r *bufio.Reader, frame, line []byte, each int) ([]byte, error) {
	n, err := length(line)
	for i := 0; i < n*each && err == nil; i++ {
		frame, err = appendFrame(r, frame)
	}
	return frame, err
}

// isPush tells whether a frame is a message that nobody asked for, such as one that was published.
func isPush(frame []byte) bool { return frame[0] == '>' }

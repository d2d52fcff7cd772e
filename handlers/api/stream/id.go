package stream

import (
	"errors"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// maxID bounds the ids that are read, in bytes: one of 1,024 partitions has half of it.
const maxID = 64 << 10

var errID = errors.New("it is not the id of an event")

// place is behind an entry of a partition, or behind some events of it.
type place struct {
	at   flow.FeedPlace
	told int // events of the entry; 0 = all
}

// formatID names the places of all partitions: "partition.ms.seq" or "partition.ms.seq.told", in base 36, joined by "_".
func formatID(spots []spot) string {
	b := make([]byte, 0, 24*len(spots))
	for i, s := range spots {
		if i > 0 {
			b = append(b, '_')
		}
		b = strconv.AppendInt(b, int64(s.tail.partition), 36)
		for _, n := range []int64{s.at.Ms, s.at.Seq} {
			b = strconv.AppendInt(append(b, '.'), n, 36)
		}
		if s.told > 0 {
			b = strconv.AppendInt(append(b, '.'), int64(s.told), 36)
		}
	}
	return string(b)
}

func parseID(s string) (map[int]place, error) {
	if len(s) > maxID {
		return nil, errID
	}
	places := map[int]place{}
	for part := range strings.SplitSeq(s, "_") {
		partition, at, err := parsePlace(part)
		if err != nil {
			return nil, err
		}
		places[partition] = at
	}
	return places, nil
}

func parsePlace(s string) (partition int, p place, err error) {
	fields := strings.Split(s, ".")
	if len(fields) != 3 && len(fields) != 4 {
		return 0, p, errID
	}
	var n [4]int64
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 36, 63)
		if err != nil {
			return 0, p, errID
		}
		n[i] = int64(v)
	}
	return int(n[0]), place{flow.FeedPlace{Ms: n[1], Seq: n[2]}, int(n[3])}, nil
}

package suspend

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
)

// row is a member of a sorted set, with its place.
type row struct {
	score  float64
	member string
}

// named is the execution that a member of a list names last: of the lists of children, the child.
func (r row) named() string { return r.member[strings.LastIndexByte(r.member, ':')+1:] }

func compareRows(a, b row) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return strings.Compare(a.member, b.member)
}

// span is the part of a list that is read, and in which direction: bounds of scores as ZCOUNT takes them.
type span struct {
	low, high string
	down      bool
}

// The whole of a list, in either direction.
var (
	upwards   = span{low: "-inf", high: "inf"}
	downwards = span{low: "-inf", high: "inf", down: true}
)

// from and until narrow a span to times at or after one, and before another; the zero time does not narrow.
func (s span) from(t time.Time) span {
	if !t.IsZero() {
		s.low = score(ceilMillis(t))
	}
	return s
}

func (s span) until(t time.Time) span {
	if !t.IsZero() {
		s.high = "(" + score(ceilMillis(t))
	}
	return s
}

// timed leaves out what has no time at all.
func (s span) timed() span {
	if s.high == upwards.high {
		s.high = "(" + s.high
	}
	return s
}

// ceilMillis is the first millisecond that is not before t.
func ceilMillis(t time.Time) float64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return float64(ms)
}

// rowsOf reads a list from a cursor on, at most so many rows, and gives the cursor behind them; empty = there are no more. It may
// give fewer though there are more, when it looked far enough.
type rowsOf func(ctx context.Context, cursor string, limit int) ([]row, string, error)

// merged reads sorted sets as one list.
func (s *Store) merged(keys []string, part span) rowsOf {
	return func(ctx context.Context, cursor string, limit int) ([]row, string, error) {
		return s.page(ctx, keys, cursor, limit, part)
	}
}

// gathered reads a list that is in memory.
func gathered(all []row, part span) rowsOf {
	part.sort(all)
	return func(_ context.Context, cursor string, limit int) ([]row, string, error) {
		after, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		rest := all
		if after != nil {
			from, there := slices.BinarySearchFunc(all, *after, part.compare)
			if there {
				from++
			}
			rest = all[from:]
		}
		if len(rest) <= limit {
			return rest, "", nil
		}
		return rest[:limit], cursorOf(rest[limit-1]), nil
	}
}

// How many rows are looked at for those whose id begins like that, and how many at once at first and at most: nothing finds them but
// their names.
const (
	maxNamed   = 10_000
	namedPage  = 1000
	namedPages = 4000
)

// beginning passes over rows whose id begins otherwise.
func beginning(read rowsOf, prefix string) rowsOf {
	return func(ctx context.Context, cursor string, limit int) (fit []row, next string, err error) {
		for looked, n := 0, namedPage; looked < maxNamed; n = min(2*n, namedPages, maxNamed-looked) {
			var rows []row
			if rows, next, err = read(ctx, cursor, n); err != nil {
				return nil, "", err
			}
			looked += n
			for i, r := range rows {
				if !strings.HasPrefix(r.named(), prefix) {
					continue
				}
				fit = append(fit, r)
				if len(fit) == limit && (i+1 < len(rows) || next != "") {
					return fit, cursorOf(r), nil
				}
			}
			if cursor = next; next == "" {
				break
			}
		}
		return fit, next, nil
	}
}

// page merges sorted sets and gives the rows after a cursor: a place, not a
// number, so that rows that come or go meanwhile neither repeat nor hide others.
func (s *Store) page(ctx context.Context, keys []string, cursor string, limit int, part span) ([]row, string, error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var all []row
	for _, slot := range bySlot(keys) {
		rows, err := s.rowsAfter(ctx, slot, after, limit+1, part)
		if err != nil {
			return nil, "", trouble("reading a list", err)
		}
		all = append(all, rows...)
	}
	part.sort(all)
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], cursorOf(all[limit-1]), nil
}

func (s span) sort(rows []row) { slices.SortFunc(rows, s.compare) }

// compare orders rows in the direction of the span.
func (s span) compare(a, b row) int {
	if s.down {
		a, b = b, a
	}
	return compareRows(a, b)
}

// tags gives the partitions.
func (s *Store) tags() []string {
	all := make([]string, s.partitions)
	for p := range all {
		all[p] = tag(p)
	}
	return all
}

// bySlot groups keys, each with a hash tag, by what one script can read.
func bySlot(keys []string) [][]string {
	var slots [][]string
	number := map[string]int{}
	for _, key := range keys {
		tag, _, _ := strings.Cut(key, "}")
		n, known := number[tag]
		if !known {
			n, slots = len(slots), append(slots, nil)
			number[tag] = n
		}
		slots[n] = append(slots[n], key)
	}
	return slots
}

var errPage = errors.New("the script of pages answered with something else than rows")

// rowsAfter reads the first rows of the sets together, beyond a place: so many, and a few of those behind them, in any order.
func (s *Store) rowsAfter(ctx context.Context, keys []string, after *row, limit int, part span) ([]row, error) {
	args := []any{part.low, part.high, map[bool]string{false: "up", true: "down"}[part.down], limit, "", ""}
	if after != nil {
		args[4], args[5] = score(after.score), after.member
	}
	pairs, err := pageScript.Run(ctx, s.redis, keys, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	var rows []row
	for i := 0; i+1 < len(pairs); i += 2 {
		f, err := strconv.ParseFloat(pairs[i+1], 64)
		if err != nil {
			return nil, errPage
		}
		rows = append(rows, row{f, pairs[i]})
	}
	return rows, nil
}

// placed is an item of a list that is made in memory.
type placed[T any] struct {
	row
	item T
}

// cut gives the page of such a list after a cursor, upwards.
func cut[T any](all []placed[T], cursor string, limit int) (flow.Page[T], error) {
	page := flow.Page[T]{Items: []T{}}
	after, err := parseCursor(cursor)
	if err != nil {
		return page, err
	}
	slices.SortFunc(all, func(a, b placed[T]) int { return compareRows(a.row, b.row) })
	for _, p := range all {
		if after != nil && compareRows(p.row, *after) <= 0 {
			continue
		}
		if len(page.Items) == limit {
			page.Cursor = cursorOf(*after)
			break
		}
		page.Items, after = append(page.Items, p.item), &p.row
	}
	return page, nil
}

func score(f float64) string {
	if math.IsInf(f, 1) {
		return "inf"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func cursorOf(r row) string {
	return base64.RawURLEncoding.EncodeToString([]byte(score(r.score) + " " + r.member))
}

func parseCursor(s string) (*row, error) {
	if s == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	place, member, ok := strings.Cut(string(raw), " ")
	f, ferr := strconv.ParseFloat(place, 64)
	if err != nil || ferr != nil || math.IsNaN(f) || !ok {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "%q is not a cursor of this list", flow.Cut(s, 40))
	}
	return &row{f, member}, nil
}

// limitOf bounds the size of a page: 1..1000, by default 100.
func limitOf(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}

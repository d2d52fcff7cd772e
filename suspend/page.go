package suspend

import (
	"cmp"
	"context"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// row is a member of a sorted set, with its place.
type row struct {
	score  float64
	member string
}

func compareRows(a, b row) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return strings.Compare(a.member, b.member)
}

// page merges sorted sets and gives the rows after a cursor: a place, not a
// number, so that rows that come or go meanwhile neither repeat nor hide others.
// Without a cursor it begins at (or, descending, below) the score from.
func (s *Store) page(ctx context.Context, keys []string, cursor string, limit int, descending bool, from string) ([]row, string, error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var all []row
	for _, key := range keys {
		rows, err := s.rowsAfter(ctx, key, after, limit+1, descending, from)
		if err != nil {
			return nil, "", trouble("reading a list", err)
		}
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(a, b row) int {
		if descending {
			a, b = b, a
		}
		return compareRows(a, b)
	})
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], cursorOf(all[limit-1]), nil
}

// rowsAfter reads rows of one set beyond a place. Rows of the same score as the
// place are told apart by their text, as Redis orders them.
func (s *Store) rowsAfter(ctx context.Context, key string, after *row, limit int, descending bool, from string) ([]row, error) {
	start := from
	if after != nil {
		start = score(after.score)
	}
	if start == "" {
		start = map[bool]string{false: "-inf", true: "+inf"}[descending]
	}
	var rows []row
	for offset := int64(0); len(rows) < limit; {
		by := redis.ZRangeBy{Min: start, Max: "+inf", Offset: offset, Count: int64(limit)}
		read := s.redis.ZRangeByScoreWithScores
		if descending {
			by.Min, by.Max, read = "-inf", start, s.redis.ZRevRangeByScoreWithScores
		}
		found, err := read(ctx, key, &by).Result()
		if err != nil {
			return nil, err
		}
		for _, z := range found {
			r := row{z.Score, z.Member.(string)}
			if after == nil || beyond(r, *after, descending) {
				rows = append(rows, r)
			}
		}
		if len(found) < limit {
			break
		}
		offset += int64(limit)
	}
	return rows[:min(limit, len(rows))], nil
}

func beyond(r, after row, descending bool) bool {
	c := compareRows(r, after)
	return descending && c < 0 || !descending && c > 0
}

func score(f float64) string {
	if math.IsInf(f, 1) {
		return "+inf"
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
	if err != nil || ferr != nil || !ok {
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

package wire

import (
	"cmp"
	"encoding/base64"
	"slices"

	"prana/engine/flow"
)

// defaultLimit is the size of a page for which nobody asked, as in the lists of the store.
const defaultLimit = 100

// CutPage orders a list that is there as a whole by keys, none of which is empty, and cuts a page out of it. The cursor is the place
// after a key, so that items which come or go meanwhile neither repeat nor hide others.
func CutPage[T any](all []T, key func(T) string, limit int, cursor string) (flow.Page[T], error) {
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return flow.Page[T]{}, flow.Problemf(flow.ErrInvalid.Code, "%q is not a cursor of this list", flow.Cut(cursor, 40))
	}
	limit = cmp.Or(limit, defaultLimit)
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	var page flow.Page[T]
	for _, item := range all {
		if key(item) <= string(after) {
			continue
		}
		if len(page.Items) == limit {
			page.Cursor = base64.RawURLEncoding.EncodeToString([]byte(key(page.Items[limit-1])))
			break
		}
		page.Items = append(page.Items, item)
	}
	return page, nil
}

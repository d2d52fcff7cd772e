package api

import (
	"reflect"
	"strings"
	"testing"

	"prana/engine/flow"
)

func TestOperatorsOfHooks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, target string
		want           int
		asked          any
	}{
		{"GET", "/v1/hooks/shop/deliveries?refused=true&limit=5&cursor=Potxc", 200, flow.DeliveryFilter{Hook: "shop", Refused: true, Limit: 5, Cursor: "c"}},
		{"GET", "/v1/hooks/-/deliveries?refused=false", 200, flow.DeliveryFilter{Hook: "-"}},
		{"GET", "/v1/hooks/shop/deliveries?refused=maybe", 400, nil},
		{"GET", "/v1/hooks?secret=1", 400, nil},
		{"GET", "/v1/hooks/shop/deliveries/a1-0", 200, [2]string{"shop", "a1-0"}},
		{"POST", "/v1/hooks/shop/deliveries/a1-0:replay", 200, [3]string{"shop", "a1-0", "once"}},
		{"POST", "/v1/hooks/shop/deliveries/a1-0", 405, nil},
		{"POST", "/v1/hooks/shop/deliveries/a1-0:forget", 404, nil},
	} {
		f := newFake()
		f.replayed = true
		w := send(f, tt.method, tt.target, "", "Idempotency-Key", "once")
		if w.Code != tt.want || tt.want == 200 && !reflect.DeepEqual(f.last(), tt.asked) {
			t.Errorf("%s %s: got %d, asked %+v", tt.method, tt.target, w.Code, f.last())
		}
		if replay := strings.HasSuffix(tt.target, ":replay"); replay != (w.Header().Get("Idempotency-Replayed") == "true") {
			t.Errorf("%s: Idempotency-Replayed is %q", tt.target, w.Header().Get("Idempotency-Replayed"))
		}
	}
}

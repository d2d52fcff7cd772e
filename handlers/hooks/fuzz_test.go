package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// signs says what each scheme signs, and how it is written, as what stands before the proof and the proof: told here once more, from
// the documents of those who invented them.
var signs = map[string]struct {
	header  string
	stamped bool
	text    func(key, id, stamp, body string) (before, proof string)
}{
	"standard": {"webhook-signature", true, func(key, id, stamp, body string) (string, string) {
		return "v1,", base64.StdEncoding.EncodeToString(sha(key, id+"."+stamp+"."+body))
	}},
	"github": {"X-Hub-Signature-256", false, func(key, _, _, body string) (string, string) { return "sha256=", hex.EncodeToString(sha(key, body)) }},
	"stripe": {"Stripe-Signature", true, func(key, _, stamp, body string) (string, string) {
		return "t=" + stamp + ",v1=", hex.EncodeToString(sha(key, stamp+"."+body))
	}},
	"slack": {"X-Slack-Signature", true, func(key, _, stamp, body string) (string, string) {
		return "v0=", hex.EncodeToString(sha(key, "v0:"+stamp+":"+body))
	}},
	"hmac": {"X-Sum", true, func(key, _, stamp, body string) (string, string) {
		mac := hmac.New(sha512.New, []byte(key))
		mac.Write([]byte(stamp + "." + body))
		return "v2:", base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}},
	"plain":  {"X-Signature-256", false, func(key, _, _, body string) (string, string) { return "", hex.EncodeToString(sha(key, body)) }},
	"bearer": {"Authorization", false, func(key, _, _, _ string) (string, string) { return "Bearer ", key }},
	"gitlab": {"X-Gitlab-Token", false, func(key, _, _, _ string) (string, string) { return "", key }},
}

func sha(key, content string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(content))
	return mac.Sum(nil)
}

// essence is what of a proof proves anything: the bits that base64 has too many do not.
func essence(hook, proof string) string {
	if hook == "standard" || hook == "hmac" {
		proof = strings.TrimRight(proof, "=")
		return proof[:len(proof)-1]
	}
	return proof
}

// FuzzSigned: whatever a delivery looks like, it does something exactly if it brings a signature that HMAC, computed here, gives for
// its body, or the token, and if it is not old.
func FuzzSigned(f *testing.F) {
	fresh := strconv.FormatInt(now.Unix(), 10)
	for hook := range signs {
		f.Add(hook, "msg_1", fresh, "", vector, byte(1))
		f.Add(hook, "msg_1", fresh, "", vector, byte(2))
		f.Add(hook, "msg_1", "1799999699", "", vector, byte(1))
	}
	f.Add("standard", "msg_1", fresh, "v1,"+standardSum, vector, byte(0))
	f.Add("stripe", "", "", "t=1800000000,v1="+stripeSum, vector, byte(0))
	f.Add("github", "d1", "", "sha256="+strings.ToUpper(bodySum), vector, byte(0))
	f.Fuzz(func(t *testing.T, hook, id, stamp, signature, body string, signed byte) {
		s, ok := signs[hook]
		if !ok || len(signature) > 4096 {
			t.Skip()
		}
		if signed > 0 { // by one of the keys, after whatever else stands there
			before, proof := s.text(both[signed%2], id, stamp, body)
			signature = before + proof
		}
		e := &engine{seen: map[string]bool{}}
		h, err := New(Config{Hooks: everyScheme, Publisher: e, Starter: e, Deliveries: &notes{}, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/hooks/"+hook, strings.NewReader(body))
		for _, name := range []string{"webhook-id", "X-GitHub-Delivery", "X-ID", "X-Gitlab-Event-UUID"} {
			r.Header.Set(name, id)
		}
		for _, name := range []string{"webhook-timestamp", "X-Slack-Request-Timestamp", "X-Time"} {
			r.Header.Set(name, stamp)
		}
		r.Header.Set(s.header, signature)
		var w *httptest.ResponseRecorder
		fuzztest.Cheap(t, func() {
			r.Body = http.NoBody
			if body != "" {
				r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
			}
			w = serve(h, r)
		})
		judge(t, hook, s.stamped, delivered{id, stamp, signature, body, signed > 0}, w.Code, len(e.events))
	})
}

type delivered struct {
	id, stamp, signature, body string
	signed                     bool
}

// judge holds what came of a delivery against what should.
func judge(t *testing.T, hook string, stamped bool, d delivered, status, events int) {
	t.Helper()
	if hook == "stripe" { // whose time stands in the signature
		_, d.stamp, _ = strings.Cut(d.signature, "t=")
		d.stamp, _, _ = strings.Cut(d.stamp, ",")
	}
	proven := false
	for _, key := range both {
		_, proof := signs[hook].text(key, d.id, d.stamp, d.body)
		want := essence(hook, proof)
		given := strings.NewReplacer("\r", "", "\n", "").Replace(d.signature)
		proven = proven || strings.Contains(given, want) || strings.Contains(strings.ToLower(given), want)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(d.stamp), 10, 64)
	late := stamped && (err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance)
	acted := status != http.StatusUnauthorized || events > 0
	if acted && (!proven || late) {
		t.Errorf("%s: %+v is answered with %d and published %d times", hook, d, status, events)
	}
	plain := d.id != "" && len(d.id) <= maxID && strings.Trim(d.id+d.stamp, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	if d.signed && plain && !late && !acted {
		t.Errorf("%s: %+v is signed, and is answered with %d", hook, d, status)
	}
}

// FuzzTransform: the expressions of a hook are refused when it is made, or make of any body an act, nothing, or a problem.
func FuzzTransform(f *testing.F) {
	f.Add("$body.id", "paid.{{ $headers['x-kind'] }}", `{{ {"a": $body.items | map(.n)} }}`, "$body.n > 1", `{"id":"e1","n":2,"items":[{"n":1}]}`, "a=1&b=2&b=3")
	f.Add("{{ $body }}", "x{{ $query.a }}", "$body", "true", `12345678901234567890`, "a=%zz")
	f.Add("", "e", "{{ $nodes.a.output }}", "", `{`, "")
	f.Fuzz(func(t *testing.T, id, event, data, when, body, query string) {
		fuzztest.Cheap(t, func() {
			h, err := Hook{Event: event, Secrets: both, ID: id, Data: data, When: when}.ready("shop")
			if err != nil {
				return
			}
			parameters, err := queryOf(query)
			if err != nil {
				return
			}
			d := &flow.Delivery{Body: body, Headers: map[string]string{"x-kind": "k"}, Query: parameters}
			a, use, err := h.transform(d)
			if err == nil && use && (a.event == "" || id != "" && (a.id == "" || len(a.id) > maxID)) {
				t.Errorf("it acts by %+v", a)
			}
		})
	})
}

// FuzzTriggers: whatever a request to a webhook that asks for a token brings, it starts nothing without the token, and with it one
// execution, whose input is what came.
func FuzzTriggers(f *testing.F) {
	f.Add("/webhook/order", "a=1", "application/json", `{"a":[1,2.50]}`, "k1", true)
	f.Add("/webhook/order", "", "application/x-www-form-urlencoded", "a=1&a=2&b=%zz", "", true)
	f.Add("/webhook/order", "", "text/plain; charset=utf-8", "\xff", "\"k\"", true)
	f.Add("/webhook/order/x", "", "", "", "", false)
	f.Fuzz(func(t *testing.T, path, query, media, body, key string, knows bool) {
		u := &url.URL{Path: path, RawQuery: query}
		if !strings.HasPrefix(path, "/webhook/") {
			t.Skip()
		}
		var code int
		var b *board
		fuzztest.Cheap(t, func() {
			var h *Triggers
			b, h = triggered(t, obj{"auth": obj{"type": "header", "header_name": "X-Token", "header_value": key1}})
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.URL = u
			r.Header.Set("Content-Type", media)
			r.Header.Set("Idempotency-Key", key)
			if knows {
				r.Header.Set("X-Token", key1)
			}
			code = serve(h, r).Code
		})
		started := len(b.starts)
		if started > 1 || (started == 1) != (code == http.StatusAccepted) || started == 1 && (!knows || path != "/webhook/order") {
			t.Errorf("%d executions were started, and the answer is %d", started, code)
		}
	})
}

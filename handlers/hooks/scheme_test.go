package hooks

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// key0 is what deliveries were signed with before key1.
const key0 = "an-older-secret-of-24-bytes"

// vector is the body that the signatures below are made of, at Unix time 1800000000, by
//
//	printf %s "$CONTENT" | openssl dgst -sha256 -hmac "$KEY" -r        # hexadecimal
//	printf %s "$CONTENT" | openssl dgst -sha256 -hmac "$KEY" -binary | base64
//
// "old" ones are made with key0, "stale" ones with a time 301 seconds before.
const vector = `{"id":"evt_1","event_id":"Ev1","n":42}`

const (
	// CONTENT is msg_1.1800000000.BODY.
	standardSum   = "nCX19N+fEbB/e9Qy2H8Vac2nQhebG6KBKAXO8ru3HCg="
	standardOld   = "MZT6l3M2fa8aBl/c/enBOD1kjq1l0iqq+yw0Sfjt708="
	standardStale = "aq9MdPn25MS/djN91ToPvm0Ej/Ry+yxPKZKiKgTSV5w="
	// CONTENT is BODY.
	bodySum   = "78c3ef5a5696385545d982e2e5024205ddcecd479e33b31935190ce1b201c6d6"
	bodyOld   = "54ec927602ce98d6b28074bbaa121d63c825d4a45e05693d6bc0408570424d58"
	bodyEmpty = "05a354338afabfb371ff841c26a46b3c451d2e34def92b354a4d1353773e2a67" // with the empty key
	// CONTENT is 1800000000.BODY.
	stripeSum   = "314aea99abbaf2b9bcbf47541c1ad8dba89c01047d819ba6c5c6a8baa2d773ec"
	stripeOld   = "110276f9898169cbdffe418bcc8a9f36d6c93af0b43bb4850f9bdb090cbeefd9"
	stripeStale = "7709fb33ac3100606e049e8b66a37f27e45809665c5ccc86c279ed3e5dd15433"
	// CONTENT is v0:1800000000:BODY.
	slackSum   = "70b1747e13dec3818bdea3454f385b092bc818ba292c03eeddd5563a90b23f48"
	slackOld   = "b5d0f4c668cd4d778d920761bfe2767c6b59d832c07a9ecf303f901606cf1e56"
	slackStale = "e2c3145b8a0f423fcdb6cb5bfe327ec7b6434a893b3a06ee04bd1dbd31d1f36b"
	// CONTENT is 1800000000.BODY, with -sha512.
	longSum   = "cQ5rxsNbYQEOGKFCkLmErNxvr5jqbEWtsR0vOyvYaSW/oKnXTNc1Xpk456lcHNhmrtwJJ5qgvnB9H9fkTYf+KA=="
	longOld   = "myw/WGxYafVWzzmFdlyxyS5YhiHLOcfADZ6vnxrhEJ7BVlVTvLQx0OapFLbhgt7s/pi3one8BDJziRLgtogYWA=="
	longStale = "OkBne/rMapTD26ZsX2x6ZCAF4+w9GHUW3ENsbVt9IBYruwD5iLyTItXegNdhEDjCY+gLctUCkBITEHJS8dJlfg=="
)

var both = []string{key1, key0}

// everyScheme has a hook of each scheme, whose secret is being replaced.
var everyScheme = map[string]Hook{
	"standard": {Event: "e", Secrets: both},
	"github":   {Event: "e", Secrets: both, Scheme: GitHub},
	"stripe":   {Event: "e", Secrets: both, Scheme: Stripe},
	"slack":    {Event: "e", Secrets: both, Scheme: Slack},
	"hmac": {
		Event: "e", Secrets: both, Scheme: HMAC,
		Header: "X-Sum", Prefix: "v2:", Algorithm: "sha512", Encoding: "base64", TimestampHeader: "X-Time", IDHeader: "X-ID",
	},
	"plain":  {Event: "e", Secrets: both, Scheme: HMAC},
	"bearer": {Event: "e", Secrets: both, Scheme: Bearer},
	"gitlab": {Event: "e", Secrets: both, Scheme: Bearer, Header: "X-Gitlab-Token", IDHeader: "X-Gitlab-Event-UUID"},
	"none":   {Event: "e", Scheme: None},
}

func everyHook(t *testing.T) (*engine, *notes, *Hooks) {
	t.Helper()
	e, n := &engine{seen: map[string]bool{}}, &notes{}
	hs, err := New(Config{Hooks: everyScheme, Publisher: e, Starter: e, Deliveries: n, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return e, n, hs
}

// posted is a delivery with headers "name: value".
func posted(hook, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/"+hook, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestEverySchemeHasItsVectors(t *testing.T) {
	t.Parallel()
	const digestOfBody = "777cd52800063783" // sha256sum, its beginning
	type row struct {
		headers string // divided by |
		id      string // under which it counts; empty = 401
	}
	for hook, rows := range map[string]map[string]row{
		"standard": {
			"good":             {"webhook-id: msg_1|webhook-timestamp: 1800000000|webhook-signature: v1," + standardSum, "msg_1"},
			"rotated":          {"webhook-id: msg_1|webhook-timestamp: 1800000000|webhook-signature: v1," + standardOld, "msg_1"},
			"several":          {"webhook-id: msg_1|webhook-timestamp: 1800000000|webhook-signature: v1,AAAA v1a,x v1," + standardSum, "msg_1"},
			"stale":            {"webhook-id: msg_1|webhook-timestamp: 1799999699|webhook-signature: v1," + standardStale, ""},
			"another id":       {"webhook-id: msg_2|webhook-timestamp: 1800000000|webhook-signature: v1," + standardSum, ""},
			"another time":     {"webhook-id: msg_1|webhook-timestamp: 1800000001|webhook-signature: v1," + standardSum, ""},
			"another version":  {"webhook-id: msg_1|webhook-timestamp: 1800000000|webhook-signature: v2," + standardSum, ""},
			"not base64":       {"webhook-id: msg_1|webhook-timestamp: 1800000000|webhook-signature: v1,###", ""},
			"nothing":          {"", ""},
			"another's scheme": {"X-Hub-Signature-256: sha256=" + bodySum + "|X-GitHub-Delivery: d1", ""},
		},
		"github": {
			"good":       {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodySum, "d1"},
			"rotated":    {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodyOld, "d1"},
			"empty key":  {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodyEmpty, ""},
			"no prefix":  {"X-GitHub-Delivery: d1|X-Hub-Signature-256: " + bodySum, ""},
			"sha1":       {"X-GitHub-Delivery: d1|X-Hub-Signature: sha1=" + bodySum[:40], ""},
			"a bit off":  {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodySum[:63] + "7", ""},
			"cut":        {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodySum[:62], ""},
			"empty":      {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=", ""},
			"unnamed":    {"X-Hub-Signature-256: sha256=" + bodySum, ""},
			"named long": {"X-GitHub-Delivery: " + strings.Repeat("d", 181) + "|X-Hub-Signature-256: sha256=" + bodySum, ""},
		},
		"stripe": {
			"good":         {"Stripe-Signature: t=1800000000,v1=" + stripeSum + ",v0=" + stripeSum, "evt_1"},
			"rotated":      {"Stripe-Signature: t=1800000000,v1=" + stripeOld, "evt_1"},
			"several":      {"Stripe-Signature: t=1800000000,v1=" + stripeStale + ",v1=" + stripeSum, "evt_1"},
			"stale":        {"Stripe-Signature: t=1799999699,v1=" + stripeStale, ""},
			"v0":           {"Stripe-Signature: t=1800000000,v0=" + stripeSum, ""},
			"two times":    {"Stripe-Signature: t=1800000000,t=1800000000,v1=" + stripeSum, ""},
			"another time": {"Stripe-Signature: t=1800000001,v1=" + stripeSum, ""},
			"no time":      {"Stripe-Signature: v1=" + bodySum, ""},
			"commas":       {"Stripe-Signature: ,,=,t=,v1=", ""},
		},
		"slack": {
			"good":         {"X-Slack-Request-Timestamp: 1800000000|X-Slack-Signature: v0=" + slackSum, "Ev1"},
			"rotated":      {"X-Slack-Request-Timestamp: 1800000000|X-Slack-Signature: v0=" + slackOld, "Ev1"},
			"stale":        {"X-Slack-Request-Timestamp: 1799999699|X-Slack-Signature: v0=" + slackStale, ""},
			"another time": {"X-Slack-Request-Timestamp: 1800000001|X-Slack-Signature: v0=" + slackSum, ""},
			"no time":      {"X-Slack-Signature: v0=" + slackSum, ""},
			"v1":           {"X-Slack-Request-Timestamp: 1800000000|X-Slack-Signature: v1=" + slackSum, ""},
		},
		"hmac": {
			"good":       {"X-ID: a|X-Time: 1800000000|X-Sum: v2:" + longSum, "a"},
			"rotated":    {"X-ID: a|X-Time: 1800000000|X-Sum: v2:" + longOld, "a"},
			"stale":      {"X-ID: a|X-Time: 1799999699|X-Sum: v2:" + longStale, ""},
			"no time":    {"X-ID: a|X-Sum: v2:" + longSum, ""},
			"no prefix":  {"X-ID: a|X-Time: 1800000000|X-Sum: " + longSum, ""},
			"sha256":     {"X-ID: a|X-Time: 1800000000|X-Sum: v2:MUrqmau68rm8v0dUHBrY26icAQR9gZumxcaouqLXc+w=", ""},
			"the header": {"X-ID: a|X-Time: 1800000000|X-Signature-256: v2:" + longSum, ""},
		},
		"plain": {
			"good":    {"webhook-id: a|X-Signature-256: " + bodySum, "a"},
			"rotated": {"webhook-id: a|X-Signature-256: " + bodyOld, "a"},
			"unnamed": {"X-Signature-256: " + bodySum, digestOfBody},
			"prefix":  {"webhook-id: a|X-Signature-256: sha256=" + bodySum, ""},
		},
		"bearer": {
			"good":       {"webhook-id: a|Authorization: Bearer " + key1, "a"},
			"rotated":    {"webhook-id: a|Authorization: bearer " + key0, "a"},
			"other case": {"webhook-id: a|Authorization: Bearer " + strings.ToLower(key1), ""},
			"cut":        {"webhook-id: a|Authorization: Bearer " + key1[:31], ""},
			"empty":      {"webhook-id: a|Authorization: Bearer ", ""},
			"nothing":    {"webhook-id: a", ""},
			"basic":      {"webhook-id: a|Authorization: Basic " + key1, ""},
			"no word":    {"webhook-id: a|Authorization: " + key1, ""},
			"signature":  {"webhook-id: a|Authorization: Bearer " + bodySum, ""},
		},
		"gitlab": {
			"good":   {"X-Gitlab-Event-UUID: u|X-Gitlab-Token: " + key1, "u"},
			"wrong":  {"X-Gitlab-Event-UUID: u|X-Gitlab-Token: " + key1 + "x", ""},
			"bearer": {"X-Gitlab-Event-UUID: u|Authorization: Bearer " + key1, ""},
		},
		"none":     {"anything": {"webhook-id: a", "a"}, "nothing": {"", digestOfBody}},
		"a-hook-x": {"signed": {"X-GitHub-Delivery: d1|X-Hub-Signature-256: sha256=" + bodySum, ""}},
	} {
		for name, tt := range rows {
			e, n, hs := everyHook(t)
			w := serve(hs, posted(hook, vector, strings.Split(tt.headers, "|")...))
			got := ""
			if w.Code == 200 && len(e.events) == 1 {
				got = n.last().Key
			}
			if tt.id == "" && w.Code != 401 || tt.id != "" && !strings.HasPrefix(got, tt.id) {
				t.Errorf("%s, %s: got %d as %q, want it as %q (%s)", hook, name, w.Code, got, tt.id, n.last().Reason)
			}
			if w.Code == 401 && n.last().Reason == "" {
				t.Errorf("%s, %s: operators are not told why", hook, name)
			}
		}
	}
}

func TestSlackChallenge(t *testing.T) {
	t.Parallel()
	const (
		challenge = `{"type":"url_verification","challenge":"3eZbrw"}`
		sum       = "3cc6990abdb1a7b80edce9df161e7e329dffff6a5026c53e30dbcb0b50652ac7" // of v0:1800000000:BODY
	)
	e, n, hs := everyHook(t)
	w := serve(hs, posted("slack", challenge, "X-Slack-Request-Timestamp: 1800000000", "X-Slack-Signature: v0="+sum))
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"challenge":"3eZbrw"}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	w = serve(hs, posted("slack", challenge, "X-Slack-Request-Timestamp: 1800000000", "X-Slack-Signature: v0="+slackSum))
	if w.Code != 401 || strings.Contains(w.Body.String(), "3eZbrw") {
		t.Errorf("unsigned: got %d %s", w.Code, w.Body)
	}
	if len(e.events) != 0 || n.all[0].Outcome != "ignored" {
		t.Errorf("got %v, %+v", e.events, n.all)
	}
	serve(hs, posted("none", challenge))
	if len(e.events) != 1 {
		t.Error("other schemes know no challenges")
	}
}

// TestStripeIDIsReadExactly: a member of another case must not name the delivery.
func TestStripeIDIsReadExactly(t *testing.T) {
	t.Parallel()
	stripe := &hook{scheme: schemes[Stripe]}
	for body, want := range map[string]string{
		`{"id":"a","ID":"b"}`: "a", `{"ID":"b","id":"a"}`: "a", `{"Id":"b"}`: digest([]byte(`{"Id":"b"}`)),
		`{"id":7}`: digest([]byte(`{"id":7}`)), `[]`: digest([]byte(`[]`)), `{"id":""}`: digest([]byte(`{"id":""}`)),
	} {
		if got := stripe.bodyID([]byte(body)); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}

// TestEveryHookTakesTheSameEffort: hooks, and the one that stands in for those that do not exist, compute as many signatures.
func TestEveryHookTakesTheSameEffort(t *testing.T) {
	t.Parallel()
	_, _, hs := everyHook(t)
	for name, h := range hs.hooks {
		if h.count("sha256") != 2 || h.count("sha512") != 2 || len(h.keys) != 4 {
			t.Errorf("%s computes %d and %d signatures", name, h.count("sha256"), h.count("sha512"))
		}
	}
	if n := hs.nobody; n.count("sha256") != 2 || n.count("sha512") != 2 {
		t.Errorf("nobody computes %d and %d signatures", n.count("sha256"), n.count("sha512"))
	}
}

// FuzzVerify: no header lets in who does not know a secret, and none breaks anything.
func FuzzVerify(f *testing.F) {
	f.Add("standard", "msg_1", "1800000000", "v1,"+standardSum, vector)
	f.Add("github", "d1", "", "sha256="+bodySum, vector)
	f.Add("stripe", "", "", "t=1800000000,v1="+stripeSum, vector)
	f.Add("slack", "", "1800000000", "v0="+slackSum, vector)
	f.Add("hmac", "a", "-9223372036854775808", "v2:"+longSum, vector)
	f.Add("bearer", "a", "", "Bearer "+key1[:31], "")
	f.Add("gitlab", "\xff", "", "\x00", "{")
	ready, _, err := prepare(strangers())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, hook, id, stamp, signature, body string) {
		h := ready[hook]
		if h == nil {
			return
		}
		header := http.Header{}
		for _, name := range []string{"webhook-id", "X-GitHub-Delivery", "X-ID", "X-Gitlab-Event-UUID"} {
			header.Set(name, id)
		}
		for _, name := range []string{"webhook-timestamp", "X-Slack-Request-Timestamp", "X-Time"} {
			header.Set(name, stamp)
		}
		header.Set(h.Header, signature)
		if id, err := h.verify(delivery{header, []byte(body)}, now); err == nil {
			t.Errorf("%s was let in as %q", hook, id)
		}
	})
}

// strangers are the hooks above with secrets that no seed was made with.
func strangers() map[string]Hook {
	all := map[string]Hook{}
	for name, h := range everyScheme {
		if h.Scheme != None {
			h.Secrets = []string{"nobody-has-ever-signed-with-this"}
			all[name] = h
		}
	}
	return all
}

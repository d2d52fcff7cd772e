package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxID bounds the id of a delivery.
const maxID = 180

// delivery is a webhook as it came.
type delivery struct {
	header http.Header
	body   []byte
	now    time.Time
}

// verify tells whether the delivery is signed for the hook, and under which id
// it counts.
func (h Hook) verify(d delivery) (id string, ok bool) {
	if h.Scheme == HMAC {
		return h.verifyHMAC(d)
	}
	return h.verifyStandard(d)
}

// verifyStandard follows Standard Webhooks: one of the signatures must be that
// of "id.time.body"; several are sent while a secret is being replaced.
func (h Hook) verifyStandard(d delivery) (string, bool) {
	id, stamp := d.header.Get("webhook-id"), d.header.Get("webhook-timestamp")
	want := base64.StdEncoding.EncodeToString(h.sum([]byte(id+"."+stamp+"."), d.body))
	found := false
	for signature := range strings.FieldsSeq(d.header.Get("webhook-signature")) {
		given, isV1 := strings.CutPrefix(signature, "v1,")
		found = found || (isV1 && equal(given, want))
	}
	return id, found && id != "" && len(id) <= maxID && recent(stamp, d.now)
}

// verifyHMAC compares the HMAC of the body. Nothing signed tells deliveries
// apart, except the body itself when the sender names none.
func (h Hook) verifyHMAC(d delivery) (string, bool) {
	want := hex.EncodeToString(h.sum(d.body))
	given := strings.ToLower(strings.TrimPrefix(d.header.Get(h.SignatureHeader), "sha256="))
	id := d.header.Get(h.IDHeader)
	if id == "" {
		digest := sha256.Sum256(d.body)
		id = hex.EncodeToString(digest[:])
	}
	return id, equal(given, want) && len(id) <= maxID
}

func (h Hook) sum(parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, h.Secret)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// equal compares in a time that tells nothing.
func equal(given, want string) bool { return hmac.Equal([]byte(given), []byte(want)) }

func recent(stamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return false
	}
	return now.Sub(time.Unix(seconds, 0)).Abs() <= Tolerance
}

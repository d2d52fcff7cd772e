package hooks

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Schemes: how deliveries are signed, and what makes one count once.
const (
	// Standard is Standard Webhooks: id, time and body are signed.
	Standard = "standard"
	// GitHub signs the body; X-GitHub-Delivery, which it does not sign, names the delivery.
	GitHub = "github"
	// Stripe signs time and body; the event's id in the body names the delivery.
	Stripe = "stripe"
	// Slack signs time and body; event_id in the body names the delivery. Its url_verification is answered.
	Slack = "slack"
	// HMAC is what others do: an HMAC of the body, or of time and body.
	HMAC = "hmac"
	// Bearer is a token that every delivery brings. It proves nothing about the body.
	Bearer = "bearer"
	// None lets everybody in.
	None = "none"
)

// scheme is how a delivery proves where it comes from.
type scheme struct {
	header  string   // where the signature stands
	options []string // of Hook, that mean something to it
	member  string   // of the body, that names the delivery
	read    func(h *hook, d delivery) proof
}

var schemes = map[string]scheme{
	Standard: {header: "webhook-signature", read: readStandard},
	GitHub:   {header: "X-Hub-Signature-256", read: readGitHub},
	Stripe:   {header: "Stripe-Signature", member: "id", read: readStripe},
	Slack:    {header: "X-Slack-Signature", member: "event_id", read: readSlack},
	HMAC:     {header: "X-Signature-256", options: []string{"header", "prefix", "algorithm", "encoding", "timestamp_header", "id_header"}, read: readHMAC},
	Bearer:   {header: "Authorization", options: []string{"header", "id_header"}, read: readBearer},
	None:     {options: []string{"id_header"}, read: readNone},
}

// delivery is a webhook as it came.
type delivery struct {
	header http.Header
	body   []byte
}

// proof is what the headers of a delivery claim.
type proof struct {
	id      string   // empty = the body has it
	given   [][]byte // signatures; one of them must be that of content
	content []string // before the body
	stamp   string   // when it was signed
	stamped bool     // a delivery without that is refused
	token   string
	fault   error // something is missing
}

// sign adds a signature that is written as text.
func (p *proof) sign(text string, decode func(string) ([]byte, error)) {
	if sum, err := decode(text); err == nil && len(sum) > 0 {
		p.given = append(p.given, sum)
	}
}

func readStandard(h *hook, d delivery) proof {
	id, stamp := d.header.Get("webhook-id"), d.header.Get("webhook-timestamp")
	p := proof{id: id, stamp: stamp, stamped: true, content: []string{id, ".", stamp, "."}}
	if id == "" {
		p.fault = errors.New("it has no header webhook-id")
	}
	for text := range strings.FieldsSeq(d.header.Get(h.Header)) {
		if sum, ok := strings.CutPrefix(text, "v1,"); ok {
			p.sign(sum, base64.StdEncoding.DecodeString)
		}
	}
	return p
}

func readGitHub(h *hook, d delivery) proof {
	p := proof{id: d.header.Get("X-GitHub-Delivery")}
	if sum, ok := strings.CutPrefix(d.header.Get(h.Header), "sha256="); ok {
		p.sign(sum, hex.DecodeString)
	}
	if p.id == "" {
		p.fault = errors.New("it has no header X-GitHub-Delivery")
	}
	return p
}

// readStripe reads t=…,v1=…,v1=…; a second t would leave open which time is signed.
func readStripe(h *hook, d delivery) proof {
	p := proof{stamped: true}
	for part := range strings.SplitSeq(d.header.Get(h.Header), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "t" && p.stamp == "":
			p.stamp = value
		case name == "t":
			p.fault = fmt.Errorf("its header %s has two times", h.Header)
		case name == "v1":
			p.sign(value, hex.DecodeString)
		}
	}
	p.content = []string{p.stamp, "."}
	return p
}

func readSlack(h *hook, d delivery) proof {
	p := proof{stamp: d.header.Get("X-Slack-Request-Timestamp"), stamped: true}
	p.content = []string{"v0:", p.stamp, ":"}
	if sum, ok := strings.CutPrefix(d.header.Get(h.Header), "v0="); ok {
		p.sign(sum, hex.DecodeString)
	}
	return p
}

func readHMAC(h *hook, d delivery) proof {
	p := proof{id: d.header.Get(h.IDHeader)}
	if h.TimestampHeader != "" {
		p.stamp, p.stamped = d.header.Get(h.TimestampHeader), true
		p.content = []string{p.stamp, "."}
	}
	decode := hex.DecodeString
	if h.Encoding == "base64" {
		decode = base64.StdEncoding.DecodeString
	}
	if sum, ok := strings.CutPrefix(d.header.Get(h.Header), h.Prefix); ok {
		p.sign(sum, decode)
	}
	return p
}

func readBearer(h *hook, d delivery) proof {
	p := proof{id: d.header.Get(h.IDHeader), token: d.header.Get(h.Header)}
	if strings.EqualFold(h.Header, "Authorization") {
		word, token, _ := strings.Cut(p.token, " ")
		if p.token = strings.TrimSpace(token); !strings.EqualFold(word, "Bearer") {
			p.token = ""
		}
	}
	return p
}

func readNone(h *hook, d delivery) proof { return proof{id: d.header.Get(h.IDHeader)} }

// Package bank holds the nodes of a team that pays people.
package bank

import (
	"context"
	"regexp"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

// CheckIBAN is a node that lets right account numbers pass.
var CheckIBAN = node.Typed(node.Type{
	Name:    "bank.check_iban",
	Summary: "Leaves with a checked IBAN without blanks; a wrong one is an error that no retry mends.",
	Examples: []node.Example{{
		Title:  "An account in Germany",
		Params: map[string]any{"iban": "de89 3704 0044 0532 0130 00"},
		Output: map[string]any{"iban": "DE89370400440532013000", "country": "DE"},
	}},
}, checkIBAN)

type number struct {
	IBAN string `json:"iban" doc:"The account number, as people write it."`
}

type checked struct {
	IBAN    string `json:"iban" doc:"The same in capitals, without blanks."`
	Country string `json:"country" doc:"Its country, two letters."`
}

var form = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

func checkIBAN(_ context.Context, _ *node.Call, in number) (checked, error) {
	iban := strings.ToUpper(strings.ReplaceAll(in.IBAN, " ", ""))
	switch {
	case !form.MatchString(iban):
		return checked{}, wrong("it is no IBAN: two letters, two digits, then up to 30 letters and digits are expected")
	case remainder(iban[4:]+iban[:4]) != 1:
		return checked{}, wrong("the check digits of the IBAN do not fit; a digit is mistyped")
	}
	return checked{IBAN: iban, Country: iban[:2]}, nil
}

// wrong is an error that stays, whose code workflows can tell from others. It does not repeat the number: messages are logged.
func wrong(why string) error {
	p := flow.Problemf("iban_invalid", "%s", why)
	p.Permanent = true
	return p
}

// remainder is the number modulo 97, letters read as 10 to 35.
func remainder(text string) int {
	r := 0
	for _, c := range text {
		if c <= '9' {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	return r
}

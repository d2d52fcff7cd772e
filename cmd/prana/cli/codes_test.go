package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// TestExplainOfACode tells, without a server, what the documentation says of it.
func TestExplainOfACode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"egress_denied":        "PRANA_EGRESS_ALLOW",
		"BAD_KEY":              "\n      - { key: 1st step, type: core.log }\n",
		"idempotency_mismatch": "- exit code: 5",
		"expression_error":     "expression_error, /docs/problems#expression_error", // beside that of nodes
	} {
		r := prana(t, "", "explain", code)
		r.wants(t, 0, want, "")
		if !strings.HasPrefix(r.stdout, code+", /docs/") || strings.Contains(r.stdout, "**") || strings.Contains(r.stdout, "```") {
			t.Errorf("it is told like this:\n%s", r.stdout)
		}
	}
	prana(t, "", "explain", "egress_denid").wants(t, 4, "", `did you mean "egress_denied"?`)
	with(t, nil, "explain", "cancelled").wants(t, 0, "`acme rerun ID`", "")
}

func TestExplainOfACodeAsData(t *testing.T) {
	t.Parallel()
	var page flow.Page[codeMeaning]
	r := prana(t, "", "explain", "expression_error", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &page); err != nil || len(page.Items) != 2 || page.Items[0].Page != "/docs/errors#expression_error" || page.Items[0].Text == "" {
		t.Errorf("%v: %s", err, r.stdout)
	}
	if lines := strings.Count(prana(t, "", "explain", "expression_error", "-o", "jsonl").stdout, "\n"); lines != 2 {
		t.Errorf("jsonl has %d lines", lines)
	}
}

// TestEveryCodeIsExplained holds the references, which are read, against the tables that they are made of.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	var all []string
	for _, c := range wire.Codes() {
		all = append(all, c.Code)
	}
	for _, f := range wire.FailureCodes() {
		all = append(all, f.Code)
	}
	for _, code := range all {
		if !isCode(code) || codeMeanings()[code] == nil {
			t.Errorf("nothing explains %s", code)
		}
	}
	for code, found := range codeMeanings() {
		for _, m := range found {
			if m.Text == "" || strings.ContainsAny(code, " .") {
				t.Errorf("%q is said to mean %q", code, m.Text)
			}
		}
	}
}

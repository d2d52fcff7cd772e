package cli

import "testing"

func TestDoctor(t *testing.T) {
	t.Parallel()
	prana(t, "", "doctor", "--redis", "miniredis").wants(t, 0, "CHECK", "")
	prana(t, "", "doctor", "--redis", "miniredis", "-o", "json").wants(t, 0, `"ok":true`, "")
	prana(t, "", "doctor", "--redis", "miniredis").wants(t, 0, "advice", "")
	prana(t, "", "doctor", "--redis", "redis://127.0.0.1:1").wants(t, 6, "", "127.0.0.1:1")
}

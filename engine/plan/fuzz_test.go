package plan

import (
	"errors"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// FuzzSchema: a JSON Schema is refused with a place and a reason, or judges any value: fits, or a problem that names fields.
func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer","minimum":1},"b":{"enum":["x",1]}},"additionalProperties":false}`, `{"a":0,"c":1}`)
	f.Add(`{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}`, `[[[[]]]]`)
	f.Add(`{"pattern":"(a+)+$","format":"date","maxLength":3}`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"`)
	f.Add(`{"$ref":"https://example.com/x"}`, `1`)
	f.Add(`{"type":7}`, `12345678901234567890.5`)
	f.Add(`{"allOf":[{"$ref":"#"}]}`, `1`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		v, err := flow.Decode([]byte(value))
		if err != nil {
			t.Skip()
		}
		fuzztest.Cheap(t, func() {
			s, err := compileSchema([]byte(schema))
			if err != nil {
				if path, why := schemaFault(err); path == "" || why == "" || strings.Contains(why, "\n") {
					t.Errorf("refused at %q because of %q", path, why)
				}
				return
			}
			err = s.check("invalid_data", "data", "it does not fit", v)
			if p, ok := errors.AsType[*flow.Problem](err); err != nil && (!ok || p.Message == "") {
				t.Errorf("%s for %s gives %v", value, schema, err)
			}
		})
	})
}

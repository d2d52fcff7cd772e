package eval

import "testing"

func TestFromPortMap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src, want string
		whole     bool
	}{
		{`{{ $input.main.total > 5 }}`, `{{ $input.total > 5 }}`, false},
		{`$input.main.total`, `$input.total`, false},
		{`$input.main`, `$input`, false},
		{`x {{$input["main"]["a b"]}} é {{ $input['main'].x }}`, `x {{$input["a b"]}} é {{ $input.x }}`, false},
		{`{{ [$input.input_a, $input?.input_b.x, $input["input_a"].main] }}`, `{{ [$inputs.input_a, $inputs?.input_b.x, $inputs["input_a"].main] }}`, false},
		{`{{ "é" + $input.main.x | default($input.main.y) | truncate(5) }}`, `{{ "é" + $input.x | default($input.y) | truncate(5) }}`, false},
		{`{{ "$input.main.x" + '$input.main' }} $input.main.x`, `{{ "$input.main.x" + '$input.main' }} $input.main.x`, false},
		{`{{ $nodes.a.output.$input.main }} {{ $inputs.main }}`, `{{ $nodes.a.output.$input.main }} {{ $inputs.main }}`, false},
		{`$$input.main.x`, `$$input.main.x`, false},
		{`{# $input.main.x #}{{ $input.request_id }}`, `{# $input.main.x #}{{ $input.request_id }}`, false},
		{`{{ $input }}`, `{{ $input }}`, true},
		{`$input`, `$input`, false},
		{`{{ $input[$vars.p] }}`, `{{ $input[$vars.p] }}`, false},
		{`{{ $input.main.x`, `{{ $input.main.x`, false},
		{`{{ $input.main.x + " }}`, `{{ $input.main.x + " }}`, false},
		{`nothing`, `nothing`, false},
	}
	for _, tt := range tests {
		got := FromPortMap(tt.src, []string{"input_a", "input_b"})
		if got.Text != tt.want || got.Whole != tt.whole {
			t.Errorf("%s\ngives %s, whole %v", tt.src, got.Text, got.Whole)
		}
		if len(got.Offsets) != len(got.Text)+1 || got.Offsets[len(got.Text)] != len(tt.src) {
			t.Errorf("%s: the offsets are %v", tt.src, got.Offsets)
			continue
		}
		for i := range got.Text {
			if tt.src[got.Offsets[i]] != got.Text[i] && got.Text[i] != 's' {
				t.Errorf("%s: byte %d was not byte %d", tt.src, i, got.Offsets[i])
			}
		}
	}
}

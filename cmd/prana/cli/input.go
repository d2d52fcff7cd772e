package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
)

// input is JSON given in pieces: -i name=text, -i name:=JSON, and a whole object that the pieces are put into.
type input struct {
	pieces []string
	whole  string
	name   string // of the flag for the whole
}

func (in *input) flags(cmd *cobra.Command, whole string) {
	in.name = whole
	cmd.Flags().StringArrayVarP(&in.pieces, "input", "i", nil, "one member: name=text, or name:=JSON")
	cmd.Flags().StringVar(&in.whole, whole, "", "all of it as JSON; - reads stdin")
}

// read gives nil when nothing was given.
func (in *input) read(stdin io.Reader) (json.RawMessage, error) {
	raw, err := in.readWhole(stdin)
	if err != nil || len(in.pieces) == 0 {
		return raw, err
	}
	members := map[string]any{}
	if raw != nil {
		v, _ := flow.Decode(raw)
		m, ok := v.(map[string]any)
		if !ok {
			return nil, usagef("-i adds members to an object, but --%s is none", in.name)
		}
		members = m
	}
	for _, piece := range in.pieces {
		if err := addPiece(members, piece); err != nil {
			return nil, err
		}
	}
	return flow.Encode(members)
}

func (in *input) readWhole(stdin io.Reader) (json.RawMessage, error) {
	text := in.whole
	if text == "" {
		return nil, nil
	}
	if text == "-" {
		all, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("reading stdin: %w", err)
		}
		text = string(all)
	}
	if !json.Valid([]byte(text)) {
		_, err := flow.Decode([]byte(text))
		return nil, invalidf("--%s is no JSON: %w", in.name, err)
	}
	return json.RawMessage(text), nil
}

func addPiece(members map[string]any, piece string) error {
	name, value, ok := strings.Cut(piece, "=")
	typed := strings.HasSuffix(name, ":")
	name = strings.TrimSuffix(name, ":")
	switch {
	case !ok || name == "":
		return usagef("-i %s has no =; write name=text or name:=JSON", piece)
	case !typed:
		members[name] = value
		return nil
	case !json.Valid([]byte(value)):
		return invalidf("-i %s: %s is no JSON; write %s=… for a text", piece, value, name)
	}
	members[name] = json.RawMessage(value)
	return nil
}

package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"prana/engine/flow"
)

// The formats of -o.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatLines = "jsonl"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatJSON, formatLines, formatYAML}

func checkFormat(format string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	return usagef("-o %s is not a format; there are %s", format, strings.Join(formats, ", "))
}

// print writes a value to stdout: as data, or in the form made for people.
func (sh *shell) print(v any, people func()) error {
	if sh.output == formatTable {
		people()
		return nil
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return err
	}
	return sh.printData(raw)
}

// printData writes JSON in the format that was asked for.
func (sh *shell) printData(raw []byte) error {
	if sh.output == formatYAML {
		return sh.printYAML(raw)
	}
	return sh.printJSON(raw, sh.output == formatJSON && width(sh.stdout) > 0)
}

func (sh *shell) printJSON(raw []byte, indented bool) error {
	var b bytes.Buffer
	if indented {
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return err
		}
	} else {
		b.Write(raw)
	}
	b.WriteByte('\n')
	_, err := sh.stdout.Write(b.Bytes())
	return err
}

// printYAML goes by way of JSON, so that the names and their order are the API's.
func (sh *shell) printYAML(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	root, err := yamlNode(dec)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(sh.stdout)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return err
	}
	return enc.Close()
}

// yamlNode reads one JSON value, keeping the order of members.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		return yamlMembers(dec, t)
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: t}, nil
	case json.Number: // as it is written, to the last digit
		return &yaml.Node{Kind: yaml.ScalarNode, Value: t.String()}, nil
	}
	n := new(yaml.Node)
	return n, n.Encode(tok)
}

func yamlMembers(dec *json.Decoder, begin json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if begin == '{' {
		n.Kind = yaml.MappingNode
	}
	for dec.More() { // names and values of an object alternate, and so do the children of a mapping
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := dec.Token()
	return n, err
}

// printPage writes a list, and says on stderr how to get the rest.
func printPage[T any](sh *shell, page flow.Page[T], t *table, none string) error {
	err := printItems(sh, page, t, none)
	if err == nil && page.Cursor != "" {
		sh.note("there are more: --cursor %s", page.Cursor)
	}
	return err
}

// printItems writes a list: in jsonl each item is a line.
func printItems[T any](sh *shell, page flow.Page[T], t *table, none string) error {
	if sh.output == formatLines {
		return printLines(sh, page.Items)
	}
	if page.Items == nil {
		page.Items = []T{}
	}
	return sh.print(page, func() {
		if len(page.Items) == 0 {
			sh.note("%s", sh.ours(none))
			return
		}
		sh.printTable(t)
	})
}

func printLines[T any](sh *shell, items []T) error {
	for _, item := range items {
		raw, err := flow.Encode(item)
		if err != nil {
			return err
		}
		if err := sh.printJSON(raw, false); err != nil {
			return err
		}
	}
	return nil
}

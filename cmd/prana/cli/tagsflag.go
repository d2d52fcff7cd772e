package cli

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// tagsFlag is a flag for tags: name=value, or several with commas between them. Each has one value.
type tagsFlag map[string]string

func (t *tagsFlag) Set(s string) error {
	pairs := []string{strings.Trim(s, `"`)}
	if strings.Count(s, "=") > 1 {
		var err error
		if pairs, err = csv.NewReader(strings.NewReader(s)).Read(); err != nil {
			return err
		}
	}
	for _, pair := range pairs {
		if err := t.add(pair); err != nil {
			return err
		}
	}
	return nil
}

func (t *tagsFlag) add(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return fmt.Errorf("%s must be formatted as name=value", pair)
	}
	if _, twice := (*t)[name]; twice {
		return fmt.Errorf("%s is given twice, and an execution has one value of it", name)
	}
	if *t == nil {
		*t = tagsFlag{}
	}
	(*t)[name] = value
	return nil
}

func (t *tagsFlag) String() string {
	if len(*t) == 0 {
		return ""
	}
	return fmt.Sprint(map[string]string(*t))
}

func (t *tagsFlag) Type() string { return "stringToString" }

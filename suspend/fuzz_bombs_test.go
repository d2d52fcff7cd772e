package suspend

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"prana/engine/fuzztest"
)

// TestNoStoredBomb: a hash that nobody wrote so is an error of its execution, never the end of the process that reads it.
func TestNoStoredBomb(t *testing.T) {
	t.Parallel()
	deep := map[string]string{}
	for i := range 2000 {
		deep[fmt.Sprintf("r%d.000:0", i)] = fmt.Sprintf("@*%d.000,1", i+1)
	}
	wide := map[string]string{}
	for i := range 30 {
		wide[fmt.Sprintf("r%d.000:0", i)] = fmt.Sprintf("@*%d.000,2", i+1)
		wide[fmt.Sprintf("r%d.000:1", i)] = fmt.Sprintf("@*%d.000,2", i+1)
	}
	large := map[string]string{"i": `"` + strings.Repeat("x", 256<<10) + `"`}
	for i := range 300 {
		large[fmt.Sprintf("r0.000:%d", i)] = "@i"
	}
	for name, fields := range map[string]map[string]string{
		"a list in itself":    {"r0.000:0": "@*0.000,1"},
		"lists in lists":      deep,
		"lists of lists":      wide,
		"a long list":         {"r0.000:0": "1", "o0.001": "@*0.000,9000000000000000000"},
		"a list of negatives": {"o0.001": "@*0.000,-1"},
		"a list of nobody":    {"o0.001": "@*x,1"},
		"a large list":        large,
		"a field of no name":  {"": "1"},
	} {
		hash := map[string]string{"r": "op", "h": `1|{"w":"a","v":"1"}`, "f": `1|1|{"s":"running"}`, "o0.000": "@*0.000,300"}
		maps.Copy(hash, fields)
		var err error
		read := func() { _, err = reading{fields: hash}.execution("0abcdefghijklmnopqrstuv") }
		if name == "a large list" || name == "lists of lists" { // which are read up to the bound
			read()
		} else {
			t.Run(name, func(t *testing.T) { fuzztest.Cheap(t, read) })
		}
		if err == nil && name != "a field of no name" {
			t.Errorf("%s is read", name)
		}
	}
}

// TestReadingASharedList: who reads a list of results that many passed on has it once.
func TestReadingASharedList(t *testing.T) {
	t.Parallel()
	hash := map[string]string{"r": "op", "h": `1|{"w":"a","v":"1"}`, "f": `1|1|{"s":"running"}`, "o0.000": "@*0.000,1000"}
	for i := range 1000 {
		hash[fmt.Sprintf("r0.000:%d", i)] = `"` + strings.Repeat("x", 1000) + `"`
	}
	for i := range 200 {
		hash[fmt.Sprintf("o%d.000", i+1)] = "@o0.000"
	}
	fuzztest.Cheap(t, func() {
		x, err := reading{fields: hash}.execution("0abcdefghijklmnopqrstuv")
		if err != nil || len(x.Values["o200.000"]) != 1000*1003+1 {
			t.Error(err, len(x.Values["o200.000"]))
		}
	})
}

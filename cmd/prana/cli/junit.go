package cli

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"prana/engine/cases"
)

// The report of JUnit, as far as CI systems read it.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`

		tookMS int64
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes the report to a file; empty = it is not asked for.
func writeJUnit(file string, results []cases.Result) error {
	if file == "" {
		return nil
	}
	text, err := xml.MarshalIndent(junitOf(results), "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	return os.WriteFile(file, []byte(xml.Header+string(text)+"\n"), 0o644)
}

// junitOf makes a suite of each file; the results of a file stand together.
func junitOf(results []cases.Result) junitReport {
	var r junitReport
	var took int64
	for _, c := range results {
		if n := len(r.Suites); n == 0 || r.Suites[n-1].Name != c.File {
			r.Suites = append(r.Suites, junitSuite{Name: c.File})
		}
		s := &r.Suites[len(r.Suites)-1]
		s.add(c)
		took += c.DurationMS
		r.Tests++
		if c.Status != cases.Passed {
			r.Failures++
		}
	}
	r.Time = seconds(took)
	return r
}

func (s *junitSuite) add(c cases.Result) {
	one := junitCase{Name: c.Name, Class: c.File, File: c.File, Line: c.Line, Time: seconds(c.DurationMS)}
	if c.Status != cases.Passed {
		s.Failures++
		one.Failure = junitFailureOf(c)
	}
	s.Tests++
	s.tookMS += c.DurationMS
	s.Time = seconds(s.tookMS)
	s.Cases = append(s.Cases, one)
}

// junitFailureOf puts the first difference into the message, which is what overviews show, and all of them into the text.
func junitFailureOf(c cases.Result) *junitFailure {
	var all []string
	for _, f := range c.Failures {
		all = append(all, f.String())
	}
	all = append(all, c.Ran())
	first := c.Failures[0]
	message := first.Message
	if first.Expected != "" {
		message = fmt.Sprintf("%s: expected %s, actual %s", first.What, first.Expected, first.Actual)
	}
	return &junitFailure{Message: message, Type: "failure", Text: strings.Join(all, "\n")}
}

func seconds(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }

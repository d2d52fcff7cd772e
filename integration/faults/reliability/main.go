// Command reliability writes integration/RELIABILITY.md from what the runs of the fault programme measured.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"prana/integration/faults/figures"
)

//go:embed reliability.md.tmpl
var page string

func main() {
	if err := write("../RELIABILITY.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	quick, err := figures.Read("results/quick.json")
	if err != nil {
		return err
	}
	full, err := figures.Read("results/full.json")
	if err != nil {
		return err
	}
	for _, r := range []figures.Results{quick, full} {
		if err := known(r); err != nil {
			return err
		}
	}
	product, err := figures.Product("../..")
	if err != nil {
		return err
	}
	runs := func(r figures.Results) string { return runs(r, product) }
	t, err := template.New("page").Funcs(template.FuncMap{"runs": runs, "rows": rows, "told": told, "missed": missed}).Parse(page)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{"Parts": parts, "Quick": quick, "Full": full, "Defects": defects}); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// known refuses results of a part that the page does not describe.
func known(r figures.Results) error {
	for name := range r {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.Test == name }) {
			return fmt.Errorf("the results have a part %s that reliability/parts.go does not describe", name)
		}
	}
	return nil
}

// runs says on what the parts of a tier were run, and whether that is the product as it is.
func runs(r figures.Results, product string) string {
	var seen []string
	began, took := time.Time{}, time.Duration(0)
	for _, p := range r {
		on := p.Redis + ", " + p.Machine + ", commit " + p.Commit + since(p, product)
		if !slices.Contains(seen, on) {
			seen = append(seen, on)
		}
		if began.IsZero() || p.Began.Before(began) {
			began = p.Began
		}
		took = max(took, p.Began.Add(p.Took).Sub(began))
	}
	if len(seen) == 0 {
		return "not run"
	}
	slices.Sort(seen)
	return began.Format(time.DateOnly) + "; " + strings.Join(seen, "; ")
}

// since says what became of the product since a part was run.
func since(p figures.Part, product string) string {
	switch p.Product {
	case product:
		return ""
	case "":
		return " (it is not known whether the product changed since)"
	}
	return " (the product changed since)"
}

// row is a figure of a part in both tiers.
type row struct{ What, Quick, Full, Goal string }

// rows lists the figures of a part, in the order in which they were noted.
func rows(name string, quick, full figures.Results) []row {
	var all []row
	add := func(f figures.Figure, put func(*row, string)) {
		i := slices.IndexFunc(all, func(r row) bool { return r.What == f.What })
		if i < 0 {
			i = len(all)
			all = append(all, row{What: f.What, Quick: "–", Full: "–"})
		}
		text := figures.Amount(f.Got, f.Unit)
		if !f.Reached() {
			text = "**" + text + "**"
		}
		put(&all[i], text)
		if f.Goal != nil {
			goal := f.Goal.Than + " " + figures.Amount(f.Goal.Value, f.Unit)
			if !strings.Contains(all[i].Goal, goal) {
				all[i].Goal = strings.TrimPrefix(all[i].Goal+" / "+goal, " / ")
			}
		}
	}
	for _, f := range quick[name].Figures {
		add(f, func(r *row, text string) { r.Quick = text })
	}
	for _, f := range full[name].Figures {
		add(f, func(r *row, text string) { r.Full = text })
	}
	return all
}

// told lists what else is to be known of the runs of a part.
func told(name string, quick, full figures.Results) []string {
	var all []string
	if text := quick[name].Told; text != "" {
		all = append(all, "quick: "+text)
	}
	if text := full[name].Told; text != "" {
		all = append(all, "full: "+text)
	}
	return all
}

// missed lists what was not run, or did not reach its goal.
func missed(tier string, r figures.Results) []string {
	var all []string
	for _, p := range parts {
		got, ok := r[p.Test]
		if !ok {
			all = append(all, fmt.Sprintf("%s (`%s`) was not run in the %s tier", p.Title, p.Test, tier))
			continue
		}
		if got.Looked {
			all = append(all, fmt.Sprintf("%s (`%s`) was not run in the %s tier, which only looks at it", p.Title, p.Test, tier))
		}
		for _, f := range got.Figures {
			if !f.Reached() {
				all = append(all, fmt.Sprintf("%s (`%s`, %s): %s", p.Title, p.Test, tier, f))
			}
		}
		if !got.Passed && !slices.ContainsFunc(got.Figures, func(f figures.Figure) bool { return !f.Reached() }) {
			all = append(all, fmt.Sprintf("%s (`%s`) failed in the %s tier", p.Title, p.Test, tier))
		}
	}
	return all
}

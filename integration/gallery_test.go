package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"prana/engine/cases"
	"prana/engine/definition"
	"prana/engine/enginetest"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

// TestGalleryIsAsItShouldBe: what people copy is in the form that fmt writes, and nothing warns of it.
func TestGalleryIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(append(nodes.Builtin(nodes.Options{}), galleryTypes...)...)
	for _, e := range galleryEntries(t) {
		files, err := filepath.Glob(filepath.Join(e.dir, "*.yaml"))
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.yaml") })
		if err != nil || len(files) != len(e.Workflows)+1 {
			t.Errorf("%s has the files %v, and plays %v", e.dir, files, e.Workflows)
		}
		for _, name := range e.Workflows {
			file, src, err := e.source(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, found := definition.Check(file, src, reg, plan.Options{}); len(found) > 0 {
				t.Errorf("%v", found)
			}
			if formatted, _, err := definition.Rewrite(file, src, definition.YAML); err != nil || !bytes.Equal(formatted, src) {
				t.Errorf("%s is not as fmt writes it (%v)", file, err)
			}
		}
	}
}

func TestGalleryUnderTheJumpingClock(t *testing.T) {
	t.Parallel()
	for _, e := range galleryEntries(t) {
		for _, c := range e.Cases {
			t.Run(e.name()+"/"+c.Says, func(t *testing.T) {
				t.Parallel()
				w := newGalleryWorld(c)
				types := append(nodes.Builtin(nodes.Options{HTTP: &http.Client{Transport: w}}), galleryTypes...)
				h := &clockHouse{t: t, Env: enginetest.Open(t, enginetest.Options{Types: types, Secrets: e.Secrets})}
				for _, name := range e.Workflows {
					if _, _, err := h.Engine().Deploy(t.Context(), e.published(t, name, node.NewRegistry(types...), nil, "")); err != nil {
						t.Fatal(err)
					}
				}
				play(t, h, e, c, w)
			})
		}
	}
}

// TestGalleryCases plays the cases that prana test runs, as a team does whose nodes that binary does not know.
func TestGalleryCases(t *testing.T) {
	t.Parallel()
	enginetest.RunCases(t, "testdata/gallery/*/*_test.yaml", func(w cases.World) []node.Type {
		return append(nodes.Builtin(nodes.Options{HTTP: nodes.Offline(w)}), galleryTypes...)
	})
}

// TestGalleryOnRedis plays the same on a real Redis, with two workers as a team would build them.
func TestGalleryOnRedis(t *testing.T) {
	t.Parallel()
	entries := galleryEntries(t)
	s := galleryFleet(t, entries)
	for _, e := range entries {
		t.Run(e.name(), func(t *testing.T) {
			t.Parallel()
			for _, c := range e.Cases { // one after the other: they publish the same workflows
				t.Run(c.Says, func(t *testing.T) {
					w := newGalleryWorld(c)
					url := w.serve(t, c.AtOnce)
					for _, name := range e.Workflows {
						if _, _, err := s.engine.Deploy(t.Context(), e.published(t, name, s.reg, c.Real.Variables, url)); err != nil {
							t.Fatal(err)
						}
					}
					play(t, &redisHouse{system: s, t: t}, e, c, w)
				})
			}
		})
	}
}

// TestGalleryIndex holds GALLERY.md against the files.
func TestGalleryIndex(t *testing.T) {
	t.Parallel()
	want := galleryIndex(t, galleryEntries(t))
	if *update {
		if err := os.WriteFile("GALLERY.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("GALLERY.md")
	if err != nil || string(got) != want {
		t.Errorf("GALLERY.md is not what the files of testdata/gallery say (%v); run this test with -update", err)
	}
}

func galleryIndex(t *testing.T, entries []galleryEntry) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(galleryHead)
	for _, e := range entries {
		for i, name := range e.Workflows {
			file, src, err := e.source(name)
			if err != nil {
				t.Fatal(err)
			}
			w, _, _ := definition.Read(file, src)
			if i == 0 {
				fmt.Fprintf(&b, "\n### [%s](%s)\n\n%s\n", w.Name, filepath.ToSlash(file), w.Description)
			} else {
				fmt.Fprintf(&b, "With [%s](%s).\n", w.ID, filepath.ToSlash(file))
			}
		}
		fmt.Fprintf(&b, "\n[Cases](%s/cases.yaml)%s:\n\n", filepath.ToSlash(e.dir), testFileOf(e))
		for _, c := range e.Cases {
			fmt.Fprintf(&b, "- %s\n", c.Says)
		}
	}
	return b.String()
}

// testFileOf links to the file that an entry has for prana test, if it has one.
func testFileOf(e galleryEntry) string {
	file := filepath.Join(e.dir, e.Workflows[0]+"_test.yaml")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return fmt.Sprintf(", [for `prana test`](%s)", filepath.ToSlash(file))
}

const galleryHead = `# Gallery

Workflows to copy. Each is in the form that ` + "`prana fmt`" + ` writes, without a warning of ` + "`prana validate`" + `, with comments on why it is as it is. The
cases beside it say what is done to it and what must come of it; they were written by hand, and the tests play all of them twice:
under a clock that jumps (months pass in milliseconds), and on a real Redis with two worker processes and an HTTP server for the world outside.

## How to read cases

` + "`workflows`" + ` are published in this order; ` + "`start`" + `, ` + "`webhook`" + ` and schedules begin the first. ` + "`world`" + ` says what each address answers, in order; the
last answer stands, and an address that is not named must not be called. Then the steps:

| step | |
|---|---|
| ` + "`start`" + ` | begin an execution with this input; ` + "`refused`" + ` beside it: it must not begin, and be refused with this code |
| ` + "`webhook`" + ` | send this to the workflow; ` + "`answer`" + ` is what the caller must be answered |
| ` + "`publish`" + `, ` + "`resume`" + `, ` + "`cancel`" + ` | an event to all, an end of a wait by hand, an end of the execution |
| ` + "`follow`" + ` | end a wait by the resume URL that the first call of ` + "`link_in`" + ` carried |
| ` + "`advance`" + ` | let time pass; ` + "`advance_schedule`" + `: while no worker is there |
| ` + "`want`" + ` | what must hold: ` + "`status`, `error` (code), `path` (nodes in the order in which they ended: `key#run.port`), `ran` (the same in any order), `waits`, `output`, `children`, `began`" + `, and ` + "`calls`" + `: all calls of the world, each address once (` + "`times`" + `, 1 by default) and with one idempotency key, unless ` + "`keys`" + ` says otherwise |

The text … stands for what is another each time.

On a real Redis time passes by itself. So durations are variables of the workflows, and ` + "`real.variables`" + ` of a case makes short those that it lets pass;
retries wait 20 ms; variables that are addresses lead to the server of the test; what is wanted is waited for, and not looked at where the next step
lets time pass. A schedule is set back by as much as is missed.

Some have a file for ` + "`prana test`" + ` besides, with stubs, in the words of [Testing your workflow](../handlers/docs/pages/testing.md).

This page is made from the files: ` + "`go test ./integration -run GalleryIndex -update`" + `.

## Workflows
`

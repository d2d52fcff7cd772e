package cli

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"prana/engine/cases"
)

// shopTests has a case for each way to fail.
var shopTests = filepath.Join("testdata", "cases", "shop_test.yaml")

// TestTestTellsPeople holds what is printed of a file against a text beside it: the differences with their lines, and the coverage.
func TestTestTellsPeople(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{"shop": 1, "bad": 3, "strange": 3, "empty": 3, "shapes": 3, "nothing": 3} {
		r := prana(t, "", "test", filepath.Join("testdata", "cases", name+"_test.yaml"))
		golden := filepath.Join("testdata", "cases", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(r.stdout+r.stderr), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if r.code != code || r.stdout+r.stderr != string(want) {
			t.Errorf("%s: exit %d, want %d; got:\n%s%s\nwant:\n%s", name, r.code, code, r.stdout, r.stderr, want)
		}
	}
}

func TestTestAsData(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "test", shopTests, "-o", "json")
	var got tested
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	if r.code != 1 || got.OK || got.Passed != 2 || got.Failed != 3 || len(got.Cases) != 5 {
		t.Errorf("exit %d, %+v", r.code, got)
	}
	if len(got.Coverage) != 1 || got.Coverage[0].Branches != 6 || got.Coverage[0].Taken != 4 {
		t.Fatalf("the coverage is %+v", got.Coverage)
	}
	var missing []string
	for _, b := range got.Coverage[0].Missing {
		missing = append(missing, b.String())
	}
	if want := []string{"enough.false", "paid.late -> forget"}; !slices.Equal(missing, want) {
		t.Errorf("never taken are %q, want %q", missing, want)
	}
	if lines := strings.Count(prana(t, "", "test", shopTests, "-o", "jsonl").stdout, "\n"); lines != 5 {
		t.Errorf("jsonl has %d lines", lines)
	}
}

// TestTestReportsJUnit reads the report as CI systems do.
func TestTestReportsJUnit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.xml")
	prana(t, "", "test", shopTests, "--junit", file).wants(t, 1, "2 passed, 3 failed", "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got junitReport
	if err := xml.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got.Tests != 5 || got.Failures != 3 || len(got.Suites) != 1 || got.Suites[0].Tests != 5 || got.Suites[0].Failures != 3 {
		t.Fatalf("the report is %s", text)
	}
	passed, failed := got.Suites[0].Cases[0], got.Suites[0].Cases[1]
	if passed.Failure != nil || passed.Class != shopTests || passed.Line != 5 {
		t.Errorf("the first case is %+v", passed)
	}
	if f := failed.Failure; f == nil || f.Message != "status: expected failed, actual completed" || !strings.Contains(f.Text, "ran: start stock") {
		t.Errorf("the second case is %+v", failed)
	}
	prana(t, "", "test", shopTests, "--junit", filepath.Join(file, "no", "directory")).wants(t, 1, "2 passed, 3 failed", "report.xml")
}

func TestTestOfSomeCases(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "test", shopTests, "--case", "refused")
	r.wants(t, 0, "1 passed, 0 failed", "")
	if strings.Contains(r.stdout, "branches") {
		t.Errorf("some cases say nothing of the coverage: %s", r.stdout)
	}
	prana(t, "", "test", shopTests, "--case", "nobody wrote this").wants(t, 2, "", "there is no such case")
}

// TestTestAsksNobody proves that a request of a case never leaves the process.
func TestTestAsksNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	partner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer partner.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"call.yaml":      "id: call\nnodes:\n  - {key: start, type: manual.trigger}\n  - {key: ask, type: http.request, params: {url: " + partner.URL + "/x}}\nconnections: [start -> ask]\n",
		"call_test.yaml": "workflow: call.yaml\ncases:\n  - {name: ask, want: {error: http_error}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prana(t, "", "test", dir).wants(t, 1, "was asked, and the case does not answer it", "")
	if asked.Load() != 0 {
		t.Error("the partner was asked")
	}
}

func TestTestOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	orphan := filepath.Join(dir, "orphan_test.yaml")
	if err := os.WriteFile(orphan, []byte("workflow: gone.yaml\ncases: [{name: a, want: {status: completed}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	prana(t, "", "test").wants(t, 2, "", "prana test FILE|DIR...")
	prana(t, "", "test", "-").wants(t, 2, "", "from disk")
	prana(t, "", "test", "gone_test.yaml").wants(t, 4, "", "gone_test.yaml")
	prana(t, "", "test", orphan).wants(t, 4, "", "gone.yaml")
	prana(t, "", "test", t.TempDir()).wants(t, 3, "", "has no files *_test.yaml")
}

// TestCasesAreNoDefinitions: a directory of workflows may hold them without a word.
func TestCasesAreNoDefinitions(t *testing.T) {
	t.Parallel()
	sh := &shell{stderr: &strings.Builder{}}
	found, err := sh.readDir(filepath.Join("testdata", "cases"))
	prana(t, "", "validate", shopTests, filepath.Join("testdata", "cases", "shop.yaml")).wants(t, 0, "", "left out, it has test cases")
	prana(t, "", "fmt", "--check", shopTests).wants(t, 0, "", "left out, it has test cases")
	if err != nil || len(found) != 1 || sh.stderr.(*strings.Builder).String() != "" {
		t.Errorf("found %d definitions (%v), and said %q", len(found), err, sh.stderr)
	}
}

func TestJUnitHasASuiteForEachFile(t *testing.T) {
	t.Parallel()
	r := junitOf([]cases.Result{{File: "a", Status: cases.Passed, DurationMS: 1200}, {File: "b", Status: cases.Passed}, {File: "b", Status: cases.Passed, DurationMS: 34}})
	if len(r.Suites) != 2 || r.Suites[1].Tests != 2 || r.Time != "1.234" || r.Suites[1].Time != "0.034" {
		t.Errorf("got %+v", r)
	}
}

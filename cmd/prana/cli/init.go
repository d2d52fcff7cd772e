package cli

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"prana/config"
	"prana/engine/definition"
	"prana/engine/flow"
)

// templates are the files of a first project.
//
//go:embed all:templates
var templates embed.FS

// schemaFile is the JSON Schema that the workflow of a first project names.
const schemaFile = "prana.schema.json"

func (sh *shell) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first project: a workflow with test cases, the settings, and what to do next; needs no server",
		Long: "Write a first project into DIR, or into the current directory: a workflow with test cases, the settings with comments,\n" +
			"a schema for editors, and a README with what to do next. Files that exist are left as they are.",
		Args: takes(0, 1),
		RunE: verb(func(_ context.Context, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return sh.init(dir)
		}),
	}
}

// project is what was made of a directory.
type project struct {
	Dir     string   `json:"dir"`
	Created []string `json:"created"`
	Kept    []string `json:"kept"` // they existed
}

func (sh *shell) init(dir string) error {
	contents, err := sh.projectFiles()
	if err != nil {
		return err
	}
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("the directory of the project: %w", err)
	}
	p := project{Dir: dir, Created: []string{}, Kept: []string{}}
	for _, f := range contents {
		switch err := createFile(filepath.Join(dir, f.file), f.text); {
		case errors.Is(err, fs.ErrExist):
			p.Kept = append(p.Kept, f.file)
		case err != nil:
			return err
		default:
			p.Created = append(p.Created, f.file)
		}
	}
	return sh.print(p, func() { sh.printProject(p) })
}

// projectFiles are the templates, with their commands as this program is called, and the schema of the node types of this binary.
func (sh *shell) projectFiles() ([]source, error) {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	var all []source
	for _, e := range entries {
		text, err := templates.ReadFile("templates/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, source{e.Name(), []byte(sh.ours(string(text)))})
	}
	schema, err := flow.Encode(definition.Schema(sh.checker(config.Default()).registry))
	return append(all, source{schemaFile, append(schema, '\n')}), err
}

// makeDir makes a directory, where nothing else has its name.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if errors.Is(err, syscall.ENOTDIR) {
		return mark(err, errUsage)
	}
	return err
}

// createFile never writes over a file, nor through a link.
func createFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (sh *shell) printProject(p project) {
	for _, file := range p.Created {
		fmt.Fprintln(sh.stdout, filepath.Join(p.Dir, file))
	}
	for _, file := range p.Kept {
		sh.note("%s exists and was left as it is", filepath.Join(p.Dir, file))
	}
	if len(p.Created) == 0 {
		return
	}
	if filepath.Clean(p.Dir) != "." {
		sh.note("next: cd %s", p.Dir)
	}
	sh.note("next: prana dev, and in another terminal\n      prana run order -i order_id=42 -i amount:=250\n      prana approve @last")
}

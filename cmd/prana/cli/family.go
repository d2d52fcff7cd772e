package cli

import (
	"context"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/client"
)

// family prints the tree that an execution stands in.
func (sh *shell) family(ctx context.Context, c *client.Client, id string, depth int) error {
	f, err := c.Family(ctx, id, depth)
	if err != nil {
		return err
	}
	if sh.output == formatLines {
		err = printLines(sh, f.Items)
	} else {
		err = sh.print(f, func() { sh.printTable(familyTree(f, id, sh.look(sh.stdout, false))) })
	}
	if err == nil && f.Truncated {
		sh.note("there are more than these %d: a greater --depth tells of more generations, `prana relations --parent ID` of all children", len(f.Items))
	}
	return err
}

// familyTree has a row for each execution, below that of its parent.
func familyTree(f *flow.Family, self string, l live.Look) *table {
	top := flow.FamilyLink{Relation: flow.Relation{ChildID: self}}
	if len(f.Items) > 0 {
		top.ChildID = f.Items[0].ParentID
	}
	if r := f.Root; r != nil {
		top.ChildID, top.Workflow, top.Status, top.CreatedAt = r.ID, r.Workflow, r.Status, r.CreatedAt
	}
	b := familyRows{table: newTable("EXECUTION", "STATUS", "WORKFLOW", "MODE", "NODE", "CREATED"), self: self, look: l, children: map[string][]flow.FamilyLink{}}
	for _, l := range f.Items {
		b.children[l.ParentID] = append(b.children[l.ParentID], l)
	}
	b.add(top, "", "")
	return b.table
}

type familyRows struct {
	table    *table
	self     string
	look     live.Look
	children map[string][]flow.FamilyLink
}

// add writes an execution and all below it. The first line begins with before, those below it with under.
func (b *familyRows) add(l flow.FamilyLink, before, under string) {
	name, status := l.ChildID, string(l.Status)
	if name == b.self {
		name += " (this)"
	}
	if status == "" {
		status = "purged"
	}
	b.table.add(before+name, status, l.Workflow, l.Mode, l.Node, moment(&l.CreatedAt))
	kids := b.children[l.ChildID]
	for i, k := range kids {
		last := i == len(kids)-1
		b.add(k, under+b.look.Branch(last), under+b.look.Stem(last))
	}
}

// Package programs makes random workflows and says what they must come to, without knowing the engine: a program is a list of
// statements, one after the other, with branches, choices, loops, items and other programs inside one another. What it comes to
// depends on the text that it is started with, and on no order in which things happen.
package programs

import (
	"fmt"
	"math/rand/v2"
)

// Program is a workflow that is started with a text, and leaves with one.
type Program struct {
	Name       string
	Sequential bool
	body       block
	children   []*Program
}

// Workflows names it and all that it may start.
func (p *Program) Workflows() []string {
	all := []string{p.Name}
	for _, c := range p.children {
		all = append(all, c.Workflows()...)
	}
	return all
}

type block []statement

// op says what a statement does with the text that it is given.
type op string

const (
	effect  op = "effect"  // has the partner make something of it
	retried op = "retried" // the same, though its first attempts fail
	failed  op = "failed"  // the same, which always fails: goes on with the text as it was
	lane    op = "lane"    // an effect, a few at a time
	delay   op = "delay"   // sleeps
	event   op = "event"   // waits for an event, which brings another text
	late    op = "late"    // waits for one that never comes
	poll    op = "poll"    // asks until there is an answer
	child   op = "child"   // has another program make something of it
	spawn   op = "spawn"   // starts another program, and does not wait
	fork    op = "fork"    // gives it to several blocks at once, and joins what they come to
	choice  op = "choice"  // gives it to one of two blocks
	loop    op = "loop"    // has a block make something of it, again and again
	each    op = "each"    // makes items of it, and has a block make something of each
)

type statement struct {
	op     op
	key    string // of its node, or the beginning of the keys of its nodes
	n      int    // attempts that fail, items, questions, number of the lane, how many at a time
	ms     int
	async  bool // the child waits for its turn
	blocks []block
	child  *Program
}

// maxSteps bounds what one execution may do.
const maxSteps = 120

// Generate makes a random program. The same choices make the same program.
func Generate(dice *rand.Rand, name string) *Program {
	for {
		g := &generator{dice: dice}
		p := g.program(name, 2)
		if fits(p) {
			return p
		}
	}
}

// fits tells whether a program stays small, for a few texts that stand for all.
func fits(p *Program) bool {
	for i := range 5 {
		if e := p.Interpret(fmt.Sprint("probe-", i)); e.Steps > maxSteps || len(e.Effects) == 0 {
			return false
		}
	}
	return true
}

type generator struct {
	dice *rand.Rand
	keys int
}

func (g *generator) program(name string, depth int) *Program {
	p := &Program{Name: name, Sequential: g.dice.IntN(4) == 0}
	p.body = g.block(p, depth, 2, 5)
	p.body = append(p.body, statement{op: effect, key: g.key()})
	return p
}

func (g *generator) key() string {
	g.keys++
	return fmt.Sprint("n", g.keys)
}

func (g *generator) block(p *Program, depth, least, most int) block {
	var b block
	for range least + g.dice.IntN(most-least+1) {
		b = append(b, g.statement(p, depth))
	}
	return b
}

func (g *generator) statement(p *Program, depth int) statement {
	ops := []op{effect, effect, effect, retried, failed, lane, delay, delay, event, event, late, poll}
	if depth > 0 {
		ops = append(ops, child, child, spawn, fork, fork, choice, choice, loop, each, each)
	}
	s := statement{op: ops[g.dice.IntN(len(ops))], key: g.key(), n: 1 + g.dice.IntN(3), ms: 10 + g.dice.IntN(300), async: g.dice.IntN(2) == 0}
	blocks := map[op]int{fork: 2 + g.dice.IntN(2), choice: 2, loop: 1, each: 1}[s.op]
	for range blocks {
		s.blocks = append(s.blocks, g.block(p, depth-1, 0, 3))
	}
	if s.op == child || s.op == spawn {
		s.child = (&generator{dice: g.dice}).program(fmt.Sprintf("%s_%d", p.Name, len(p.children)), depth-1)
		p.children = append(p.children, s.child)
	}
	return s
}

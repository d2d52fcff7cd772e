package main

// part describes one test of the programme.
type part struct{ Test, Title, What string }

// parts are all of them, in the order of the page.
var parts = []part{
	{"TestUndisturbed", "Control", "Random programs, undisturbed: what the interpreter expects is what the product does."},
	{"TestKilled", "Processes killed", "Workers and servers are killed by SIGKILL, one after the other, while executions run; each is replaced at once. Senders repeat with their ids."},
	{"TestMutants", "Guards taken away", "The product without one of its guards at a time: a part of the programme must fail."},
}

// defect is something that the programme found and that is mended.
type defect struct{ By, What, Test string }

var defects = []defect{}

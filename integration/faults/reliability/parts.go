package main

// part describes one test of the programme.
type part struct{ Test, Title, What string }

// parts are all of them, in the order of the page.
var parts = []part{
	{"TestUndisturbed", "Control", "Random programs, undisturbed: what the interpreter expects is what the product does."},
	{"TestKilled", "Processes killed", "Workers and servers are killed by SIGKILL, one after the other, while executions run; each is replaced at once. Senders repeat with their ids."},
	{"TestLossyNetwork", "Lossy network", "Workers and servers reach Redis by a network that does each of its faults to one in a hundred: it refuses connections, swallows requests, loses replies of what was done, cuts replies in the middle, and delays them."},
	{"TestSlowNetwork", "Slow network", "Every reply of Redis comes 200 ms later, plus or minus as much."},
	{"TestEachReplyLost", "Each reply lost", "A chain, an event, a child, a delay and a fan-out, each with a worker and asynq as they are, while the first reply of Redis is lost, the second, and so on to the last."},
	{"TestPartition", "Partition", "Half of the workers cannot reach Redis, but still reach the partner: their steps are broken off by their own clocks before others begin them again."},
	{"TestPausedWorkers", "Workers paused", "Workers are stopped by SIGSTOP in the middle of steps until others have taken these over, and then go on with the answers in their hands."},
	{"TestPausedRedis", "Redis paused", "Redis is stopped by SIGSTOP for 20 s, longer than claims last."},
	{"TestWrongClocks/ahead", "Clocks ahead", "Workers and servers whose clocks are a minute ahead, asynq's included, while workers are killed. Redis' clock is the judge."},
	{"TestWrongClocks/behind", "Clocks behind", "The same, with clocks that are a minute behind."},
	{"TestWrongClocks/both", "Clocks apart", "The same, with one half a minute ahead and the other a minute behind."},
	{"TestOtherClock/ahead", "Clocks ahead of Redis'", "Workers a minute ahead of a Redis in memory, whose clock can be set."},
	{"TestOtherClock/behind", "Clocks behind Redis'", "Workers a minute behind it."},
	{"TestClockOfRedisJumps/forward", "Redis' clock set forward", "It jumps by 30 s while timers sleep: they are early by as much at most, as the partner sees it."},
	{"TestClockOfRedisJumps/back", "Redis' clock set back", "It jumps by 30 s while timers sleep: they are late by as much, and none is lost."},
	{"TestMutants", "Guards taken away", "The product without one of its guards at a time: a part of the programme must fail."},
}

// defect is something that the programme found and that is mended.
type defect struct{ By, What, Test string }

var defects = []defect{
	{"Partition", "A step that could not be renewed was broken off up to 15 s after its last renewal, while its claim had ended after 12 s: another worker could begin it meanwhile.", "TestCutOffWorkerStops"},
}

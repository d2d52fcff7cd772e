package main

// part describes one test of the programme.
type part struct{ Test, Title, What string }

// parts are all of them, in the order of the page.
var parts = []part{
	{"TestUndisturbed", "Control", "Random programs, undisturbed: what the interpreter expects is what the product does."},
	{"TestKilled", "Processes killed", "Workers and servers are killed by SIGKILL, one after the other, while executions run; each is replaced at once. Senders repeat with their ids."},
	{"TestFailpoints", "Failpoints", "Every Redis command of three dozen scenarios is broken off: the process dies before it or after it, it fails without being executed, it is executed and its reply is lost, it times out, it is executed twice, its caller goes away. The full tier breaks off random pairs as well. What must come of each scenario is written by hand."},
	{"TestRaces", "Races", "What may end the same wait or execution begins at the same instant, in several processes; porcupine holds what each was told against a register. Delays are tuned until everybody wins."},
	{"TestModel", "Model of the store", "Random operations on the store, repeated, lost and crashed, against a model of it in plain maps; what doctor looks for after each."},
	{"TestFlowModel", "Model of the engine", "Random requests and tasks, run, run twice and lost, against a model of executions; what doctor looks for after each."},
	{"TestRedisKilled", "Redis killed, appendfsync always", "Redis is killed by SIGKILL again and again under load and started again. Nobody repeats what was acknowledged."},
	{"TestRedisKilledWithItsLastSecond", "Redis killed, appendfsync everysec", "The same, and each time the end of its file is torn off at any byte of the last two seconds, as by a crash of the machine. Senders repeat everything in the end."},
	{"TestRedisMemoryFull", "Memory full", "Redis has no memory left, three seconds at a time, under load; then room is made by a purge."},
	{"TestRedisWithDangerousSettings", "Wrong settings", "A Redis that evicts keys, and one that keeps nothing on disk."},
	{"TestAsynqForgetsEverything", "All tasks lost", "Every key of asynq's is deleted three times in the middle of a run, but for the intake queue, whose tasks are nowhere else."},
	{"TestAsynqForgetsAList", "A list of tasks lost", "One kind of asynq's keys is deleted at a time: a list without its tasks, or the tasks without their lists, so that what is left says otherwise."},
	{"TestAKeyDeleted", "A key deleted", "Each kind of key of an execution or its partition is deleted under executions that wait."},
	{"TestRedisEmptied", "Redis emptied", "FLUSHALL under running workers and servers. Senders repeat everything to those that are started afterwards."},
	{"TestRedisRestoredFromABackup", "Redis rewound", "Older data of the same store is put under running workers and servers. Senders repeat everything to those that are started afterwards."},
	{"TestTimersAcrossACrashOfEverything", "Timers", "Workers, servers and Redis are killed at once while timers sleep, many of which come due before anything is there again."},
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
	{"TestMixedVersions", "Two versions at once", "Workers and servers of the version before the newest change of what is stored (scripts, codecs, format, tasks) work beside today's, and are rolled forward and back, kills included."},
	{"TestUnknownNodes", "Unknown nodes", "A worker that does not know the type of a node leaves its step to one that does."},
	{"TestFuzz", "Fuzzing", "Every fuzz target of the product looks for new inputs for a while; their corpora are run by `make test`."},
	{"TestMutants", "Guards taken away", "The product without one of its guards at a time: a part of the programme that passes on the product as it is must complain of what the guard is for."},
}

// defect is something that the programme found and that is mended.
type defect struct{ By, What, Test string }

var defects = []defect{
	{"TestFailpoints", "A publisher whose patience ended while a commit hung took the wait for gone: the event was kept, and the wait slept on.", "TestAnEventOutlivesTheLastMomentOfPatience"},
	{"TestFlowModel, TestFailpoints", "A cancel or resume that was repeated was told that somebody else was first, when only the look after its id failed.", "TestRepeatedRequestWhoseStoreIsAwayIsNotRefused"},
	{"TestRedisKilledWithItsLastSecond", "A transaction torn in the file of Redis came back in halves with the start after the next (a defect of Redis, seen with 7.0.15).", "TestATornTransactionDoesNotComeBackInHalves"},
	{"TestRedisKilledWithItsLastSecond", "A process that looked for kept events while Redis lost its last second noted events as listed that were not: waits did not find them.", "TestAMarkDoesNotPassEventsThatARewindTookOutOfTheirLists"},
	{"TestRedisKilledWithItsLastSecond", "A publisher that went on after Redis had lost its event noted it as published: it counted, and was nowhere.", "TestAnEventThatARewindTookIsNotFinished"},
	{"TestRedisKilledWithItsLastSecond", "A start that went on after Redis had lost its id created an execution that a repetition of the start did not find.", "TestAStartIDThatTheStoreLostStillCountsOnce"},
	{"TestFailpoints", "A process died that could not tell an event which wait took it, and so did the next that looked: the event was offered until its time was over.", "TestATakenEventIsToldSo"},
	{"TestSlowNetwork", "The sweeper took the task of a step for lost that a worker took just then, the last of its queue: the step ran twice.", "TestATaskThatIsTakenIsNoGhost"},
	{"TestFuzz", "A wait until the first millisecond of 1970 was stored without its time, and never ended.", "FuzzExecution"},
	{"TestRedisRestoredFromABackup", "Nobody noticed that the data of Redis was older than what processes knew.", "TestEveryProcessNoticesThatThePartitionWentBack"},
	{"TestRedisWithDangerousSettings", "Processes started on a Redis that evicts keys.", "TestNoProcessStartsOnARedisThatEvicts"},
	{"Partition", "A step that could not be renewed was broken off up to 15 s after its last renewal, while its claim had ended after 12 s: another worker could begin it meanwhile.", "TestCutOffWorkerStops"},
	{"TestFuzz", "A field of a hash without a name ended the process that read it; a stored list of results that refers to itself, or a stored count, made readers recurse or build gigabytes.", "TestNoStoredBomb"},
	{"TestFuzz", "A definition in which a name inside of braces has no value could not be rewritten, since the result would have said something else.", "FuzzRewrite"},
	{"TestFuzz", "Numbers below zero in the stored state of a node were read, and would have been written as others.", "FuzzExecution"},
	{"TestFuzz", "Lines of the due index in another spelling than ours could never be settled or forgotten.", "FuzzDueEntry"},
	{"TestFuzz", "Kept events whose keys had lost their expiry, as in a backup, had those who looked for them look for ever.", "TestKeptEventsThatLostTheirExpiry"},
	{"snapshots of earlier versions", "A retry of what failed in a version before steps noted what a retry runs again completed it at once, with nothing.", "TestRetryOfAnEarlierVersion"},
}

package suspend

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	"prana/engine/flow"
)

// Every key of a partition carries the partition's hash tag, which is also the
// name of its asynq queue: one slot, so that one script can store everything.

func tag(partition int) string {
	if partition < len(tags) {
		return tags[partition]
	}
	return makeTag(partition)
}

func makeTag(partition int) string { return "{prana-" + strconv.Itoa(partition) + "}:" }

// tags are those of the partitions that most installations have.
var tags = func() (all [16]string) {
	for i := range all {
		all[i] = makeTag(i)
	}
	return all
}()

// home is the tag of the partition that an execution lives in.
func home(execution string) string {
	p, _ := flow.PartitionOf(execution) // ids are checked at the door
	return tag(p)
}

func executionKey(id string) string              { return home(id) + "x:" + id }
func stateKey(id string) string                  { return home(id) + "v:" + id }
func outboxKey(id string) string                 { return home(id) + "q:" + id }
func dueKey(tag string) string                   { return tag + "due" }
func allKey(tag string) string                   { return tag + "all" }
func beatsKey(tag string) string                 { return tag + "beats" }
func feedKey(tag string) string                  { return tag + "feed" }
func statusKey(tag string, s flow.Status) string { return tag + "st:" + string(s) }
func workflowKey(tag, workflow string) string    { return tag + "wf:" + workflow }
func relationsKey(tag string) string             { return tag + "rel" }
func suspendedKey(tag, kind string) string       { return tag + "sus:" + kind }
func suspendTypesKey(tag string) string          { return tag + "types" }
func waitersKey(tag, subscription string) string { return tag + "ev:" + subscription }
func shapesKey(tag, eventType string) string     { return tag + "shapes:" + eventType }
func sleepersKey(tag string) string              { return tag + "sleepers" }

// childrenKey lists the children of one execution, as relationsKey does all of a partition.
func childrenKey(tag, parent string) string { return tag + "children:" + parent }

func relationLists(tag, parent string) []string {
	return []string{relationsKey(tag), childrenKey(tag, parent)}
}

func workflowStatusKey(tag, workflow string, s flow.Status) string {
	return tag + "wfst:" + workflow + ":" + string(s)
}

// workflowsKey holds the workflows whose lists make up those of all.
func workflowsKey(tag string) string { return tag + "workflows" }

// bornLists are those that an execution stands in from its birth on. Up to format 1 there are lists for all workflows together, too.
func bornLists(format int, tag, workflow string) []string {
	return withAll(format, workflowKey(tag, workflow), allKey(tag))
}

// tagKey lists the executions that have a tag, errorKey those whose error has a word.
func tagKey(tag, name, value string) string { return tag + "tag:" + hashed(name+"\x00"+value) }
func errorKey(tag, word string) string      { return tag + "err:" + hashed(word) }

// tagLists are those that an execution stands in by its tags.
func tagLists(tag string, tags map[string]string) []string {
	var lists []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		lists = append(lists, tagKey(tag, name, tags[name]))
	}
	return lists
}

// errorLists are those that an execution stands in by its error; none without one.
func errorLists(tag string, p *flow.Problem) []string {
	var lists []string
	for _, word := range p.Words() {
		lists = append(lists, errorKey(tag, word))
	}
	return lists
}

// statusLists are those that an execution stands in by its status.
func statusLists(format int, tag, workflow string, s flow.Status) []string {
	return withAll(format, workflowStatusKey(tag, workflow, s), statusKey(tag, s))
}

func withAll(format int, own, all string) []string {
	if format > firstFormat {
		return []string{own}
	}
	return []string{own, all}
}

// workflowSuspendedKey lists the suspensions of a workflow, and listenersKey those that listen for a type of events:
// each for one suspend type, so that lists by both are exact, and one by either merges those of the few types there are.
func workflowSuspendedKey(tag, workflow, kind string) string {
	return tag + "wfsus:" + workflow + ":" + kind
}

func listenersKey(tag, eventType, kind string) string {
	return tag + "listen:" + hashed(eventType) + ":" + kind
}

// waitLists are those that a wait stands in, with the time that ends it. e is what it listens for; nil = nothing.
func waitLists(format int, tag, workflow, kind string, e *flow.Subscription) []string {
	lists := withAll(format, workflowSuspendedKey(tag, workflow, kind), suspendedKey(tag, kind))
	if e != nil {
		lists = append(lists, listenersKey(tag, e.Type, kind))
	}
	return lists
}

// rendezvousSlots is fixed for ever: what is found by name does not move when
// the number of partitions changes.
const rendezvousSlots = 64

// rendezvous is the tag of the slot where things of that name meet.
func rendezvous(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return slotTag(int(h.Sum32() % rendezvousSlots))
}

func slotTag(n int) string { return "{prana-r" + strconv.Itoa(n) + "}:" }

func startKey(workflow, startID string) string {
	return rendezvous(workflow+"\x00"+startID) + "start:" + workflow + ":" + hashed(startID)
}

func definitionKey(workflow string) string { return rendezvous(workflow) + "def:" + workflow }
func definitionsKey(slot int) string       { return slotTag(slot) + "defs" }

func scheduleKey(workflow string) string { return rendezvous(workflow) + "cron:" + workflow }
func schedulesKey(tag string) string     { return tag + "crons" }

func eventKey(eventType, id string) string {
	return rendezvous(eventType) + "e:" + eventName(eventType, id)
}

// eventName is what tells an event apart in its slot.
func eventName(eventType, id string) string { return hashed(eventType) + ":" + hashed(id) }

func publishingKey(tag string) string { return tag + "publishing" }

func offeredKey(eventType, id string) string {
	return rendezvous(eventType) + "offered:" + eventName(eventType, id)
}

func tookKey(eventType, id string) string {
	return rendezvous(eventType) + "took:" + eventName(eventType, id)
}

func keptUntilKey(eventType string) string {
	return rendezvous(eventType) + "until:" + hashed(eventType)
}
func keptKey(eventType string) string { return rendezvous(eventType) + "kept:" + hashed(eventType) }

// keptByKey holds the kept events that satisfy one filter; subscription is its FilterKey.
func keptByKey(eventType, subscription string) string {
	return rendezvous(eventType) + "keptby:" + hashed(eventType) + ":" + subscription
}

func keptMarksKey(eventType string) string {
	return rendezvous(eventType) + "marks:" + hashed(eventType)
}

func holdersKey(key string) string { return rendezvous(key) + "sem:" + hashed(key) }
func queueKey(key string) string   { return rendezvous(key) + "semq:" + hashed(key) }

// deliveriesKey is the stream of one of the two lists of a hook, whose name was checked by pattern.
func deliveriesKey(hook string, refused bool) string {
	if refused {
		return rendezvous(hook) + "refused:" + hook
	}
	return rendezvous(hook) + "hook:" + hook
}

// Fields of an execution's hash.
const (
	fieldRev     = "r" // operation id of the last commit
	fieldHead    = "h" // what it was born with; stamped
	fieldFront   = "f" // control state
	fieldInput   = "i"
	fieldResult  = "z" // a value
	fieldProblem = "p"
	fieldEnded   = "E" // stamped; only when terminal
	fieldReply   = "w" // written once
)

func stepField(id flow.StepID) string  { return "a" + id.String() }
func claimField(id flow.StepID) string { return "c" + id.String() }
func nodeField(n int) string           { return "n" + strconv.Itoa(n) }
func fanField(id flow.StepID) string   { return "w" + id.String() }
func partField(id flow.StepID) string  { return "p" + id.String() }
func takenField(t flow.Taken) string   { return "t" + t.Event }

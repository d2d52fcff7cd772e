package wire

// FailureCode documents one code with which nodes and executions fail. Such a code is stored and shown, and is what retry_on and
// no_retry_on name. The table is the reference, as [Codes] is that of what the API answers with; a code may stand in both.
type FailureCode struct {
	Code string
	// Means says what happened.
	Means string
	// Mend says who should do what.
	Mend string
}

// FailureCodes lists the codes of failures by name. Nodes of users may have others.
func FailureCodes() []FailureCode {
	return []FailureCode{
		{"action_error", "A node failed, and `on_error` let the execution go on: what left it is this error, with the one of the node in `details.error`.", "Look at `details.error.code`, which says what went wrong."},
		{"cancelled", "Somebody cancelled the execution, or its parent, which ended, did. What it had done was undone as far as `on_cancel` says how.", "Nothing is broken. `prana rerun ID` runs it again."},
		{"child_cycle", "A workflow is to be started with the input that an execution above this one has, so that it would start itself for ever.", "Have the workflow start children with another input, or end before it does."},
		{"compensation_failed", "What the execution had done was to be undone, and a node that undoes failed.", "`details.not_undone` names the steps, each with its error: undo them by hand."},
		{"egress_denied", "The address that a node was to call is none that the workers may call: it is not public.", "If it may be reached, have the operator allow its network: `egress.allow` (`PRANA_EGRESS_ALLOW`) of the workers. Settings do not retry it; retry the execution afterwards."},
		{"error", "A node failed with an error that has no code of its own; the message is all that is known.", "Read the message. In a node of your own, give the errors codes: return a `*flow.Problem`."},
		{"execution_timeout", "The execution took longer than the `timeout_ms` of its workflow.", "See with `prana show ID --timeline` where the time went; give the workflow more of it, then `prana rerun ID`."},
		{"expression_error", "An expression could not be computed; the message says which, and where in it.", "Look at what it read (`prana show ID --node KEY`), correct the workflow, and try expressions with `prana eval`."},
		{"http_error", "A request had no answer: the connection, TLS or the protocol failed, or a redirect was refused.", "See whether the workers reach that host. Settings retry it (`retry_on_failed`), but not a refused redirect."},
		{"http_status", "A request was answered with a status that is an error: `details.status`, and the beginning of the answer in `details.body`.", "Mend what the other side complains of, or let `accept_status` name the status. Settings retry 408, 425, 429 and 5xx, but no other 4xx."},
		{"infinite_loop_protection", "A loop went round too often, and was broken off.", "Find out why it does not end; if it is right, raise `max_iterations` of the node at its head, or `limits.iterations`."},
		{"invalid_child", "A node asked for a child workflow in a way that there is not.", "Correct the node type: how a child is closed must be request_cancel, terminate or abandon."},
		{"invalid_collection_type", "What `core.for_each` is to go through is no list.", "Correct the expression of `collection`, or what it reads."},
		{"invalid_context", "What a node keeps for its later runs cannot be written as JSON.", "Correct the node type."},
		{"invalid_data", "What was brought does not fit what the wait, or the node, asks for.", "Bring what the message, or the schema, asks for."},
		{"invalid_decision", "An approval was ended with something that is no decision.", "Approve or reject with `prana approve` and `prana reject`, or bring `{\"decision\": \"approved\"}`, or `\"rejected\"`."},
		{"invalid_output", "What a node, or the workflow, leaves cannot be written as JSON, or does not fit the node type.", "Correct the `output` of the workflow, or the node type."},
		{"invalid_params", "A parameter of a node came to a value that the node cannot use; the message names it.", "Look at the parameters that it was given (`prana show ID --node KEY`), and correct the expression, or what it reads."},
		{"invalid_port", "A node left by a port that its type does not declare.", "Correct the node type."},
		{"invalid_queue", "The queue of a node, or of a child, came to a name that no queue can have.", "Correct the expression of `queue`, or what it reads."},
		{"invalid_reply", "What is to be answered to who called the webhook cannot be written as JSON.", "Correct the node type."},
		{"invalid_state", "A value for the shared state cannot be written as JSON.", "Correct the node type."},
		{"invalid_suspension", "A node asked for a wait that cannot be, such as one whose filter is too large.", "Read the message, and correct the parameters of the node, or its type."},
		{"json_error", "A `json_template` did not come to an object or a list.", "Correct the template, or what it reads."},
		{"no_matching_case", "No case of `logic.switch` holds, and it has no `default_port`.", "Add the case, or a `default_port`."},
		{"panic", "The code of a node panicked. The workers' log has where.", "Mend the node type, then `prana retry ID`."},
		{"payload_too_large", "A value is beyond its bound, such as an output beyond `limits.payload`.", "Store it elsewhere and pass a reference, or raise the limit that the message names."},
		{"poison", "Worker after worker died running a step, which is in quarantine now.", "Find out why they died (memory, a fatal error of the node) in their last lines of the log; mend that, then `prana retry ID`."},
		{"results_too_large", "What the items of a loop, or the children of a batch, left is too much to be read at once.", "Leave less behind for each, or keep no results."},
		{"sub_workflow_failed", "A child that a node waited for did not complete; `details` has its `execution_id`, `status` and `error`.", "`prana explain` that execution. With `failure_strategy: continue` the parent goes on all the same."},
		{"sub_workflow_timeout", "A child did not end within the `timeout_ms` of the node that waited for it, and was closed.", "See with `prana explain` what the child was waiting for; give it more time, or mend that."},
		{"terminated", "Somebody terminated the execution, or its parent, which ended, did. Nothing was undone; `details.not_undone` names what should have been.", "Undo by hand what must be. `prana rerun ID` runs it again."},
		{"timeout", "Time was up: an attempt took longer than its `timeout_ms`, a service did not answer in time, or a wait ended whose timeout leads nowhere.", "Give it more time, or connect the port that `on_timeout` names. Settings retry attempts and requests, but not waits."},
		{"too_deep", "Child executions are nested deeper than `limits.depth`.", "Look for a workflow that starts itself, or raise the limit."},
		{"too_many_emissions", "A step told of too much while it waited, such as reminders.", "Let it remind less often."},
		{"too_many_items", "A loop, or a batch of children, has more items than `limits.items`.", "Split the list, or raise the limit."},
		{"too_many_transitions", "The execution took more steps than `limits.transitions`.", "Split the workflow into some that call one another, or raise the limit."},
	}
}

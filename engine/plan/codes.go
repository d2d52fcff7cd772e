package plan

// The codes of diagnostics are part of the surface: scripts match them, and the
// comment of each is its page in the reference.
const (
	// CodeBadID: the workflow has no id, or one outside ^[a-z0-9][a-z0-9_-]{0,63}$.
	CodeBadID = "BAD_ID"
	// CodeBadValue: a field of the workflow itself has a value that it does not accept.
	CodeBadValue = "BAD_VALUE"
	// CodeNoTrigger: no node begins the workflow; exactly one trigger must.
	CodeNoTrigger = "NO_TRIGGER"
	// CodeSeveralTriggers: more than one node begins the workflow.
	CodeSeveralTriggers = "SEVERAL_TRIGGERS"
	// CodeUnknownType: no node type of that name is registered.
	CodeUnknownType = "UNKNOWN_TYPE"
	// CodeDuplicateKey: two nodes have the same key.
	CodeDuplicateKey = "DUPLICATE_KEY"
	// CodeBadKey: a node has no key, or one outside ^[A-Za-z_][A-Za-z0-9_-]{0,63}$.
	CodeBadKey = "BAD_KEY"

	// CodeDanglingConnection: a connection names a node that does not exist.
	CodeDanglingConnection = "DANGLING_CONNECTION"
	// CodeUnknownFromPort: the node never leaves by the port that the connection begins at.
	CodeUnknownFromPort = "UNKNOWN_FROM_PORT"
	// CodeUnknownToPort: the node does not accept anything on the port that the connection ends at.
	CodeUnknownToPort = "UNKNOWN_TO_PORT"
	// CodeErrorPortOff: a connection begins at port error, but the node's on_error does not use that port.
	CodeErrorPortOff = "ERROR_PORT_OFF"
	// CodeIntoTrigger: a connection leads into a trigger.
	CodeIntoTrigger = "INTO_TRIGGER"
	// CodeDuplicateConnection (warning): the same connection is written twice, so its target runs twice.
	CodeDuplicateConnection = "DUPLICATE_CONNECTION"
	// CodeUnreachableNode (warning): no path leads from the trigger to the node, so it never runs.
	CodeUnreachableNode = "UNREACHABLE_NODE"
	// CodeEndlessCycle: a cycle can never be left. A cycle has an exit when the workflow has a timeout, or a
	// node in the cycle has a connection that leads out of it, has a port without a connection (the path ends
	// there; port error counts when on_error is continue_error_output), may leave by any name of port, waits
	// for something outside, or has an unknown type.
	CodeEndlessCycle = "ENDLESS_CYCLE"

	// CodeIncompleteJoin (warning): join waits for more arrivals than can come together, because its branches exclude
	// one another or only come after it; it always runs late, with what came.
	CodeIncompleteJoin = "INCOMPLETE_JOIN"
	// CodeUnfedPort (warning): nothing arrives at a port that an expression reads or that the node needs.
	CodeUnfedPort = "UNFED_PORT"
	// CodeNothingToMerge (warning): only one connection leads to a merge.
	CodeNothingToMerge = "NOTHING_TO_MERGE"
	// CodeMergeLoses (warning): several branches come to a merge by the same port, of which only the newest is kept.
	CodeMergeLoses = "MERGE_LOSES"
	// CodeEmptyBody (warning): a node iterates over items, and nothing is done for them.
	CodeEmptyBody = "EMPTY_BODY"
	// CodeBreakOutside: a connection leads to the port that ends a loop, from where no item comes.
	CodeBreakOutside = "BREAK_OUTSIDE"
	// CodeNoResults (warning): what a node does for each item never comes back to it, so the results are null.
	CodeNoResults = "NO_RESULTS"

	// CodeUnknownParam: the node type has no parameter of that name.
	CodeUnknownParam = "UNKNOWN_PARAM"
	// CodeMissingParam: a required parameter is missing or null.
	CodeMissingParam = "MISSING_PARAM"
	// CodeWrongKind: a constant parameter is of another kind than the type declares.
	CodeWrongKind = "WRONG_KIND"
	// CodeNotInEnum: a constant parameter is none of the accepted values.
	CodeNotInEnum = "NOT_IN_ENUM"
	// CodeOutOfRange: a constant parameter is below its minimum or above its maximum: the value of a number, the
	// length of a string or an array.
	CodeOutOfRange = "OUT_OF_RANGE"
	// CodeBadParam: a constant parameter is of the right kind, but the node type cannot use it, such as a cron
	// pattern that never is due.
	CodeBadParam = "BAD_PARAM"
	// CodeNotLiteral: a parameter is a template, but it is read while nothing runs that could evaluate it.
	CodeNotLiteral = "NOT_LITERAL"

	// CodeSecretLiteral (warning): a credential is written out in the definition, where everybody can read it who may
	// read definitions.
	CodeSecretLiteral = "SECRET_LITERAL"

	// CodeBadExpression: an expression cannot be parsed, or its types cannot fit.
	CodeBadExpression = "BAD_EXPRESSION"
	// CodeBadArguments: a function has too few or too many arguments.
	CodeBadArguments = "BAD_ARGUMENTS"
	// CodeUnclosedTemplate: two opening braces without the two that close them.
	CodeUnclosedTemplate = "UNCLOSED_TEMPLATE"
	// CodeUnknownRoot: an expression begins with a name that is not a root, such as $inptu.
	CodeUnknownRoot = "UNKNOWN_ROOT"
	// CodeUnknownNode: an expression names a node that does not exist.
	CodeUnknownNode = "UNKNOWN_NODE"
	// CodeUnknownNodeField: an expression asks a node for something other than output, error, port or context.
	CodeUnknownNodeField = "UNKNOWN_NODE_FIELD"
	// CodeUnknownOutput (warning): an expression reads something that the output of a node, the input, or the
	// variables never have, or that is close to a name of theirs.
	CodeUnknownOutput = "UNKNOWN_OUTPUT"
	// CodeBadComparison (warning): a comparison has always the same result, or always fails: the kinds of its sides
	// differ, or the port that it names does not exist.
	CodeBadComparison = "BAD_COMPARISON"
	// CodeKindMismatch (warning): a parameter is what a node leaves, or the input, and that is never of its kind.
	CodeKindMismatch = "KIND_MISMATCH"
	// CodeLookalike (warning): a text begins like an expression, but with a name that is no root, such as $inptu; or a
	// variable is one, and variables are not evaluated.
	CodeLookalike = "LOOKALIKE"
	// CodeReadTooEarly (warning): an expression reads a node that runs only later.
	CodeReadTooEarly = "READ_TOO_EARLY"
	// CodeUnknownFunction: an expression calls a function or filter that does not exist.
	CodeUnknownFunction = "UNKNOWN_FUNCTION"
	// CodeEnvNotAllowed: an expression reads a name of $env that is not on the allow-list.
	CodeEnvNotAllowed = "ENV_NOT_ALLOWED"
	// CodeDynamicReference: $nodes, $env, $secrets or $execution.resume_urls without a constant name.
	CodeDynamicReference = "DYNAMIC_REFERENCE"
	// CodeNotAllowed: an expression uses something that is refused for safety.
	CodeNotAllowed = "NOT_ALLOWED"
	// CodeExpressionTooLarge: an expression is longer or deeper than the limits.
	CodeExpressionTooLarge = "EXPRESSION_TOO_LARGE"

	// CodeBadDirective (warning): a name such as #map stands beside other names or has wrong arguments, so it is an ordinary name.
	CodeBadDirective = "BAD_DIRECTIVE"

	// CodeUnknownSetting: there is no engine setting of that name.
	CodeUnknownSetting = "UNKNOWN_SETTING"
	// CodeBadSetting: an engine setting has a value that it does not accept.
	CodeBadSetting = "BAD_SETTING"
	// CodeNoTimeout (warning): a node waits for something that may never come, and nothing bounds the wait.
	CodeNoTimeout = "NO_TIMEOUT"
	// CodeWaitsForItself (warning): an execution holds a place of its workflow's concurrency_key while a node asks for
	// another of the same key, or waits for a child of the same workflow: with no place left, it waits for itself until a timeout.
	CodeWaitsForItself = "WAITS_FOR_ITSELF"
	// CodeUnsafeRetry (warning): a node is retried that may then do twice what is to be done once, such as a POST.
	CodeUnsafeRetry = "UNSAFE_RETRY"
	// CodeDeadTimeoutPort (warning): on_timeout names a port that leads nowhere, so a timeout is a node error.
	CodeDeadTimeoutPort = "DEAD_TIMEOUT_PORT"
	// CodeJoinTooLarge: join asks for more arrivals than the node has incoming connections.
	CodeJoinTooLarge = "JOIN_TOO_LARGE"
	// CodeContinueWithoutMain: on_error is continue, but the node has no port main to continue by.
	CodeContinueWithoutMain = "CONTINUE_WITHOUT_MAIN"

	// CodeTooManyNodes: the workflow has more nodes than the limit (500).
	CodeTooManyNodes = "TOO_MANY_NODES"
	// CodeTooManyConnections: the workflow has more connections than the limit (2,000).
	CodeTooManyConnections = "TOO_MANY_CONNECTIONS"
	// CodeTooLarge: the definition is larger than the limit (256 KiB).
	CodeTooLarge = "TOO_LARGE"
	// CodeTooDeep: the definition is nested deeper than the limit (64 levels).
	CodeTooDeep = "TOO_DEEP"
	// CodeNotJSON: a value cannot be written as JSON, such as infinity.
	CodeNotJSON = "NOT_JSON"
	// CodeBadInputSchema: input_schema is not a valid JSON Schema, or refers to another document.
	CodeBadInputSchema = "BAD_INPUT_SCHEMA"
	// CodeBadSchema: a parameter is not a valid JSON Schema, or refers to another document.
	CodeBadSchema = "BAD_SCHEMA"

	// CodeBadSyntax: the file is neither YAML nor JSON.
	CodeBadSyntax = "BAD_SYNTAX"
	// CodeAlias: the file uses anchors, aliases or tags of its own; write values out.
	CodeAlias = "ALIAS"
	// CodeDuplicateField: a mapping has the same name twice.
	CodeDuplicateField = "DUPLICATE_FIELD"
	// CodeSeveralDocuments: the file holds more than one YAML document.
	CodeSeveralDocuments = "SEVERAL_DOCUMENTS"
	// CodeUnknownField: a definition has no field of that name.
	CodeUnknownField = "UNKNOWN_FIELD"
	// CodeIgnoredField (warning): a field is accepted for old files and has no effect.
	CodeIgnoredField = "IGNORED_FIELD"
	// CodeNotTaken (warning): a file of Prana uses something that means something else here.
	CodeNotTaken = "NOT_TAKEN"
	// CodeWrongType: a field has a value of another type, such as a list where a mapping belongs.
	CodeWrongType = "WRONG_TYPE"
	// CodeBadConnection: a connection cannot be read.
	CodeBadConnection = "BAD_CONNECTION"
)

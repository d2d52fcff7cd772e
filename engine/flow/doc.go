// Package flow holds the nouns of Prana: what a workflow is, what an execution
// remembers between two tasks, and what one move of it changes. It imports
// nothing of ours, so that every other package can afford to import it.
package flow

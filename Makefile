# Everything a contributor types. The work is done by the scripts in .ci, so that each can be read and run alone.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint faults soak bench fmt

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: ## build, then watch the five suspension patterns run live
	@sh .ci/demo

test: ## all Go tests; needs Go and make, and installs Redis, curl, Python and Node where it may
	@sh .ci/test

check: ## what needs more than the tests: vet, modules, generated files, the first five minutes, the quick fault programme
	@sh .ci/check

lint: ## golangci-lint, in the version that .tools/go.mod names
	@sh .ci/lint

faults: ## the whole fault programme: up to an hour, and writes integration/RELIABILITY.md
	@sh .ci/faults full

soak: ## the quick fault programme again and again, for as long as FOR says (1h)
	@sh .ci/faults soak $(or $(FOR),1h)

bench: ## measure the parts with Go's benchmarks
	@sh .ci/bench

fmt: ## format every Go file
	@sh .ci/lint fmt

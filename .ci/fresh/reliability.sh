#!/bin/sh
# integration/RELIABILITY.md, from the figures of the runs that are kept.
set -eu
cd "$(dirname "$0")/../.."
cd integration/faults
go run ./reliability

#!/bin/sh
# The generated pages of the documentation, each beside its source.
set -eu
cd "$(dirname "$0")/../.."
go run ./cmd/prana/reference

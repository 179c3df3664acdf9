# `just` lists these. Each is one line, so that they work without just.

# List the commands
default:
    @just --list

# Start sigmint with an embedded CA, a development issuer and a log, mint a certificate and show it
demo:
    cargo run --profile trial --no-default-features -- dev --once

# Unit and integration tests
test *ARGS:
    cargo test --locked --all-targets {{ARGS}}

# Every test, with what it needs installed, and the parity run against Fulcio's recorded answers
test-all:
    scripts/test.sh

# What continuous integration does
ci:
    .ci/run

# Formatter and linters
lint:
    cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings

# The benchmarks of the parts
bench *ARGS:
    cargo bench {{ARGS}}

# What takes too long for ci
nightly *ARGS:
    scripts/nightly.sh {{ARGS}}

# Fuzz every parser for so many minutes
fuzz MINUTES="20":
    fuzz/run.sh {{MINUTES}}

# Whether the tests of what decides would fail without its checks
mutants *ARGS:
    scripts/mutants.sh {{ARGS}}

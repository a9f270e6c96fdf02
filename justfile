# Shortcuts; each is one command that also works by itself.

default:
    @just --list

# Play the recorded session
demo:
    cargo run --release -- demo

# All tests, as CI runs them
test:
    cargo test

# What CI runs
ci:
    .ci/run

# Measure: frames, bytes, first paint, keypress; and the harness
bench:
    cargo run --release -- bench ui
    cargo run --release -- bench harness

fmt:
    cargo fmt

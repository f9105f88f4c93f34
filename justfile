# Every workflow of this project. `./dev RECIPE` installs what is missing first.

# Other packages' tests call the command, so it has to be built before they run.
emulator := "target/debug/entra-pg-emulator"

# List the recipes
default:
    @just --list

# Build all programs. The same features everywhere, so that nothing is compiled twice
build:
    @cargo build --workspace --all-features --bins

# All four adapters outlive their tokens, side by side; a pasted token does not. Takes --lifetimes N, --token-lifetime 8s
demo *args: build
    {{emulator}} run -- target/debug/entra-pg-demo {{args}}

# Run an example against the emulator: just example axum-sea-orm. What serves or works stays up until Ctrl-C
[no-exit-message]
example name *args: build
    @if grep -qs '^curl ' examples/{{name}}/README.md; then echo "Once it listens, in another shell:"; grep '^curl ' examples/{{name}}/README.md; fi
    {{emulator}} run --role app --role reports -- env {{second_identity}} target/debug/{{name}} {{args}}

# What the example two-databases needs besides. The emulator makes an identity's ids from its name
second_identity := "REPORTS_URL=postgres://reports@localhost/postgres REPORTS_CLIENT_ID=3bce7d26-3248-582f-b9cc-5b0325cbf7c9"

# Run every example against the emulator: the quickstarts once, the others over several lifetimes of their tokens
examples: build
    just example sea-orm-quickstart
    just example diesel-async-quickstart
    cargo test --workspace --all-features --quiet --test suite -- --test-threads 8 examples::

# All tests. `just test NAME` runs those whose name holds NAME
test *filter: build
    cargo test --workspace --all-features --quiet -- --test-threads 8 {{filter}}

# The token cache under a checker that interleaves its tasks, further than `just test` goes. Takes about 20 minutes on two cores
interleavings:
    ENTRA_PG_INTERLEAVINGS=far cargo test -p entra-pg-interleavings --all-features -- --nocapture

# Feed made-up input to a parser for so many seconds: just fuzz target 300. Needs a C++ compiler; works on stable Rust
fuzz target="" seconds="60": (_tool "cargo-fuzz")
    #!/usr/bin/env sh
    set -eu
    # Without an address sanitizer (all code here is safe), so all that the fuzzer needs of nightly is a name for a flag.
    export RUSTC_BOOTSTRAP=1
    for name in $(if [ -n "{{target}}" ]; then echo "{{target}}"; else cargo fuzz list; fi); do
        mkdir -p "fuzz/found/$name"
        cargo fuzz run --sanitizer none "$name" "fuzz/found/$name" "fuzz/corpus/$name" -- -max_total_time={{seconds}} -max_len=1000
    done

# Change the core in hundreds of places and list what its unit tests do not notice: just mutants -f '**/policy.rs'. All takes an hour
[no-exit-message]
mutants *args: (_tool "cargo-mutants")
    cargo mutants -p entra-pg-core --all-features --cap-lints true --timeout 60 -e '**/fuzzing.rs' -e '**/scenarios.rs' {{args}} -- --lib

# What a token costs: each adapter beside its bare driver with a pasted token, and the ratios. Builds optimised, which takes minutes
bench *args:
    cargo bench -p entra-pg-bench -- {{args}}

# The fault suite, and a table of what was measured per adapter: failed operations, token requests, the longest operation
faults: build
    target/debug/entra-pg-faults

# All adapters under load with random faults, for a while: just soak --minutes 30. `--seed` repeats a run
soak *args: build
    target/debug/entra-pg-soak {{args}}

# The Azure SDK for Python, psycopg and psql against the emulator, and psycopg through the proxy. Needs python3 with venv, and psql
interop: build
    tests/interop/run {{emulator}}

# sea-orm-cli, diesel and sqlx apply the examples' migrations through `entra-pg exec`. Installs the three, which takes minutes
migration-tools: build (_tool "sea-orm-cli" "sea-orm-cli" sea_orm_cli) (_tool "diesel" "diesel_cli" diesel_cli) (_tool "sqlx" "sqlx-cli" sqlx_cli)
    tests/migration-tools/run {{emulator}}

# A database of 200 MB through `entra-pg proxy`: pgbench, and dumps compared byte for byte with direct ones
dump: build
    {{emulator}} run -- tests/dump/run target/debug/entra-pg

# No more of each than it needs
sea_orm_cli := "--no-default-features --features cli,codegen,sqlx-postgres,runtime-tokio-rustls"
diesel_cli := "--no-default-features --features postgres"
sqlx_cli := "--no-default-features --features postgres,rustls"

# The guides' `az` commands and manifests before the Azure CLI (without a login) and Kubernetes' schemas. Needs python3 with venv
guides-cli:
    tests/guides/run

# Formatting, lints, documentation, dependencies
check: fmt-check lint doc deny

# Format the code
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# The guides as a book, in target/book. `just book --open` shows it
book *args: (_tool "mdbook" "mdbook" "--no-default-features --features search")
    mdbook build {{args}} docs

# Which crates may depend on which, licenses, sources
deny: (_tool "cargo-deny")
    cargo deny --all-features check bans licenses sources

# Known vulnerabilities in dependencies; fetches the advisory database
advisories: (_tool "cargo-deny")
    cargo deny --all-features check advisories

# Unoptimised, which builds in half the time: these tools have little to do
_tool name crate=name features="":
    @command -v {{name}} >/dev/null || { echo "installing {{name}} with cargo (once, a few minutes)"; cargo install --locked --quiet --debug {{crate}} {{features}}; }

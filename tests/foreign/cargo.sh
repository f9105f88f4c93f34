# For suites in Rust; sourced. They share compiled dependencies, which are most of the work.
here=$(cd "$(dirname "$0")" && pwd)
crates=$here/../../crates
export CARGO_TARGET_DIR="$FOREIGN_KEPT/../cargo" CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 CARGO_TERM_QUIET=false

# patched CRATE=FOLDER...: crates of the checkout take the place of those that ours depend on.
patched() {
    grep -q '^\[patch.crates-io\]' Cargo.toml || printf '\n[patch.crates-io]\n' >>Cargo.toml
    for crate in "$@"; do
        sed -i "/^\[patch.crates-io\]/a ${crate%=*} = { path = \"${crate#*=}\" }" Cargo.toml
    done
}

# results OPTION...: a line for each test that `cargo test` ran, which goes to standard error.
results() {
    cargo test --no-fail-fast "$@" 2>&1 | tee -a /dev/stderr | awk '
        $1 == "Running" { binary = $2 == "unittests" ? $3 : $2; sub(".*/", "", binary); sub("[.]rs$", "", binary) }
        /^test .* [.][.][.] / {
            result = $NF == "ok" ? "passed" : $NF == "FAILED" ? "failed" : "skipped"
            sub("^test ", ""); sub(" [.][.][.] .*", "")
            print result, binary "::" $0
        }'
}

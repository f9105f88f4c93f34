//! Each workflow runs recipes, so that what fails there can be repeated anywhere. `just workflows` checks their form.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::ROOT;

/// What installs PostgreSQL's public repository, and hands binaries to a release.
const NO_RECIPE: [&str; 5] = [
    "sudo apt-get install -y -q postgresql-common",
    "sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y",
    "sudo apt-get install -y -q postgresql-${{ matrix.version }}",
    "gh release create \"$GITHUB_REF_NAME\" --draft --verify-tag --notes-file CHANGELOG.md",
    "gh release upload \"$GITHUB_REF_NAME\" dist/*",
];

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Each workflow with its name.
fn workflows() -> Vec<(String, Value)> {
    let folder = fs::read_dir(format!("{ROOT}/.github/workflows")).expect("workflows");
    let names = folder.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let read = |name: String| {
        let text = read(&format!(".github/workflows/{name}"));
        let parsed = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, parsed)
    };
    names.map(read).collect()
}

/// Each job with the name of its workflow.
fn jobs() -> Vec<(String, Value)> {
    let jobs = workflows().into_iter().flat_map(|(workflow, content)| {
        let jobs = content["jobs"].as_object().expect("jobs").clone();
        let named = jobs.into_iter();
        named.map(move |(job, content)| (format!("{workflow}: {job}"), content))
    });
    jobs.collect()
}

fn steps(job: &Value, key: &str) -> Vec<String> {
    let steps = job["steps"].as_array().expect("steps").iter();
    let chosen = steps.filter_map(|step| step[key].as_str());
    chosen.map(str::to_owned).collect()
}

/// The recipes of the justfile: lines such as `soak *args: build`.
fn recipes() -> BTreeSet<String> {
    let justfile = read("justfile");
    let heads = justfile.lines().filter(|line| {
        line.starts_with(|first: char| first.is_ascii_lowercase())
            && line.contains(':')
            && !line.contains(" := `")
            && !line.contains(" := \"")
    });
    let names = heads.filter_map(|line| line.split([' ', ':']).next());
    names.map(str::to_owned).collect()
}

/// What a step runs: itself, or with each of the matrix's values.
fn expanded(run: &str, job: &Value) -> Vec<String> {
    const VALUE: &str = "${{ matrix.recipe }}";
    if !run.contains(VALUE) {
        return vec![run.to_owned()];
    }
    let recipes = job["strategy"]["matrix"]["recipe"].as_array();
    let recipes = recipes.expect("recipes").iter().filter_map(Value::as_str);
    recipes.map(|recipe| run.replace(VALUE, recipe)).collect()
}

#[test]
fn no_workflow_runs_what_is_no_recipe() {
    let known = recipes();
    let mut run = 0;
    for (name, job) in jobs() {
        for step in steps(&job, "run") {
            for command in expanded(&step, &job) {
                let recipe = command.strip_prefix("./dev ").map(|rest| {
                    let name = rest.split(' ').next().unwrap_or_default();
                    known.contains(name)
                });
                let allowed = recipe.unwrap_or_else(|| NO_RECIPE.contains(&command.as_str()));
                assert!(allowed, "{name}: {command}");
                run += 1;
            }
        }
    }
    assert!(run > 25, "{run}");
}

#[test]
fn no_job_runs_without_an_end_or_with_all_permissions() {
    for (name, job) in jobs() {
        assert!(job["timeout-minutes"].is_u64(), "{name} has no timeout");
    }
    for (name, workflow) in workflows() {
        let permissions = &workflow["permissions"];
        assert_eq!(permissions["contents"], "read", "{name}: {permissions}");
    }
}

#[test]
fn no_action_is_used_without_a_version() {
    for (name, job) in jobs() {
        for action in steps(&job, "uses") {
            let (_, version) = action.split_once('@').unwrap_or_default();
            let number = version.strip_prefix('v').unwrap_or_default();
            let is_number = number.parse::<u32>().is_ok();
            assert!(is_number, "{name}: {action}");
        }
    }
}

//! The manifests of `docs/deploy/`, as far as they can be tried without Azure.

use std::fs;

use entra_pg_core::Target;
use serde_json::Value;

use super::page::{file, page};

/// The files that the deploying guides show.
fn manifests() -> Vec<(String, String)> {
    let entries = fs::read_dir(file("docs/deploy")).expect("the manifests");
    entries
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(entry.path()).expect("a text");
            (name, text)
        })
        .collect()
}

fn documents(name: &str) -> Vec<Value> {
    let text = page(&format!("docs/deploy/{name}")).text;
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn no_manifest_names_a_database_that_would_be_refused() {
    let mut checked = 0;
    for (name, text) in manifests() {
        for url in text.split("postgres://").skip(1) {
            let url = url.split(['"', '\'', '\n', ' ']).next().unwrap_or_default();
            let target = Target::parse(&format!("postgres://{url}"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                (target.user(), target.database()),
                (Some("orders-app"), Some("orders")),
                "{name}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 4, "each kind of host has a manifest");
}

#[test]
fn the_pods_are_such_that_the_webhook_changes_them() {
    let (documents, job) = (
        documents("kubernetes.yaml"),
        documents("kubernetes-migrate.yaml"),
    );
    let ([account, deployment], [job]) = (documents.as_slice(), job.as_slice()) else {
        panic!("a service account and a deployment; a job");
    };
    for owner in [deployment, job] {
        let template = &owner["spec"]["template"];
        assert_eq!(
            template["spec"]["serviceAccountName"],
            account["metadata"]["name"]
        );
        assert_eq!(
            owner["metadata"]["namespace"],
            account["metadata"]["namespace"]
        );
        // The label's value is a string; an unquoted `true` would be refused by the API server.
        let labels = &template["metadata"]["labels"];
        assert_eq!(labels["azure.workload.identity/use"], "true");
    }
    let spec = &deployment["spec"];
    assert_eq!(
        spec["template"]["metadata"]["labels"]["app"],
        spec["selector"]["matchLabels"]["app"]
    );
    let annotations = &account["metadata"]["annotations"];
    assert!(annotations["azure.workload.identity/client-id"].is_string());
    let subject = format!(
        "system:serviceaccount:{}:{}",
        account["metadata"]["namespace"].as_str().expect("a name"),
        account["metadata"]["name"].as_str().expect("a name")
    );
    assert!(page("docs/guide/kubernetes.md").text.contains(&subject));
}

#[test]
fn the_container_app_says_which_of_its_identities_it_uses() {
    let documents = documents("container-app.yaml");
    let [app] = documents.as_slice() else {
        panic!("one resource");
    };
    let identities = app["identity"]["userAssignedIdentities"].as_object();
    assert_eq!(identities.map(serde_json::Map::len), Some(1));
    let container = &app["properties"]["template"]["containers"][0];
    let variables: Vec<_> = container["env"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|variable| variable["name"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(variables, ["DATABASE_URL", "AZURE_CLIENT_ID"]);
    let port = &app["properties"]["configuration"]["ingress"]["targetPort"];
    assert_eq!(container["probes"][0]["httpGet"]["port"], *port);
}

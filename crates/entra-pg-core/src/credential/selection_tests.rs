use std::fs;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// An environment of these variables, with these programs on its `PATH`. The directory keeps them there.
fn environment(variables: &[&'static str], programs: &[&str]) -> (Environment, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    for program in programs {
        fs::write(directory.path().join(program), "").expect("a program");
    }
    let path = directory.path().display().to_string();
    let pair = |variable: &&'static str| {
        let (name, value) = variable.split_once('=').unwrap_or((variable, "set"));
        (name.to_owned(), value.to_owned())
    };
    let pairs = variables.iter().map(pair);
    let environment = Environment::from_pairs(pairs.chain([("PATH".to_owned(), path)]));
    (environment, directory)
}

const FEDERATED: [&str; 3] = [
    "AZURE_FEDERATED_TOKEN_FILE=/token",
    "AZURE_TENANT_ID=t",
    "AZURE_CLIENT_ID=c",
];
const SECRET: [&str; 3] = [
    "AZURE_CLIENT_SECRET=s",
    "AZURE_TENANT_ID=t",
    "AZURE_CLIENT_ID=c",
];
const APP_SERVICE: [&str; 2] = ["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h"];

fn described(variables: &[&'static str], programs: &[&'static str]) -> String {
    let (environment, _directory) = environment(variables, programs);
    match select(&environment) {
        Ok((selection, _)) => selection.to_string(),
        Err(error) => format!("error: {}", error.message()),
    }
}

#[rstest]
#[case::aks(&FEDERATED[..], &["az"], "workload identity (client id c)")]
#[case::client_secret(&SECRET, &["az"], "client secret (client id c)")]
#[case::app_service(&APP_SERVICE, &["az"], "managed identity (system-assigned)")]
#[case::laptop(&[], &["az", "azd"], "Azure CLI")]
#[case::laptop_with_azd(&[], &["azd"], "Azure Developer CLI")]
#[case::cloud_shell(&["MSI_ENDPOINT=http://x"], &["az"], "Azure CLI")]
#[case::nothing(&[], &[], "error: the environment names no credential")]
#[case::half_a_workload_identity(&["AZURE_FEDERATED_TOKEN_FILE=/t"], &["az"],
    "error: workload identity needs AZURE_TENANT_ID and AZURE_CLIENT_ID, which is not set")]
#[case::half_a_client_secret(&["AZURE_CLIENT_SECRET=s", "AZURE_TENANT_ID=t"], &["az"],
    "error: a client secret needs AZURE_CLIENT_ID, which is not set")]
#[case::half_an_app_service(&["IDENTITY_ENDPOINT=http://x"], &["az"],
    "error: IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not")]
#[case::no_address(&["IDENTITY_ENDPOINT=x", "IDENTITY_HEADER=h"], &[], "error: IDENTITY_ENDPOINT is not an http:// address")]
#[case::arc(&["IDENTITY_ENDPOINT=x", "IMDS_ENDPOINT=x"], &[], "error: managed identity on Azure Arc is not supported")]
#[case::service_fabric(&["IDENTITY_ENDPOINT=x", "IDENTITY_HEADER=h", "IDENTITY_SERVER_THUMBPRINT=t"], &[],
    "error: managed identity on Service Fabric is not supported")]
fn the_environment_is_never_guessed_at(
    #[case] variables: &[&'static str],
    #[case] programs: &[&'static str],
    #[case] expected: &str,
) {
    assert_eq!(described(variables, programs), expected);
}

#[rstest]
#[case::virtual_machine("ManagedIdentityCredential", &[], "managed identity (system-assigned)")]
#[case::any_case("managedidentitycredential", &[], "managed identity (system-assigned)")]
#[case::user_assigned("ManagedIdentityCredential", &["AZURE_CLIENT_ID=c"], "managed identity (client id c)")]
#[case::wins_over_the_rest("AzureCliCredential", &FEDERATED, "Azure CLI")]
#[case::azd("AzureDeveloperCliCredential", &[], "Azure Developer CLI")]
#[case::environment("EnvironmentCredential", &SECRET, "client secret (client id c)")]
#[case::environment_incomplete("EnvironmentCredential", &[],
    "error: a client secret needs AZURE_TENANT_ID and AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, which is not set")]
#[case::workload("WorkloadIdentityCredential", &FEDERATED, "workload identity (client id c)")]
#[case::prod_on_aks("prod", &FEDERATED, "workload identity (client id c)")]
#[case::prod_with_a_client_secret("prod", &SECRET, "client secret (client id c)")]
#[case::prod_on_a_virtual_machine("prod", &[], "managed identity (system-assigned)")]
#[case::cloud_shell("ManagedIdentityCredential", &["MSI_ENDPOINT=http://x"],
    "error: managed identity on Cloud Shell and Azure ML is not supported")]
#[case::half_an_app_service("ManagedIdentityCredential", &["IDENTITY_ENDPOINT=http://x"],
    "error: IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not")]
#[case::dev_without_tools("dev", &SECRET, "error: AZURE_TOKEN_CREDENTIALS is dev, but neither az nor azd is on the PATH")]
#[case::unknown("VisualStudioCredential", &SECRET, "error: AZURE_TOKEN_CREDENTIALS is VisualStudioCredential, which is not known here")]
fn a_credential_asked_for_by_name_is_not_replaced(
    #[case] name: &'static str,
    #[case] others: &[&'static str],
    #[case] expected: &str,
) {
    let asked: &'static str = format!("AZURE_TOKEN_CREDENTIALS={name}").leak();
    let variables: Vec<_> = others.iter().copied().chain([asked]).collect();
    assert_eq!(described(&variables, &[]), expected);
}

#[test]
fn an_error_about_credentials_lists_no_secret() {
    let (environment, _directory) = environment(&["AZURE_CLIENT_SECRET=hunter2"], &[]);
    let error = select(&environment).map(|_| ());
    assert!(!format!("{error:?}").contains("hunter2"));
}

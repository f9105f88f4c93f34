use std::fs;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// An environment of these variables, with these programs on its `PATH`. The directory keeps them there.
fn environment(variables: &[&'static str], programs: &[&str]) -> (Environment, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    for program in programs {
        let file = if cfg!(windows) {
            format!("{program}.cmd")
        } else {
            (*program).to_owned()
        };
        fs::write(directory.path().join(file), "").expect("a program");
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
const GITHUB: [&str; 4] = [
    "ACTIONS_ID_TOKEN_REQUEST_URL=https://x?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN=r",
    "AZURE_TENANT_ID=t",
    "AZURE_CLIENT_ID=c",
];
const PIPELINES: [&str; 5] = [
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID=s",
    "AZURESUBSCRIPTION_TENANT_ID=t",
    "AZURESUBSCRIPTION_CLIENT_ID=c",
    "SYSTEM_OIDCREQUESTURI=https://x",
    "SYSTEM_ACCESSTOKEN=a",
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
#[case::certificate(&["AZURE_CLIENT_CERTIFICATE_PATH=/app.pem", "AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c"], &["az"],
    "client certificate (client id c)")]
#[case::half_a_certificate(&["AZURE_CLIENT_CERTIFICATE_PATH=/app.pem"], &["az"],
    "error: a client certificate needs AZURE_TENANT_ID and AZURE_CLIENT_ID, which is not set")]
#[case::certificate_with_a_password(&["AZURE_CLIENT_CERTIFICATE_PATH=/app.pfx", "AZURE_CLIENT_CERTIFICATE_PASSWORD=p"], &["az"],
    "error: a client certificate with a password is not supported, but AZURE_CLIENT_CERTIFICATE_PASSWORD is set")]
#[case::only_its_password(&["AZURE_CLIENT_CERTIFICATE_PASSWORD=p"], &["az"],
    "error: a client certificate with a password is not supported, but AZURE_CLIENT_CERTIFICATE_PASSWORD is set")]
#[case::github(&GITHUB, &["az"], "GitHub Actions (client id c)")]
#[case::github_for_another_purpose(&GITHUB[..3], &["az"], "Azure CLI")]
#[case::github_without_a_tenant(&["ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "AZURE_CLIENT_ID=c"], &["az"],
    "error: AZURE_CLIENT_ID is set, but nothing says how to log in as it")]
#[case::github_without_its_token(&["ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "AZURE_CLIENT_ID=c", "AZURE_TENANT_ID=t"], &["az"],
    "error: GitHub Actions needs ACTIONS_ID_TOKEN_REQUEST_TOKEN, which is not set")]
#[case::github_in_clear_text(&["ACTIONS_ID_TOKEN_REQUEST_URL=http://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=r", "AZURE_CLIENT_ID=c", "AZURE_TENANT_ID=t"],
    &["az"], "error: ACTIONS_ID_TOKEN_REQUEST_URL is not an https:// address")]
#[case::pipelines(&PIPELINES, &["az"], "Azure Pipelines (client id c)")]
#[case::pipelines_without_the_token(&PIPELINES[..4], &["az"], "error: Azure Pipelines needs SYSTEM_ACCESSTOKEN, which is not set")]
#[case::pipelines_with_a_name_for_a_token(&["AZURESUBSCRIPTION_CLIENT_ID=c", "SYSTEM_ACCESSTOKEN=$(System.AccessToken)"], &["az"],
    "error: Azure Pipelines needs SYSTEM_ACCESSTOKEN, which is not set")]
#[case::half_of_pipelines(&["AZURESUBSCRIPTION_CLIENT_ID=c", "SYSTEM_ACCESSTOKEN=a"], &["az"],
    "error: Azure Pipelines needs AZURESUBSCRIPTION_TENANT_ID and AZURESUBSCRIPTION_SERVICE_CONNECTION_ID and SYSTEM_OIDCREQUESTURI, which is not set")]
#[case::any_job_of_pipelines(&["SYSTEM_OIDCREQUESTURI=https://x", "SYSTEM_ACCESSTOKEN=a", "TF_BUILD=True"], &["az"], "Azure CLI")]
#[case::service_connector(&["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h", "AZURE_POSTGRESQL_CLIENTID=p"], &["az"],
    "managed identity (client id p)")]
#[case::the_apps_own_wins(&["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h", "AZURE_POSTGRESQL_CLIENTID=p", "AZURE_CLIENT_ID=c"], &[],
    "managed identity (client id c)")]
#[case::service_connectors_principal(
    &["AZURE_POSTGRESQL_CLIENTID=p", "AZURE_POSTGRESQL_CLIENTSECRET=s", "AZURE_POSTGRESQL_TENANTID=t"], &["az"], "client secret (client id p)")]
#[case::half_of_it(&["AZURE_POSTGRESQL_CLIENTID=p", "AZURE_POSTGRESQL_CLIENTSECRET=s"], &["az"],
    "error: Service Connector's client secret needs AZURE_POSTGRESQL_TENANTID, which is not set")]
#[case::on_a_laptop(&["AZURE_POSTGRESQL_CLIENTID=p"], &["az"],
    "error: AZURE_POSTGRESQL_CLIENTID is set, but nothing says how to log in as it")]
#[case::app_service(&APP_SERVICE, &["az"], "managed identity (system-assigned)")]
#[case::laptop(&[], &["az", "azd"], "Azure CLI")]
#[case::laptop_with_azd(&[], &["azd"], "Azure Developer CLI")]
#[case::nothing(&[], &[], "error: the environment names no credential")]
#[case::half_a_workload_identity(&["AZURE_FEDERATED_TOKEN_FILE=/t"], &["az"],
    "error: workload identity needs AZURE_TENANT_ID and AZURE_CLIENT_ID, which is not set")]
#[case::half_a_client_secret(&["AZURE_CLIENT_SECRET=s", "AZURE_TENANT_ID=t"], &["az"],
    "error: a client secret needs AZURE_CLIENT_ID, which is not set")]
#[case::half_an_app_service(&["IDENTITY_ENDPOINT=http://x"], &["az"],
    "error: IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not")]
#[case::no_address(&["IDENTITY_ENDPOINT=x", "IDENTITY_HEADER=h"], &[], "error: IDENTITY_ENDPOINT is not an http:// address")]
#[case::the_other_half_of_an_app_service(&["IDENTITY_HEADER=h"], &["az"],
    "error: IDENTITY_HEADER is set, but IDENTITY_ENDPOINT is not")]
#[case::old_app_service(&["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h", "MSI_ENDPOINT=http://x", "MSI_SECRET=s"], &["az"],
    "managed identity (system-assigned)")]
#[case::pod_identity(&["AZURE_POD_IDENTITY_AUTHORITY_HOST=http://x"], &["az"], "managed identity (system-assigned)")]
#[case::an_application_without_a_secret(&["AZURE_CLIENT_ID=c", "AZURE_TENANT_ID=t"], &["az"],
    "error: AZURE_CLIENT_ID is set, but nothing says how to log in as it")]
#[case::a_virtual_machine_without_a_name(&["AZURE_CLIENT_ID=c"], &["azd"],
    "error: AZURE_CLIENT_ID is set, but nothing says how to log in as it")]
#[case::a_tenant_is_for_az(&["AZURE_TENANT_ID=t"], &["az"], "Azure CLI")]
#[case::quoted(&["AZURE_CLIENT_SECRET='s'", "AZURE_TENANT_ID=\"t\"", "AZURE_CLIENT_ID='c' "], &["az"], "client secret (client id c)")]
#[case::nothing_but_quotes(&["AZURE_CLIENT_SECRET=''", "AZURE_CLIENT_ID=\"\""], &["az"], "Azure CLI")]
#[case::no_tenant(&["AZURE_TENANT_ID=a tenant"], &["az"], "error: AZURE_TENANT_ID holds characters that are in no id")]
#[case::no_client_id(&["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h", "AZURE_CLIENT_ID=c'"], &["az"],
    "error: AZURE_CLIENT_ID holds characters that are in no id")]
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
#[case::pipelines("AzurePipelinesCredential", &PIPELINES, "Azure Pipelines (client id c)")]
#[case::github("GitHubActionsCredential", &GITHUB, "GitHub Actions (client id c)")]
#[case::prod_on_aks("prod", &FEDERATED, "workload identity (client id c)")]
#[case::prod_with_a_client_secret("prod", &SECRET, "client secret (client id c)")]
#[case::prod_on_a_virtual_machine("prod", &[], "managed identity (system-assigned)")]
#[case::cloud_shell("ManagedIdentityCredential", &["MSI_ENDPOINT=http://x"],
    "error: managed identity on Cloud Shell is not supported, but MSI_ENDPOINT is set")]
#[case::az_of_cloud_shell("AzureCliCredential", &["MSI_ENDPOINT=http://x"], "Azure CLI")]
#[case::az_beside_an_application("AzureCliCredential", &["AZURE_CLIENT_ID=c", "AZURE_USERNAME=u"], "Azure CLI")]
#[case::a_persons_password("EnvironmentCredential", &["AZURE_USERNAME=u", "AZURE_PASSWORD=p", "AZURE_CLIENT_ID=c"],
    "error: login with a person's password is not supported, but AZURE_USERNAME is set")]
#[case::prod_with_a_password("prod", &["AZURE_PASSWORD=p"],
    "error: login with a person's password is not supported, but AZURE_PASSWORD is set")]
#[case::name_in_quotes("'prod' ", &["AZURE_CLIENT_ID=c"], "managed identity (client id c)")]
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

const AKS_BINDING: [&str; 4] = [
    "AZURE_KUBERNETES_TOKEN_PROXY=https://x",
    "AZURE_FEDERATED_TOKEN_FILE=/token",
    "AZURE_TENANT_ID=t",
    "AZURE_CLIENT_ID=c",
];

/// Each on a machine where `az` is logged in as somebody.
#[rstest]
#[case::password(&["AZURE_USERNAME=u", "AZURE_PASSWORD=p"], "AZURE_USERNAME", "az login")]
#[case::half_a_password(&["AZURE_PASSWORD=p"], "AZURE_PASSWORD", "az login")]
#[case::password_on_app_service(&["AZURE_USERNAME=u", "IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h"], "AZURE_USERNAME", "unset")]
#[case::azure_ml(&["MSI_ENDPOINT=http://x", "MSI_SECRET=s"], "Azure ML", "az login --identity")]
#[case::half_an_azure_ml(&["MSI_SECRET=s"], "MSI_SECRET", "az login --identity")]
#[case::cloud_shell(&["MSI_ENDPOINT=http://x"], "Cloud Shell", "AZURE_TOKEN_CREDENTIALS=AzureCliCredential")]
#[case::service_fabric(&["IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=h", "IDENTITY_SERVER_THUMBPRINT=t"], "Service Fabric", "Entra::new")]
#[case::half_a_service_fabric(&["IDENTITY_SERVER_THUMBPRINT=t"], "IDENTITY_SERVER_THUMBPRINT", "Entra::new")]
#[case::arc(&["IDENTITY_ENDPOINT=http://x", "IMDS_ENDPOINT=http://x"], "Azure Arc", "AZURE_CLIENT_CERTIFICATE_PATH")]
#[case::half_an_arc(&["IMDS_ENDPOINT=http://x"], "IMDS_ENDPOINT", "AZURE_CLIENT_CERTIFICATE_PATH")]
#[case::aks_binding(&AKS_BINDING, "AZURE_KUBERNETES_TOKEN_PROXY", "azure.workload.identity/use-identity-binding")]
#[case::half_an_aks_binding(&["AZURE_KUBERNETES_TOKEN_PROXY=https://x"], "AZURE_KUBERNETES_TOKEN_PROXY", "federated credential")]
fn a_credential_that_cannot_be_used_never_leads_to_somebody_elses(
    #[case] variables: &[&'static str],
    #[case] named: &str,
    #[case] way_round: &str,
) {
    let (environment, _directory) = environment(variables, &["az", "azd"]);
    let error = select(&environment)
        .map(|(kind, _)| kind.to_string())
        .expect_err("nobody");
    assert!(error.message().contains(named), "{error}");
    assert!(error.hint().contains(way_round), "{error}");
}

#[test]
fn an_error_about_credentials_lists_no_secret() {
    let (environment, _directory) = environment(&["AZURE_CLIENT_SECRET=hunter2"], &[]);
    let error = select(&environment).map(|_| ());
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[cfg(unix)]
#[rstest]
#[case::secret("AZURE_CLIENT_SECRET")]
#[case::federated("AZURE_FEDERATED_TOKEN_FILE")]
#[case::endpoint("IDENTITY_ENDPOINT")]
#[case::pipelines("SYSTEM_ACCESSTOKEN")]
fn a_variable_that_cannot_be_read_never_leads_to_somebody_elses_login(#[case] variable: &str) {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let value = OsString::from_vec(b"caf\xe9".to_vec());
    let (_, directory) = environment(&[], &["az"]);
    let path = ("PATH".into(), directory.path().into());
    let from = Environment::collect([(variable.into(), value), path].into_iter());
    for error in [
        select(&from).err(),
        select_by_name(&from, "dev", "dev was selected").err(),
    ] {
        let error = error.expect("refused");
        let expected = format!("{variable} is not valid UTF-8");
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::NoCredential, &*expected)
        );
    }
}

#[test]
fn the_documentation_of_from_env_names_what_it_reads() {
    let documented = include_str!("../entra_builder.rs");
    let variables = [
        WorkloadIdentity::VARIABLE,
        ClientSecret::VARIABLE,
        ClientCertificate::VARIABLE,
        ClientSecret::SERVICE_CONNECTOR,
        AzurePipelines::VARIABLE,
        GitHubActions::VARIABLE,
        Endpoint::VARIABLE,
        AzureCli::PROGRAM,
        AzureDeveloperCli::PROGRAM,
    ];
    for name in KNOWN_NAMES.split(", ").chain(variables) {
        assert!(documented.contains(&format!("`{name}`")), "{name}");
    }
}

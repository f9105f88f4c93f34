//! Every credential, end to end: chosen by the environment, real azure_identity, real endpoint, real login.

use entra_pg_core::{Entra, ErrorKind, Scope, Target};
use entra_pg_emulator::{CredentialSource, Emulator, TokenSpec};
use rstest::rstest;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::{
    fixtures::shared,
    probe::{emulator_command, probe},
};

#[rstest]
#[case::app_service(
    CredentialSource::ManagedIdentity,
    "managed identity (system-assigned)"
)]
#[case::virtual_machine(CredentialSource::Imds, "managed identity (system-assigned)")]
#[case::workload_identity(CredentialSource::WorkloadIdentity, "workload identity (client id ")]
#[case::client_secret(CredentialSource::ClientSecret, "client secret (client id ")]
#[case::client_certificate(CredentialSource::ClientCertificate, "client certificate (client id ")]
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_of_each_host_logs_in(
    #[case] source: CredentialSource,
    #[case] credential: &str,
) {
    let outcome = probe(shared(), source, &[], &[]).await;
    assert!(outcome.success, "{}", outcome.stderr);
    assert!(
        outcome.stdout.starts_with(&format!("app by {credential}")),
        "{}",
        outcome.stdout
    );
}

/// Logs in with an environment that this process does not have: the role, and the credential that was selected.
async fn log_in_from_here(emulator: &Emulator, source: CredentialSource) -> String {
    let variables = emulator.environment(source);
    let entra = Entra::from_vars(variables.clone()).expect("a credential");
    let target = Target::parse_with_vars(&emulator.url(), variables).expect("a target");
    let client = entra_pg_tokio_postgres::connect_and_spawn(target, &entra)
        .await
        .expect("connects");
    let row = client.query_one("SELECT current_user::text", &[]).await;
    let role: String = row.expect("an answer").get(0);
    format!("{role} by {}", entra.credential_name())
}

#[rstest]
#[case::app_service(
    CredentialSource::ManagedIdentity,
    "managed identity (system-assigned)"
)]
#[case::virtual_machine(CredentialSource::Imds, "managed identity (system-assigned)")]
#[case::workload_identity(CredentialSource::WorkloadIdentity, "workload identity (client id ")]
#[case::client_secret(CredentialSource::ClientSecret, "client secret (client id ")]
#[case::client_certificate(CredentialSource::ClientCertificate, "client certificate (client id ")]
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_of_each_host_need_not_be_the_processs_own(
    #[case] source: CredentialSource,
    #[case] credential: &str,
) {
    let login = log_in_from_here(shared(), source).await;
    assert!(
        login.starts_with(&format!("app by {credential}")),
        "{login}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_azure_cli_logs_in() {
    let emulator = Emulator::builder()
        .role("app")
        .executable(emulator_command())
        .start()
        .await
        .expect("starts");
    let outcome = probe(&emulator, CredentialSource::AzureCli, &[], &[]).await;
    assert_eq!(outcome.stdout, "app by Azure CLI", "{}", outcome.stderr);
    let login = log_in_from_here(&emulator, CredentialSource::AzureCli).await;
    assert_eq!(login, "app by Azure CLI");

    emulator
        .control()
        .set_fault(Some(entra_pg_emulator::Fault::InternalServerError));
    let outcome = probe(&emulator, CredentialSource::AzureCli, &[], &[]).await;
    assert!(!outcome.success);
    assert!(outcome.stderr.contains("az login"), "{}", outcome.stderr);
    emulator.stop().await.expect("stops");
}

#[rstest]
#[case::system_assigned("app", &["--system-assigned"][..], "managed identity (system-assigned)")]
#[case::client_id("other", &["--client-id", "CLIENT"], "managed identity (client id CLIENT)")]
#[case::object_id("other", &["--object-id", "OBJECT"], "managed identity (object id OBJECT)")]
#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_is_not_mixed_up_with_another(
    #[case] role: &str,
    #[case] arguments: &[&str],
    #[case] credential: &str,
) {
    let emulator = shared();
    let identity = emulator.identity(role).expect("a role of this emulator");
    let fill = |text: &str| {
        text.replace("CLIENT", identity.client_id())
            .replace("OBJECT", identity.object_id())
    };
    let arguments: Vec<_> = arguments.iter().map(|argument| fill(argument)).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    // Without a role in the URL, the login is named by the token: it shows whose it is.
    let url = format!("postgres://localhost:{}/postgres", emulator.port());
    let change = [("DATABASE_URL", url.as_str()), ("PGUSER", "")];
    let outcome = probe(
        emulator,
        CredentialSource::ManagedIdentity,
        &change,
        &arguments,
    )
    .await;
    assert_eq!(
        outcome.stdout,
        format!("{role} by {}", fill(credential)),
        "{}",
        outcome.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_client_id_names_the_user_assigned_identity() {
    let emulator = shared();
    let id = emulator
        .identity("other")
        .expect("a role")
        .client_id()
        .to_owned();
    let url = emulator.url_for("other");
    let change = [
        ("AZURE_CLIENT_ID", id.as_str()),
        ("DATABASE_URL", url.as_str()),
    ];
    let outcome = probe(emulator, CredentialSource::ManagedIdentity, &change, &[]).await;
    assert_eq!(
        outcome.stdout,
        format!("other by managed identity (client id {id})"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_not_assigned_is_named_with_its_cure() {
    let change = [("AZURE_CLIENT_ID", "00000000-0000-0000-0000-00000000dead")];
    let outcome = probe(shared(), CredentialSource::ManagedIdentity, &change, &[]).await;
    assert!(!outcome.success);
    for part in [
        "token failed",
        "HTTP 400",
        "00000000dead",
        "assign the identity",
    ] {
        assert!(
            outcome.stderr.contains(part),
            "{part:?} is missing in {}",
            outcome.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_is_named_and_not_printed() {
    let change = [("AZURE_CLIENT_SECRET", "hunter2-hunter2")];
    let outcome = probe(shared(), CredentialSource::ClientSecret, &change, &[]).await;
    assert!(!outcome.success);
    assert!(
        outcome.stderr.contains("AZURE_CLIENT_SECRET"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
}

#[rstest]
#[case::nothing(&[("IDENTITY_ENDPOINT", ""), ("IDENTITY_HEADER", ""), ("PATH", "/nonexistent")], "the environment names no credential")]
#[case::unknown_name(&[("AZURE_TOKEN_CREDENTIALS", "Nobody")], "AZURE_TOKEN_CREDENTIALS is Nobody")]
#[case::half_an_app_service(&[("IDENTITY_HEADER", "")], "IDENTITY_HEADER is not")]
#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_an_error_before_any_connection(
    #[case] change: &[(&str, &str)],
    #[case] cause: &str,
) {
    let outcome = probe(shared(), CredentialSource::ManagedIdentity, change, &[]).await;
    assert!(!outcome.success);
    assert!(
        outcome.stderr.starts_with("configuration failed: "),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains(cause), "{}", outcome.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_principal_without_a_role_in_the_url_is_told_so() {
    let emulator = Emulator::builder()
        .identity(entra_pg_emulator::Identity::new(
            "robot",
            entra_pg_emulator::IdentityKind::ServicePrincipal,
        ))
        .start()
        .await
        .expect("starts");
    let url = format!("postgres://localhost:{}/postgres", emulator.port());
    let change = [("DATABASE_URL", url.as_str()), ("PGUSER", "")];
    let outcome = probe(&emulator, CredentialSource::ClientSecret, &change, &[]).await;
    assert!(
        outcome.stderr.contains("postgres://ROLE@HOST"),
        "{} {}",
        outcome.stdout,
        outcome.stderr
    );
    emulator.stop().await.expect("stops");
}

/// The token that a job gets lives for minutes: it is never kept for the next request.
#[rstest]
#[case(CredentialSource::GitHubActions)]
#[case(CredentialSource::AzurePipelines)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pipelines_job_proves_its_identity_anew_for_each_token(#[case] source: CredentialSource) {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let requests = || emulator.control().token_requests();
    let entra = Entra::from_vars(emulator.environment(source)).expect("a credential");
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let patience = std::time::Duration::from_secs(60);
    let first = tokens.get(patience).await.expect("a token");
    assert_eq!(requests(), 2, "the proof, and the token for it");
    tokens
        .refresh_rejected(&first, patience)
        .await
        .expect("another");
    assert_eq!(requests(), 4);
    emulator.stop().await.expect("stops");
}

#[rstest]
#[case::github(
    CredentialSource::GitHubActions,
    "GitHub Actions answered without a proof"
)]
#[case::pipelines(
    CredentialSource::AzurePipelines,
    "Azure Pipelines answered without a proof"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_html_is_named(
    #[case] source: CredentialSource,
    #[case] cause: &str,
) {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    emulator
        .control()
        .set_fault(Some(entra_pg_emulator::Fault::Html));
    let error = token_error(&emulator, source, &[]).await;
    assert!(
        error.contains(cause) && error.contains("text/html"),
        "{error}"
    );
    emulator.stop().await.expect("stops");
}

#[rstest]
#[case::job_token(CredentialSource::GitHubActions, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "hunter2-hunter2", &["GitHub Actions gave the job no proof", "HTTP 401"])]
#[case::access_token(CredentialSource::AzurePipelines, "SYSTEM_ACCESSTOKEN", "hunter2-hunter2", &["Azure Pipelines gave the job no proof", "System.AccessToken"])]
#[case::connection(CredentialSource::AzurePipelines, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "another", &["HTTP 400", "service connection"])]
#[case::application(CredentialSource::GitHubActions, "AZURE_CLIENT_ID", "OTHER", &["AADSTS700213", "federated credential"])]
#[case::certificates_application(CredentialSource::ClientCertificate, "AZURE_CLIENT_ID", "00000000-0000-0000-0000-00000000dead", &["AADSTS700016", "AZURE_CLIENT_ID"])]
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_refused_is_named_with_its_cure(
    #[case] source: CredentialSource,
    #[case] variable: &str,
    #[case] value: &str,
    #[case] expected: &[&str],
) {
    let emulator = shared();
    let other = emulator.identity("other").expect("a role").client_id();
    let value = value.replace("OTHER", other);
    let error = token_error(emulator, source, &[(variable, &value)]).await;
    for part in expected {
        assert!(error.contains(part), "{part:?} is missing in {error}");
    }
    assert!(!error.contains("hunter2"), "{error}");
}

/// Why there is no token in the environment of a source with these changes.
async fn token_error(
    emulator: &Emulator,
    source: CredentialSource,
    change: &[(&str, &str)],
) -> String {
    let change = change
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables = emulator.environment(source).into_iter().chain(change);
    let entra = Entra::from_vars(variables).expect("a credential");
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let error = tokens
        .get(std::time::Duration::from_secs(5))
        .await
        .expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::TokenRequest, "{error}");
    error.to_string()
}

/// What the limit of a caller is called, and nothing that is not so.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_tool_names_the_parameter_that_gives_it_more_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let az = folder.path().join("az");
    std::fs::write(&az, "#!/bin/sh\nexec sleep 1000\n").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&az, executable).expect("changed");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let entra = Entra::from_vars([("PATH", path)]).expect("the Azure CLI");
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let error = tokens.get(std::time::Duration::from_millis(500)).await;
    let error = error.expect_err("it never answers");
    assert_eq!(error.kind(), ErrorKind::TokenTimeout);
    assert!(error.hint().contains("connect_timeout"), "{error}");
    assert!(!error.hint().contains("another service"), "{error}");
}

/// A stand-in for an identity endpoint, which answers every request with this body.
async fn endpoint(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
                line.clear();
            }
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/msi/token")
}

fn in_an_hour() -> std::time::SystemTime {
    std::time::SystemTime::now() + std::time::Duration::from_secs(3600)
}

#[rstest]
#[case::number(r#""expires_on":SECONDS"#)]
#[case::text(r#""expires_on":"SECONDS","token_type":"Bearer","resource":"r""#)]
#[case::fraction(r#""expires_on":SECONDS.25"#)]
#[case::date(r#""expires_on":"DATE""#)]
#[case::lifetime(r#""expires_in":3600"#)]
#[case::lifetime_as_text(r#""expires_in":"3600","expires_on":null"#)]
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_may_say_in_its_own_way_when_a_token_expires(#[case] expiry: &str) {
    let emulator = shared();
    let since_1970 = in_an_hour().duration_since(std::time::UNIX_EPOCH);
    let seconds = since_1970.expect("after 1970").as_secs().to_string();
    let date = humantime::format_rfc3339_seconds(in_an_hour()).to_string();
    let expiry = expiry.replace("SECONDS", &seconds).replace("DATE", &date);
    let token = emulator
        .control()
        .mint(TokenSpec::new("app"))
        .expect("a token");
    let address = endpoint(format!(r#"{{"access_token":"{token}",{expiry}}}"#)).await;
    let own = [("IDENTITY_ENDPOINT".to_owned(), address)];
    let variables: Vec<_> = emulator
        .environment(CredentialSource::ManagedIdentity)
        .into_iter()
        .chain(own)
        .collect();
    let entra = Entra::from_vars(variables.clone()).expect("a credential");
    let target = Target::parse_with_vars(&emulator.url(), variables).expect("a target");
    let connected = entra_pg_tokio_postgres::connect_and_spawn(target, &entra).await;
    connected.expect("it connects");
    let expires_on = entra.status()[0].expires_on.expect("a token");
    let difference = in_an_hour().duration_since(expires_on).unwrap_or_default();
    assert!(
        difference < std::time::Duration::from_secs(600),
        "{difference:?}"
    );
}

/// As an app has it whose connection an administrator made in the portal: no URL, no `PG*` variables.
#[tokio::test(flavor = "multi_thread")]
async fn service_connectors_variables_are_enough() {
    let emulator = shared();
    let other = emulator.identity("other").expect("a role").client_id();
    let port = emulator.port().to_string();
    let own = [
        ("AZURE_POSTGRESQL_HOST", "localhost"),
        ("AZURE_POSTGRESQL_PORT", &port),
        ("AZURE_POSTGRESQL_DATABASE", "postgres"),
        ("AZURE_POSTGRESQL_USER", "other"),
        ("AZURE_POSTGRESQL_CLIENTID", other),
        ("AZURE_POSTGRESQL_SSL", "true"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = emulator.environment(CredentialSource::ManagedIdentity);
    let kept = given
        .into_iter()
        .filter(|(name, _)| !name.starts_with("PG") || name == "PGSSLROOTCERT");
    let variables: Vec<_> = kept.chain(own).collect();
    let entra = Entra::from_vars(variables.clone()).expect("a credential");
    let target = Target::parse_with_vars("postgres://", variables).expect("a target");
    let client = entra_pg_tokio_postgres::connect_and_spawn(target, &entra)
        .await
        .expect("connects");
    let row = client.query_one("SELECT current_user::text", &[]).await;
    let role: String = row.expect("an answer").get(0);
    assert_eq!(role, "other");
    let name = format!("managed identity (client id {other})");
    assert_eq!(entra.credential_name(), name);
}

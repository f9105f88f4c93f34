//! A server on Azure, of which this knows the URL and the credential that the environment names: `just azure-test`.
//!
//! The same program runs against the emulator in every `./dev test`, so that what was never run against Azure is at least known to run.

use std::{env, process::Stdio, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use entra_pg_core::{Entra, Error, ErrorKind, RootCertificates, Scope, Target};
use entra_pg_emulator::CredentialSource;
use entra_pg_tests::adapters::{ALL, Cancel, NamedAdapter, PROXY, named};
use entra_pg_tokio_postgres::tokio_postgres;
use tokio::process::Command;

use crate::fixtures::shared;

const PATIENCE: Duration = Duration::from_secs(60);
/// Where the refusals are written to.
const RECORD: &str = "ENTRA_PG_RECORD";
const NO_ROLE: &str = "entra_pg_nobody";

fn url() -> String {
    let url = env::var("DATABASE_URL").expect("DATABASE_URL names the server and the role");
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}connect_timeout=60")
}

/// The URL without certificates of its own, which rotation would read.
fn without_roots(url: &str) -> String {
    let mut parts = url.split(['?', '&']);
    let address = parts.next().unwrap_or_default();
    let rest = parts.filter(|part| !part.starts_with("sslrootcert="));
    format!("{address}?{}", rest.collect::<Vec<_>>().join("&"))
}

fn target(url: &str) -> Target {
    Target::parse(url).unwrap_or_else(|error| panic!("{error}"))
}

fn entra() -> Entra {
    Entra::from_env().unwrap_or_else(|error| panic!("{error}"))
}

fn role(target: &Target) -> String {
    let role = target.user().expect("the role is in DATABASE_URL");
    role.to_owned()
}

fn everybody() -> impl Iterator<Item = NamedAdapter> {
    ALL.into_iter().chain([PROXY])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server on Azure: just azure-test"]
async fn every_adapter_logs_in_as_the_role_over_tls_and_cancels_a_query() {
    let (url, entra) = (url(), entra());
    for NamedAdapter { name, adapter, .. } in everybody() {
        let opened = adapter.open(&url, target(&url), &entra).await;
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut running = opened.acquire().await.expect("a connection");
        let user = running.query("SELECT current_user::text").await;
        assert_eq!(user, Ok(role(&target(&url))), "{name}");
        let encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(
            running.query(encrypted).await.as_deref(),
            Ok("true"),
            "{name}"
        );
        let query = Cancel {
            pid: running
                .query("SELECT pg_backend_pid()::text")
                .await
                .expect("an answer"),
            token: running.cancel_token(),
        };
        let mut other = opened.acquire().await.expect("a connection");
        let cancel = async {
            let sql = format!(
                "SELECT count(*)::text FROM pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'",
                query.pid
            );
            while other.query(&sql).await.expect("an answer") != "1" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened.cancel(&query).await
        };
        let (slept, cancelled) = tokio::join!(running.query("SELECT pg_sleep(600)::text"), cancel);
        assert_eq!(cancelled, Ok(()), "{name}");
        let error = slept.expect_err("it is cancelled");
        assert!(error.contains("due to user request"), "{name}: {error}");
        drop((running, other));
        opened.close().await;
        println!("{name}: logged in, and cancelled a query");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server on Azure: just azure-test"]
async fn another_certificate_authority_is_refused() {
    let (url, entra) = (without_roots(&url()), entra());
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]);
    let other = other.expect("a certificate").cert.pem();
    // With rotation the driver reads the environment's certificates, too.
    for NamedAdapter { name, adapter, .. } in everybody().filter(|adapter| adapter.per_connection) {
        let roots = RootCertificates::from_pem(other.as_bytes()).expect("certificates");
        let target = target(&url).with_root_certificates(roots);
        let error = adapter.open(&url, target, &entra).await.err();
        let error = error.unwrap_or_else(|| panic!("{name} trusts it"));
        assert_eq!(error.kind(), ErrorKind::Tls, "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server on Azure: just azure-test"]
async fn an_unknown_role_is_named_with_its_cure_by_every_adapter() {
    let (url, entra) = (url(), entra());
    for NamedAdapter { name, adapter, .. } in everybody() {
        let target = target(&url).with_user(NO_ROLE);
        let url = url.replacen(
            &format!("//{}@", role(&self::target(&url))),
            &format!("//{NO_ROLE}@"),
            1,
        );
        let error = adapter.open(&url, target, &entra).await.err();
        let error = error.unwrap_or_else(|| panic!("{name} logged in"));
        assert!(
            matches!(error.kind(), ErrorKind::Rejected(_)),
            "{name}: {error}"
        );
        assert!(error.hint().contains(NO_ROLE), "{name}: {error}");
    }
}

/// A credential with one token, whatever is asked for.
#[derive(Debug)]
struct Fixed(String);

#[async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Ok(AccessToken::new(Secret::new(self.0.clone()), expires_on))
    }
}

/// A login that a server refuses: its name, the role, and the token.
struct Refused {
    case: &'static str,
    role: String,
    token: String,
}

async fn refused_logins(role: &str) -> Vec<Refused> {
    let entra = entra();
    let token = async |scope: &Scope| {
        let token = entra.token_cache(scope).get(PATIENCE).await;
        token.map(|token| token.secret().to_owned())
    };
    let own = token(target(&url()).scope()).await;
    let own = own.unwrap_or_else(|error| panic!("{error}"));
    let of = |case, role: &str, token: &str| Refused {
        case,
        role: role.to_owned(),
        token: token.to_owned(),
    };
    let shortened = &own[..own.len() - 8];
    let mut logins = vec![
        of("unknown role", NO_ROLE, &own),
        of("another case", &role.to_uppercase(), &own),
        of("shortened token", role, shortened),
        of("no token", role, "secret"),
    ];
    // The emulator serves no other audience.
    let other = Scope::new("https://management.azure.com/.default").expect("a scope");
    if let Ok(other) = token(&other).await {
        logins.push(of("another audience", role, &other));
    }
    logins
}

fn sqlstate(error: &Error) -> Option<&str> {
    let driver = error.driver_error()?;
    let error = driver.downcast_ref::<tokio_postgres::Error>()?;
    error.code().map(tokio_postgres::error::SqlState::code)
}

/// Leaves nothing that belongs to somebody: role, host and ids.
fn redact(text: &str, role: &str, host: &str) -> String {
    let text = text
        .replace(role, "app")
        .replace(&role.to_uppercase(), "APP");
    let text = text.replace(host, "server.example");
    let words = text.split_inclusive(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    let zeros = "00000000-0000-0000-0000-000000000000";
    let is_id =
        |word: &str| word.len() >= zeros.len() && word[..zeros.len()].matches('-').count() == 4;
    words
        .map(|word| match is_id(word) {
            true => format!("{zeros}{}", &word[zeros.len()..]),
            false => word.to_owned(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server on Azure: just azure-test"]
async fn what_the_server_refuses_is_recorded() {
    let url = url();
    let (role, host) = (
        role(&target(&url)),
        target(&url).hosts()[0].name().to_owned(),
    );
    let mut lines = vec!["case\tSQLSTATE\tkind\tmessage".to_owned()];
    for login in refused_logins(&role).await {
        let entra = Entra::new(Arc::new(Fixed(login.token.clone())));
        let target = target(&url).with_user(&login.role);
        let adapter = named("tokio-postgres").adapter;
        let error = adapter.open(&url, target, &entra).await.err();
        let error = error.unwrap_or_else(|| panic!("{}: logged in", login.case));
        let message = redact(error.message(), &role, &host);
        assert!(!message.contains(&login.token), "{}", login.case);
        let sqlstate = sqlstate(&error).unwrap_or("-");
        lines.push(format!(
            "{}\t{sqlstate}\t{:?}\t{message}",
            login.case,
            error.kind()
        ));
        assert!(
            matches!(error.kind(), ErrorKind::Rejected(_)),
            "{}: {error}",
            login.case
        );
    }
    let record = lines.join("\n") + "\n";
    print!("{record}");
    if let Some(file) = env::var_os(RECORD) {
        std::fs::write(file, record).expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_run_against_azure_runs_against_the_emulator() {
    let emulator = shared();
    let source = CredentialSource::ManagedIdentity;
    let record = tempfile::NamedTempFile::new().expect("a file");
    let mut command = Command::new(env::current_exe().expect("this program"));
    for name in emulator.conflicting_variables(source) {
        command.env_remove(name);
    }
    command
        .args(["--ignored", "azure::", "--test-threads", "2"])
        .envs(emulator.environment(source))
        .env("DATABASE_URL", emulator.url())
        .env(RECORD, record.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE * 10, command.output()).await;
    let output = output.expect("it ends").expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("4 passed"),
        "{said}"
    );
    let record = std::fs::read_to_string(record.path()).expect("a record");
    assert!(record.lines().count() >= 5, "{record}");
    assert!(record.contains("unknown role\t28"), "{record}");
}

#[test]
fn a_record_names_nobody() {
    let id = "da354b4c-a70c-58fd-8cef-780f7570f553";
    let text = format!("role \"jane@corp.example\" at db.corp.example has no object id {id}.");
    assert_eq!(
        redact(&text, "jane@corp.example", "db.corp.example"),
        "role \"app\" at server.example has no object id 00000000-0000-0000-0000-000000000000."
    );
}

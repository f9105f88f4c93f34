//! Real clients: PostgreSQL's own programs, and drivers that know nothing of tokens.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use entra_pg_proxy::Proxy;
use entra_pg_sqlx::sqlx::{Connection, PgConnection, Row};
use entra_pg_tokio_postgres::tokio_postgres::NoTls;
use tokio::process::Command;

use super::{
    proxy_to,
    raw::{Raw, text},
};
use crate::fixtures::{eventually, scratch, unique};

/// For a test that would hang.
const LIMIT: Duration = Duration::from_secs(120);

/// One of PostgreSQL's own programs.
pub fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = [
        "/usr/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
        "/usr",
    ];
    let folders = env::split_paths(&path)
        .chain(env::var_os("ENTRA_PG_EMULATOR_PGBIN").map(PathBuf::from))
        .chain(
            installed
                .iter()
                .flat_map(|parent| versions(Path::new(parent))),
        );
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!(
                "{name} was not found: install PostgreSQL's client programs (Debian: postgresql-client postgresql-contrib, \
                 Fedora: postgresql postgresql-contrib, Alpine: postgresql-client postgresql-contrib)"
            )
        })
}

/// The `bin` folders of the versions that are installed side by side.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let entries = parent.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join("bin")).collect()
}

/// A program whose `PG*` variables lead to the proxy, and to nothing else. It has no password.
pub fn command(name: &str, proxy: &Proxy) -> Command {
    let mut command = Command::new(program(name));
    for (variable, _) in env::vars().filter(|(variable, _)| variable.starts_with("PG")) {
        command.env_remove(variable);
    }
    command
        .env("PGHOST", proxy.address().host())
        .env("PGPORT", proxy.address().port().to_string())
        .env("PGDATABASE", "postgres")
        .env("PGPASSFILE", "/nonexistent")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub async fn run(name: &str, proxy: &Proxy, arguments: &[&str]) -> Output {
    let output = command(name, proxy).args(arguments).output();
    tokio::time::timeout(LIMIT, output)
        .await
        .expect("it ends")
        .expect("it starts")
}

/// The output of a program that must succeed.
async fn success(name: &str, proxy: &Proxy, arguments: &[&str]) -> String {
    let output = run(name, proxy, arguments).await;
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {errors}");
    text(&output.stdout) + &errors
}

async fn psql(proxy: &Proxy, sql: &str) -> String {
    let arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql];
    success("psql", proxy, &arguments).await.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_logs_in_as_the_urls_role_whatever_name_it_gives_itself() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let sql = "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(psql(&proxy, sql).await, "app|t");
    let other = ["-XAt", "-U", "somebody", "-c", "SELECT current_user"];
    assert_eq!(success("psql", &proxy, &other).await.trim(), "app");
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_copies_in_and_out() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let table = unique("copied").replace('-', "_");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().display();
    let lines: String = (0..50_000).map(|n| format!("{n}\n")).collect();
    std::fs::write(file.path(), &lines).expect("written");
    psql(&proxy, &format!("CREATE TABLE {table} (n int)")).await;
    psql(&proxy, &format!("\\copy {table} FROM '{path}'")).await;
    assert_eq!(
        psql(&proxy, &format!("SELECT sum(n) FROM {table}")).await,
        "1249975000"
    );
    std::fs::write(file.path(), "").expect("emptied");
    psql(
        &proxy,
        &format!("\\copy (SELECT n FROM {table} ORDER BY n) TO '{path}'"),
    )
    .await;
    assert_eq!(std::fs::read_to_string(file.path()).expect("read"), lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_hears_notifications() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let channel = unique("news").replace('-', "_");
    let (listen, notify) = (
        format!("LISTEN {channel}"),
        format!("NOTIFY {channel}, 'tea'"),
    );
    let output = success("psql", &proxy, &["-X", "-c", &listen, "-c", &notify]).await;
    let expected = format!("Asynchronous notification \"{channel}\" with payload \"tea\" received");
    assert!(output.contains(&expected), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_of_psql_cancels_its_query() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let marker = unique("slow");
    let sleep = format!("SELECT pg_sleep(600) /* {marker} */");
    let psql = command("psql", &proxy)
        .args(["-XAt", "-c", &sleep])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let running = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%{marker}%' AND state = 'active'"
    );
    eventually("the query runs", || async {
        let count = scratch().control().execute(&running).await;
        count.expect("an answer").trim() == "1"
    })
    .await;
    let interrupt = format!("kill -INT {}", psql.id().expect("it lives"));
    let sent = Command::new("sh").args(["-c", &interrupt]).status().await;
    assert!(sent.expect("sh starts").success());
    let output = tokio::time::timeout(LIMIT, psql.wait_with_output()).await;
    let output = output.expect("it ends").expect("it ran");
    let err = text(&output.stderr);
    assert!(
        err.contains("canceling statement due to user request"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_a_hundred_megabytes_arrives_whole() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let sql = "SELECT repeat('x', 1000000) FROM generate_series(1, 100)";
    let arguments = ["-XAt", "-v", "FETCH_COUNT=5", "-c", sql];
    let output = run("psql", &proxy, &arguments).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(output.stdout.len(), 100 * 1_000_001);
    assert!(
        output
            .stdout
            .iter()
            .all(|byte| matches!(byte, b'x' | b'\n'))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_dump_and_pg_restore_carry_a_table_over() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let table = unique("dumped").replace('-', "_");
    psql(
        &proxy,
        &format!("CREATE TABLE {table} AS SELECT n, md5(n::text) FROM generate_series(1, 5000) n"),
    )
    .await;
    let sum = format!("SELECT count(*), md5(string_agg(md5, '' ORDER BY n)) FROM {table}");
    let before = psql(&proxy, &sum).await;
    assert!(before.starts_with("5000|"), "{before}");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("dump").display().to_string();
    success("pg_dump", &proxy, &["-Fc", "-t", &table, "-f", &file]).await;
    psql(&proxy, &format!("DROP TABLE {table}")).await;
    success("pg_restore", &proxy, &["-d", "postgres", "-e", &file]).await;
    assert_eq!(psql(&proxy, &sum).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_connects_again_for_each_transaction() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    success("pgbench", &proxy, &["-i", "-q", "-s", "1"]).await;
    let output = success(
        "pgbench",
        &proxy,
        &["-n", "-C", "-c", "4", "-j", "2", "-t", "10"],
    )
    .await;
    assert!(output.contains("actually processed: 40/40"), "{output}");
    eventually("no client is left", || async {
        proxy.active_connections() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libpq_goes_on_without_encryption_if_it_only_prefers_it() {
    let proxy = proxy_to(scratch())
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("listens");
    for (mode, succeeds) in [("prefer", true), ("disable", true), ("require", false)] {
        let output = command("psql", &proxy)
            .env("PGSSLMODE", mode)
            .args(["-XAt", "-c", "SELECT 'hello'"])
            .output();
        let output = tokio::time::timeout(LIMIT, output).await;
        let output = output.expect("it ends").expect("it starts");
        let error = text(&output.stderr);
        assert_eq!(output.status.success(), succeeds, "{mode}: {error}");
        assert!(
            succeeds || error.contains("does not support SSL"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_that_know_nothing_of_tokens_connect() {
    let proxy = proxy_to(scratch())
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("listens");
    let (host, port) = (proxy.address().host(), proxy.address().port());
    let url = format!("postgres://app@{host}:{port}/postgres?sslmode=prefer");
    let mut sqlx = PgConnection::connect(&url).await.expect("connects");
    let row = entra_pg_sqlx::sqlx::query("SELECT current_user::text")
        .fetch_one(&mut sqlx)
        .await;
    assert_eq!(row.expect("a row").get::<String, _>(0), "app");

    let config = format!("host={host} port={port} user=app dbname=postgres");
    let (client, connection) = entra_pg_tokio_postgres::tokio_postgres::connect(&config, NoTls)
        .await
        .expect("connects");
    let running = tokio::spawn(connection);
    let cancel = client.cancel_token();
    let (slept, cancelled) = tokio::join!(client.batch_execute("SELECT pg_sleep(600)"), async {
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'";
        eventually("the query runs", || async {
            let count = scratch().control().execute(sleeping).await;
            count.expect("an answer").trim() == "1"
        })
        .await;
        cancel.cancel_query(NoTls).await
    });
    cancelled.expect("the request is taken");
    let error = slept.expect_err("cancelled");
    assert_eq!(error.code().map(|state| state.code()), Some("57014"));
    client
        .batch_execute("SELECT 1")
        .await
        .expect("the connection stays");
    drop(client);
    running.await.expect("no panic").expect("a good end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_said_all_still_hears_all() {
    use tokio::io::AsyncWriteExt;
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let mut raw = Raw::ready(proxy.address()).await;
    raw.query("SELECT pg_sleep(0.5); SELECT repeat('x', 3000000)")
        .await;
    raw.0.shutdown().await.expect("half closed");
    let mut rows = Vec::new();
    while let Some((tag, body)) = raw.message().await {
        if tag == b'D' {
            rows.push(body.len());
        }
    }
    assert_eq!(rows.last(), Some(&3_000_006), "the last row in full");
    eventually("the connection is gone", || async {
        proxy.active_connections() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_the_server_back() {
    let proxy = proxy_to(scratch()).bind_private().expect("listens");
    let marker = unique("unread");
    let mut raw = Raw::ready(proxy.address()).await;
    raw.query(&format!(
        "SELECT repeat('x', 1000000) FROM generate_series(1, 1000) /* {marker} */"
    ))
    .await;
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{marker}%' AND wait_event = 'ClientWrite'"
    );
    // A gigabyte fits into no buffer: only a server that is not read from waits to write.
    eventually("the server waits", || async {
        let count = scratch().control().execute(&waiting).await;
        count.expect("an answer").trim() == "1"
    })
    .await;
    drop(raw);
    eventually("the connection is gone", || async {
        proxy.active_connections() == 0
    })
    .await;
}

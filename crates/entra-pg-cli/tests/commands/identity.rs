//! `token`, `whoami`, `role-sql`: who is logged in.

use std::process::Stdio;

use entra_pg_emulator::{Identity, IdentityKind, TokenSpec};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use crate::fixtures::{PATIENCE, PERSON, az, bare, ended, outcome, run, shared, signed_in, write};

fn object_id(name: &str, kind: IdentityKind) -> String {
    Identity::new(name, kind).object_id().to_owned()
}

#[tokio::test]
async fn a_pipe_gets_a_token_that_logs_in() {
    let token = run(shared(), &["token"]).await;
    assert_eq!(token.status, 0, "{}", token.stderr);
    assert_eq!(token.stdout.trim().split('.').count(), 3);
    assert!(token.stdout.ends_with('\n') && token.stderr.is_empty());
}

#[tokio::test]
async fn a_tool_that_hangs_ends_with_us() {
    let folder = TempDir::new().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().await;
    assert!(made.expect("mkfifo runs").success());
    // Whoever has the pipe open for writing is alive.
    let script = format!(
        "#!/bin/sh\nexec 3> '{}'\necho up >&3\nsleep 1000\n",
        pipe.display()
    );
    write(&folder.path().join("az"), &script, 0o755);
    let mut child = signed_in(shared(), &folder, &["token"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut reader = Command::new("cat")
        .arg(&pipe)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("cat runs");
    let mut up = [0; 2];
    let mut output = reader.stdout.take().expect("a pipe");
    let read = timeout(PATIENCE, output.read_exact(&mut up)).await;
    read.expect("az runs").expect("it is read");
    let id = child.id().expect("it runs").try_into().expect("a pid");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("sent");
    assert!(ended(&mut reader).await.success());
    assert_eq!(ended(&mut child).await.code(), Some(130));
}

#[tokio::test]
async fn a_token_needs_no_server() {
    let with = run(shared(), &["token", "--json"]).await;
    let mut command = crate::fixtures::command(shared(), &["token", "--json"]);
    command.env_remove("DATABASE_URL").env_remove("PGHOST");
    let without = outcome(command).await;
    assert_eq!(without.status, 0, "{}", without.stderr);
    for json in [&with.stdout, &without.stdout] {
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let fields: Vec<_> = json
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            fields,
            [
                "accessToken",
                "expiresOn",
                "expires_on",
                "tenant",
                "tokenType"
            ]
        );
    }
}

#[tokio::test]
async fn whoami_tells_everything_but_the_token() {
    let said = run(shared(), &["whoami", "--json"]).await;
    assert_eq!(said.status, 0, "{}", said.stderr);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    for (field, value) in [
        ("principal", "app"),
        ("type", "service"),
        ("role", "app"),
        ("audience", "https://ossrdbms-aad.database.windows.net"),
        ("credential", "managed identity (system-assigned)"),
        ("credential_reason", "IDENTITY_ENDPOINT is set"),
    ] {
        assert_eq!(json[field], value, "{field}");
    }
    let id = object_id("app", IdentityKind::ManagedIdentity);
    assert_eq!(json["object_id"], id.as_str());
    let table = run(shared(), &["whoami"]).await.stdout;
    assert!(table.contains(&id) && !table.contains("eyJ"), "{table}");
}

#[tokio::test]
async fn a_credential_asked_for_is_used_though_the_environment_names_another() {
    let az = az(&shared()
        .control()
        .mint(TokenSpec::new("app"))
        .expect("a token"));
    let mut command = signed_in(
        shared(),
        &az,
        &["whoami", "--credential", "AzureCliCredential"],
    );
    command.env_remove("AZURE_TOKEN_CREDENTIALS");
    let said = outcome(command).await;
    assert!(
        said.stdout
            .contains("Azure CLI (AzureCliCredential was selected)"),
        "{}{}",
        said.stdout,
        said.stderr
    );
}

#[tokio::test]
async fn the_scope_follows_the_host_unless_it_is_given() {
    let china = "postgres://app@my.postgres.database.chinacloudapi.cn/x";
    let audience = async |arguments: &[&str]| {
        let mut all = vec!["whoami", "--json"];
        all.extend(arguments);
        let said = run(shared(), &all).await;
        let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        json["audience"].as_str().unwrap_or_default().to_owned()
    };
    let resource = "https://ossrdbms-aad.database.chinacloudapi.cn";
    assert_eq!(audience(&[china]).await, resource);
    assert_eq!(
        audience(&["--scope", "https://r.example", china]).await,
        "https://r.example"
    );
    assert_eq!(audience(&["--scope", resource]).await, resource);
}

#[tokio::test]
async fn the_role_is_made_for_whoever_the_token_is_for() {
    let service = run(shared(), &["role-sql", "--admin"]).await;
    let id = object_id("app", IdentityKind::ManagedIdentity);
    assert!(
        service.stdout.ends_with(&format!(
            "_with_oid('app', '{id}', 'service', true, false);\n"
        )),
        "{}",
        service.stdout
    );
    let emulator = entra_pg_emulator::Emulator::builder()
        .identity(Identity::new(PERSON, IdentityKind::User))
        .start()
        .await
        .expect("starts");
    let az = az(&emulator
        .control()
        .mint(TokenSpec::new(PERSON))
        .expect("a token"));
    let mut command = signed_in(&emulator, &az, &["role-sql", "--mfa"]);
    command.env_remove("DATABASE_URL").env_remove("PGUSER");
    let user = outcome(command).await;
    let id = object_id(PERSON, IdentityKind::User);
    assert!(
        user.stdout
            .ends_with(&format!("('{PERSON}', '{id}', 'user', false, true);\n")),
        "{}{}",
        user.stdout,
        user.stderr
    );
    emulator.stop().await.expect("stops");
}

#[tokio::test]
async fn a_named_principal_needs_no_token() {
    let run = async |arguments: &[&str]| outcome(bare(arguments)).await;
    let group = run(&[
        "role-sql",
        "--name",
        "o'hara",
        "--type",
        "group",
        "--object-id",
        "i",
    ])
    .await;
    assert!(
        group
            .stdout
            .ends_with("_with_oid('o''hara', 'i', 'group', false, false);\n"),
        "{}{}",
        group.stdout,
        group.stderr
    );
    let looked_up = run(&["role-sql", "--look-up", PERSON]).await;
    assert!(
        looked_up.stdout.ends_with(
            "SELECT * FROM pgaadauth_create_principal('alice@contoso.com', false, false);\n"
        ),
        "{}",
        looked_up.stdout
    );
    let incomplete = run(&["role-sql", "--object-id", "i"]).await;
    assert_eq!(incomplete.status, 2, "{}", incomplete.stderr);
    let group_without_id = run(&["role-sql", "--type", "group"]).await;
    assert_eq!(group_without_id.status, 2);
    assert!(group_without_id.stderr.contains("--object-id"));
}

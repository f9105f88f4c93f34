//! The guides' SQL, run on PostgreSQL. What exists on Azure only has a stand-in with the signature that Microsoft documents.

use entra_pg_emulator::Emulator;
use entra_pg_tokio_postgres::connect_and_spawn;

use super::page::page;
use crate::fixtures;

/// Makes the role, if the emulator has not. The argument names are Microsoft's:
/// <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>
const STAND_IN: &str = "
    CREATE FUNCTION public.pgaadauth_create_principal_with_oid(
        rolename text, objectid text, objecttype text, isadmin boolean, ismfa boolean)
    RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        ASSERT objecttype IN ('user', 'group', 'service');
        PERFORM objectid::uuid;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = rolename) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', rolename);
        END IF;
        RETURN format('Created role for \"%s\"', rolename);
    END $$";

/// The SQL of a page that PostgreSQL can run.
fn statements(path: &str) -> Vec<String> {
    page(path)
        .snippets(&["sql"])
        .into_iter()
        .map(|snippet| snippet.code)
        .collect()
}

async fn run(emulator: &Emulator, statements: &[impl AsRef<str>]) {
    for sql in statements {
        let sql = sql.as_ref();
        if let Err(error) = emulator.control().execute(sql).await {
            panic!("{sql}\n{error}");
        }
    }
}

async fn start(role: &str) -> Emulator {
    let emulator = Emulator::builder().role(role).start().await;
    let emulator = emulator.expect("an emulator");
    run(&emulator, &[STAND_IN]).await;
    emulator
}

#[tokio::test]
async fn the_roles_guide_can_be_followed_to_its_end() {
    let emulator = start("someone").await;
    run(&emulator, &["CREATE TABLE parcels (id serial)"]).await;
    run(&emulator, &statements("docs/guide/roles.md")).await;
    let left = "SELECT count(*) FROM pg_roles WHERE rolname = 'orders-app'";
    let left = emulator.control().execute(left).await.expect("an answer");
    assert_eq!(left.trim(), "0", "the last snippet takes the role away");
    emulator.stop().await.expect("it stops");
}

/// Logs in by token and creates a table. Returns the session's role and the table's owner.
async fn makes_a_table(emulator: &Emulator, parameters: &str, table: &str) -> (String, String) {
    let url = fixtures::url(emulator, "moving").replace("/postgres?", "/orders?") + parameters;
    let client = connect_and_spawn(url, &fixtures::entra(emulator)).await;
    let client = client.expect("a login by token");
    let create = format!("CREATE TABLE {table} (id serial)");
    let created = client.batch_execute(&create).await;
    created.expect("it may do what the owner may");
    let owner = "SELECT session_user::text, tableowner::text FROM pg_tables WHERE tablename = $1";
    let row = client.query_one(owner, &[&table]).await.expect("the table");
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn the_way_from_passwords_to_tokens_changes_no_owner() {
    let emulator = start("orders-app").await;
    let before = [
        "CREATE ROLE orders_owner LOGIN PASSWORD 'hunter2'",
        "CREATE DATABASE orders OWNER orders_owner",
    ];
    run(&emulator, &before).await;
    run(&emulator, &statements("docs/guide/moving.md")).await;

    let expected = ("orders-app".to_owned(), "orders_owner".to_owned());
    assert_eq!(makes_a_table(&emulator, "", "parcels").await, expected);

    // Who may not alter the role, puts it into the URL.
    let reset = r#"ALTER ROLE "orders-app" IN DATABASE orders RESET role"#;
    run(&emulator, &[reset]).await;
    let in_url = makes_a_table(&emulator, "&options[role]=orders_owner", "pallets").await;
    assert_eq!(in_url, expected);

    let password =
        "SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = 'orders_owner'";
    let password = emulator.control().execute(password).await;
    assert_eq!(password.expect("an answer").trim(), "f|t");
    emulator.stop().await.expect("it stops");
}

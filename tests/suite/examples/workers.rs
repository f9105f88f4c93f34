//! The examples that work by themselves.

use entra_pg_emulator::Emulator;

use super::program::{LIFETIME, Program, command, emulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_of_jobs_on_each_new_connection() {
    let emulator = emulator().await;
    let control = emulator.control();
    let mut worker = Program::start(command(&emulator, "listen-notify"));
    worker.type_line("first").await;
    does(&worker, "first").await;
    for lifetime in 1..=3 {
        tokio::time::sleep(LIFETIME).await;
        control.terminate_connections().await.expect("drops them");
        // No session listens at this moment.
        let missed = format!("missed {lifetime}");
        let sql = format!("INSERT INTO jobs (task) VALUES ('{missed}')");
        control.execute(&sql).await.expect("inserts");
        does(&worker, &missed).await;
        let heard = format!("heard {lifetime}");
        worker.type_line(&heard).await;
        does(&worker, &heard).await;
    }
    let left = control.execute("SELECT count(*) FROM jobs WHERE done_at IS NULL");
    assert_eq!(left.await.expect("counts"), "0");
    let done = worker
        .output()
        .iter()
        .filter(|l| l.starts_with("done"))
        .count();
    assert_eq!(done, 7, "each once: {:?}", worker.output());
    assert_eq!(control.last_rejection(), None);
    worker.stop(&emulator).await;
    emulator.stop().await.expect("stops");
}

async fn does(worker: &Program, task: &str) {
    let done = format!("done: {task}");
    worker
        .prints(&done, |line| (line == done).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_database_gets_the_tokens_of_its_own_identity() {
    let emulator = emulator().await;
    let control = emulator.control();
    let create = "CREATE DATABASE reports OWNER reports";
    control.execute(create).await.expect("creates");
    let reports = emulator.url_for("reports").replace("/postgres", "/reports");
    let identity = emulator.identity("reports").expect("an identity");
    let client_id = identity.client_id().to_owned();
    let recipes = include_str!("../../../justfile");
    assert!(recipes.contains(&client_id), "`just example` names it");
    let mut command = command(&emulator, "two-databases");
    command
        .env("REPORTS_URL", reports)
        .env("REPORTS_CLIENT_ID", client_id);
    let program = Program::start(command);
    let reported = |line: &str| between(line, "app made ", " sales, counted by reports");
    outlives_its_tokens(&emulator, &program, reported).await;
    let total = counts_on(&program, reported).await;
    let sales = control.execute("SELECT count(*) FROM sales").await;
    let sales: usize = sales.expect("counts").parse().expect("a number");
    assert!(sales >= total, "{sales} of {total}");
    program.stop(&emulator).await;
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_diesel_logs_in_through_the_proxy_and_r2d2_is_none_the_wiser() {
    let emulator = emulator().await;
    let program = Program::start(command(&emulator, "sync-diesel"));
    for meter in ["meter 1: ", "meter 2: ", "meter 3: "] {
        counts_on(&program, |line| between(line, meter, " readings")).await;
    }
    let first = |line: &str| between(line, "meter 1: ", " readings");
    outlives_its_tokens(&emulator, &program, first).await;
    let watts = "SELECT DISTINCT meter, watts FROM readings ORDER BY 1";
    let watts = emulator.control().execute(watts).await;
    assert_eq!(watts.expect("selects"), "1|100\n2|200\n3|300");
    program.stop(&emulator).await;
    emulator.stop().await.expect("stops");
}

/// The number in a line of this form.
fn between(line: &str, before: &str, after: &str) -> Option<usize> {
    let number = line.strip_prefix(before)?.strip_suffix(after)?;
    number.parse().ok()
}

/// Each time that its token has expired, its connections are dropped.
async fn outlives_its_tokens(
    emulator: &Emulator,
    program: &Program,
    number: impl Fn(&str) -> Option<usize>,
) {
    let control = emulator.control();
    for _ in 1..=3 {
        tokio::time::sleep(LIFETIME).await;
        let logins = control.logins().accepted;
        control.terminate_connections().await.expect("drops them");
        counts_on(program, &number).await;
        assert!(control.logins().accepted > logins, "connections are new");
    }
    assert_eq!(control.last_rejection(), None);
}

/// Waits until it has counted on by two; whatever was under way is then over.
async fn counts_on(program: &Program, number: impl Fn(&str) -> Option<usize>) -> usize {
    let output = program.output();
    let latest = output.iter().filter_map(|line| number(line)).max();
    let enough = latest.unwrap_or_default() + 2;
    let wanted = |line: &str| number(line).filter(|number| *number >= enough);
    program.prints(&format!("number {enough}"), wanted).await
}

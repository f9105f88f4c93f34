//! The axum services, asked over HTTP.

use entra_pg_emulator::{Emulator, Fault};
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};

use super::program::{LIFETIME, Program, command, emulator};
use crate::fixtures::eventually;

/// More than the pool's connections, so that each lifetime opens several at once.
const AT_ONCE: usize = 12;

struct Service {
    http: reqwest::Client,
    address: String,
}

impl Service {
    async fn of(program: &Program) -> Self {
        let address = |line: &str| line.starts_with("http://").then(|| line.to_owned());
        let address = program.prints("where it listens", address).await;
        // No TLS is spoken, but reqwest wants to know which it would be.
        let tls = entra_pg_rustls::client_config(Vec::<Vec<u8>>::new());
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .no_proxy()
            .build()
            .expect("an HTTP client");
        Self { http, address }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}{path}", self.address));
        answer(request).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.address));
        let request = request.header("content-type", "application/json");
        answer(request.body(body.to_string())).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.text().await.expect("a body");
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[rstest]
#[case::sea_orm("axum-sea-orm", "/orders", json!({ "article": "tea", "quantity": 2 }), json!({ "article": "tea", "quantity": 0 }))]
#[case::diesel_async("axum-diesel-async", "/parcels", json!({ "addressee": "Ada", "grams": 500 }), json!({ "addressee": "Ada", "grams": 0 }))]
#[case::sqlx("axum-sqlx", "/notes", json!({ "text": "buy tea" }), json!({ "text": "" }))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_answers_over_several_token_lifetimes(
    #[case] name: &str,
    #[case] path: &str,
    #[case] good: Value,
    #[case] bad: Value,
) {
    let emulator = emulator().await;
    let program = Program::start(command(&emulator, name));
    let service = Service::of(&program).await;
    answers_rightly(&service, path, &good, &bad).await;
    for _ in 1..=3 {
        // Whatever token it has now is then no longer accepted.
        tokio::time::sleep(LIFETIME).await;
        opens_new_connections(&emulator, &service, path, &good).await;
    }
    let (status, all) = service.get(path).await;
    assert_eq!(status, 200, "{}", program.account());
    assert_eq!(all.as_array().map(Vec::len), Some(1 + 3 * AT_ONCE));
    program.stop(&emulator).await;

    // What it finds when it starts again, the second migration included.
    let program = Program::start(command(&emulator, name));
    let service = Service::of(&program).await;
    assert_eq!(service.get(path).await, (200, all));
    program.stop(&emulator).await;
    assert_eq!(emulator.control().last_rejection(), None);
    emulator.stop().await.expect("stops");
}

async fn answers_rightly(service: &Service, path: &str, good: &Value, bad: &Value) {
    assert_eq!(service.get("/ready").await.0, 204);
    assert_eq!(service.get(path).await, (200, json!([])));
    let (status, created) = service.post(path, good).await;
    assert_eq!(status, 201, "{created}");
    let mut expected = good.clone();
    expected["id"] = created["id"].clone();
    assert_eq!(created, expected);
    let one = format!("{path}/{}", created["id"]);
    assert_eq!(service.get(&one).await, (200, created.clone()));
    assert_eq!(service.get(path).await, (200, json!([created])));
    let missing = service.get(&format!("{path}/999")).await;
    assert_eq!(missing, (404, json!({ "error": "not found" })));
    assert_eq!(service.post(path, bad).await.0, 422);
    let (status, health) = service.get("/health").await;
    assert_eq!((status, &health[0]["failures"]), (200, &json!(0)));
}

async fn opens_new_connections(emulator: &Emulator, service: &Service, path: &str, good: &Value) {
    let control = emulator.control();
    let logins = control.logins().accepted;
    control.terminate_connections().await.expect("drops them");
    let answers = join_all((0..AT_ONCE).map(|_| service.post(path, good))).await;
    for (status, body) in answers {
        assert_eq!(status, 201, "{body}; {:?}", control.last_rejection());
    }
    assert!(control.logins().accepted > logins, "connections are new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_tells_of_tokens_that_cannot_be_had_and_open_connections_go_on() {
    let emulator = emulator().await;
    let program = Program::start(command(&emulator, "axum-sqlx"));
    let service = Service::of(&program).await;
    emulator
        .control()
        .set_fault(Some(Fault::ServiceUnavailable));
    eventually("the outage shows", || async {
        service.get("/health").await.0 == 503
    })
    .await;
    assert_eq!(service.get("/ready").await.0, 204);
    emulator.control().set_fault(None);
    eventually("the end of it shows", || async {
        service.get("/health").await.0 == 200
    })
    .await;
    program.stop(&emulator).await;
    emulator.stop().await.expect("stops");
}

//! Where requests for a token go, whatever an endpoint or the environment says: through no proxy to an endpoint on this machine,
//! and to no other address. And how much is read of an answer.

use std::{io::ErrorKind::WouldBlock, net::TcpListener, time::Duration};

use entra_pg_core::{Entra, Scope};
use entra_pg_emulator::CredentialSource;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net,
};

use crate::{fixtures::shared, probe::probe};

/// A place where nobody may come.
struct Elsewhere(TcpListener);

impl Elsewhere {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// A connection waits in the listener's queue until it is taken.
    fn nobody_came(&self) -> bool {
        self.0
            .accept()
            .is_err_and(|error| error.kind() == WouldBlock)
    }
}

/// Answers each request with this, and then with the next again and again, if there is something.
async fn endpoint(answer: String, again: &'static [u8]) -> String {
    let listener = net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The whole request, which is short.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            while !again.is_empty() && stream.write_all(again).await.is_ok() {}
        }
    });
    format!("http://{address}/msi/token")
}

/// Why it gives no token.
async fn failure(endpoint: String) -> String {
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint),
        ("IDENTITY_HEADER", "a secret".to_owned()),
    ];
    let entra = Entra::from_vars(variables).expect("a credential");
    let cache = entra.token_cache(&Scope::for_host("localhost"));
    let error = cache.get(Duration::from_secs(60)).await;
    error.expect_err("no token").to_string()
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(303)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn a_redirect_is_not_followed(#[case] status: u16) {
    let elsewhere = Elsewhere::new();
    let answer = format!(
        "HTTP/1.1 {status} Moved\r\nLocation: {}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.url()
    );
    let error = failure(endpoint(answer, b"").await).await;
    assert!(error.contains(&status.to_string()), "{error}");
    assert!(elsewhere.nobody_came());
}

#[rstest]
#[case::success("200 OK")]
#[case::refusal("400 Bad Request")]
#[case::fault("503 Service Unavailable")]
#[tokio::test]
async fn an_endless_answer_is_given_up_with_its_length(#[case] status: &str) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n");
    let error = failure(endpoint(head, &[b' '; 1 << 16]).await).await;
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
}

#[rstest]
#[case(CredentialSource::ManagedIdentity)]
#[case(CredentialSource::Imds)]
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_does_not_see_the_request(#[case] source: CredentialSource) {
    let proxy = Elsewhere::new();
    let url = proxy.url();
    let variables =
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, url.as_str()));
    let none = [("NO_PROXY", ""), ("no_proxy", "")];
    let outcome = probe(shared(), source, &[&variables[..], &none].concat(), &[]).await;
    assert!(outcome.success, "{}", outcome.stderr);
    assert!(proxy.nobody_came());
}

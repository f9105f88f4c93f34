//! Servers that misbehave, refuse or stall: which of them receive the token, and what the client sees.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use entra_pg_core::{ErrorKind, Rejection, Target};
use entra_pg_emulator::Emulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    proxy_for, proxy_to,
    raw::{Raw, startup, text},
};

const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const LET_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const MD5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
const SCRAM: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// Answers each connection's first message with the first of these, its second one with the second, and so on.
type Script = Vec<Vec<u8>>;

/// A server on loopback, without TLS.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    captured: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start(script: impl Fn(usize) -> Script + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            connections: Arc::default(),
            captured: Arc::default(),
        };
        let (connections, captured) = (server.connections.clone(), server.captured.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let answers = script(connections.fetch_add(1, Ordering::SeqCst));
                let captured = captured.clone();
                tokio::spawn(async move {
                    let (mut answers, mut buffer) = (answers.into_iter(), [0; 16 * 1024]);
                    while let Ok(length @ 1..) = client.read(&mut buffer).await {
                        captured
                            .lock()
                            .expect("no panic")
                            .extend_from_slice(&buffer[..length]);
                        if let Some(answer) = answers.next() {
                            let _ = client.write_all(&answer).await;
                        }
                    }
                });
            }
        });
        server
    }

    async fn always(answers: &[&[u8]]) -> Self {
        let answers: Script = answers.iter().map(|answer| answer.to_vec()).collect();
        Self::start(move |_| answers.clone()).await
    }

    fn target(&self) -> Target {
        let url = format!("postgres://app@localhost:{}/postgres", self.port);
        let target = Target::parse(&url).expect("a URL");
        target
            .dangerously_without_tls()
            .expect("loopback")
            .with_connect_timeout(Duration::from_secs(20))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn tokens(&self) -> usize {
        let captured = self.captured.lock().expect("no panic");
        // Header and claims of a token each begin so.
        text(&captured).matches("eyJ").count() / 2
    }
}

fn error(sqlstate: &str, message: &str) -> Vec<u8> {
    let body = format!("SFATAL\0C{sqlstate}\0M{message}\0\0");
    let length = u32::try_from(body.len() + 4).expect("short");
    [b"E", &length.to_be_bytes()[..], body.as_bytes()].concat()
}

/// What the client receives, and the error that the application gets.
async fn refusal(target: Target) -> (String, entra_pg_core::Error) {
    let proxy = proxy_for(target).bind_private().expect("listens");
    let response = Raw::begin(proxy.address(), "app").await.error().await;
    assert!(
        !response.contains("eyJ"),
        "a client never sees a token: {response}"
    );
    (response, proxy.last_error().expect("an error"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_another_proof_hears_no_token() {
    for (asks, name) in [(MD5, "MD5"), (SCRAM, "SCRAM")] {
        let server = Server::always(&[asks]).await;
        let (response, error) = refusal(server.target()).await;
        assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::NotEntra));
        assert!(
            response.contains(name) && response.contains("not mapped to Entra"),
            "{response}"
        );
        assert_eq!((server.connections(), server.tokens()), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_with_a_scram_role_hears_no_token() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let control = emulator.control();
    let rules = "unnest(ARRAY['local all all trust', 'hostssl all all all scram-sha-256'])";
    let file = control.execute("SHOW hba_file").await.expect("an answer");
    for sql in [
        "ALTER ROLE app PASSWORD 'its own'",
        &format!("COPY (SELECT {rules}) TO '{}'", file.trim()),
        "SELECT pg_reload_conf()",
    ] {
        control.execute(sql).await.expect("an answer");
    }
    let proxy = proxy_to(&emulator).bind_private().expect("listens");
    crate::fixtures::eventually("the new rules are in force", || async {
        let response = Raw::begin(proxy.address(), "app").await.message().await;
        response.is_some_and(|(_, body)| text(&body).contains("SCRAM"))
    })
    .await;
    let error = proxy.last_error().expect("an error");
    assert_eq!(
        error.kind(),
        ErrorKind::Rejected(Rejection::NotEntra),
        "{error}"
    );
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_sent_once_per_connection() {
    let server = Server::always(&[CLEARTEXT, CLEARTEXT, CLEARTEXT]).await;
    let (response, _) = refusal(server.target()).await;
    assert!(response.contains("unexpected message"), "{response}");
    assert_eq!((server.connections(), server.tokens()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_once_and_only_if_that_can_help() {
    for (sqlstate, message, connections) in [
        (
            "28000",
            "The access token has expired. Please acquire a new token and retry",
            2,
        ),
        (
            "28P01",
            "password authentication failed for user \"app\"",
            2,
        ),
        (
            "08P01",
            "server login failed: FATAL password authentication failed for user \"app\"",
            2,
        ),
        (
            "28P01",
            "Access token does not have a valid audience claim",
            1,
        ),
        ("28P01", "role needs AAD_AUTH_TOKENTYPE_APP_USER", 1),
        ("53300", "sorry, too many clients already", 1),
        ("3D000", "database \"postgres\" does not exist", 1),
    ] {
        let server = Server::always(&[CLEARTEXT, &error(sqlstate, message)]).await;
        let (response, _) = refusal(server.target()).await;
        assert!(
            response.contains(sqlstate) && response.contains(message),
            "{response}"
        );
        let seen = (server.connections(), server.tokens());
        assert_eq!(seen, (connections, connections), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_token_lets_a_client_in_that_hears_nothing_of_the_first() {
    let refusal = error("28000", "The access token has expired");
    let server = Server::start(move |nth| {
        let verdict = if nth == 0 {
            refusal.clone()
        } else {
            [LET_IN, READY].concat()
        };
        vec![CLEARTEXT.to_vec(), verdict]
    })
    .await;
    let proxy = proxy_for(server.target()).bind_private().expect("listens");
    let mut raw = Raw::begin(proxy.address(), "app").await;
    assert_eq!(raw.message().await.map(|(tag, _)| tag), Some(b'R'));
    assert_eq!(raw.message().await.map(|(tag, _)| tag), Some(b'Z'));
    assert_eq!((server.connections(), server.tokens()), (2, 2));
    assert!(proxy.last_error().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_any_question_reaches_the_client_as_it_is() {
    let server = Server::always(&[&error("57P03", "the database system is starting up")]).await;
    let (response, error) = refusal(server.target()).await;
    assert!(
        response.contains("57P03") && response.contains("starting up"),
        "{response}"
    );
    assert!(error.is_transient());
    assert_eq!(server.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_quotes_the_token_does_not_show_it_to_the_client() {
    let quoted = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln";
    let server =
        Server::always(&[CLEARTEXT, &error("XX000", &format!("bad token {quoted}"))]).await;
    let (response, _) = refusal(server.target()).await;
    assert!(response.contains("bad token [token]"), "{response}");
}

/// Sends back what it was sent as a password, within a message of this tag, `before` or behind `ReadyForQuery`.
pub async fn quoting_server(tag: u8, before: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = vec![0; 16 * 1024];
            let _ = client.read(&mut buffer).await;
            let _ = client.write_all(CLEARTEXT).await;
            let read = client.read(&mut buffer).await.unwrap_or_default();
            let token = buffer.get(5..read.saturating_sub(1)).unwrap_or_default();
            // Only its signature, of which no part looks like a token.
            let signature = token
                .rsplit(|byte| *byte == b'.')
                .next()
                .unwrap_or_default();
            let body = [b"Mx".as_slice(), signature, b"\0\0"].concat();
            let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
            let quoted = [&[tag], length.as_slice(), &body].concat();
            let answer = if before {
                [LET_IN, &quoted, READY].concat()
            } else {
                [LET_IN, READY, &quoted].concat()
            };
            let _ = client.write_all(&answer).await;
            let _ = client.read(&mut buffer).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_whatever_a_server_says_before_the_first_request_does_not_reach_the_client() {
    for tag in [b'S', b'K', b'v', b'N'] {
        for before in [true, false] {
            let port = quoting_server(tag, before).await;
            let url = format!("postgres://app@localhost:{port}/postgres");
            let target = Target::parse(&url).expect("a URL");
            let target = target.dangerously_without_tls().expect("loopback");
            let proxy = proxy_for(target).bind_private().expect("listens");
            let mut raw = Raw::begin(proxy.address(), "app").await;
            let (mut ready, mut refused) = (false, false);
            while let Some((kind, body)) = raw.message().await {
                // A signature has some hundred.
                assert!(
                    kind == b'E' || body.len() < 64,
                    "{:?}, {before}",
                    char::from(tag)
                );
                refused |= kind == b'E' && text(&body).contains("sent the token back");
                ready |= kind == b'Z';
                if ready && before {
                    break;
                }
            }
            // A notice is passed on without it.
            let expected = (!before || tag == b'N', before && tag != b'N');
            assert_eq!(
                (ready, refused),
                expected,
                "{:?}, {before}",
                char::from(tag)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_too_much_is_not_listened_to() {
    let long = b"N\0\x01\0\0SNOTICE\0";
    let notice = [b"N\0\0\x27\x16M", &[b'x'; 10_000][..], b"\0\0"].concat();
    let endless = [notice.repeat(60), READY.to_vec()].concat();
    for (answer, cause) in [
        (&long[..], "longer than 30000 bytes"),
        (&endless, "unexpected message"),
    ] {
        let server = Server::always(&[answer]).await;
        let (response, _) = refusal(server.target()).await;
        assert!(response.contains(cause), "{response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_postgresql_server_is_named_as_such() {
    let server = Server::always(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]).await;
    let (response, error) = refusal(server.target()).await;
    assert_eq!(error.kind(), ErrorKind::Connect, "{response}");
    assert_eq!(server.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_given_up_in_time_and_the_client_told_where() {
    for (answers, place) in [
        (&[][..], "authentication timed out after 1 s"),
        (&[CLEARTEXT][..], "authentication timed out after 1 s"),
        (
            &[CLEARTEXT, LET_IN][..],
            "session setup timed out after 1 s",
        ),
    ] {
        let server = Server::always(answers).await;
        let target = server.target().with_connect_timeout(Duration::from_secs(1));
        let (response, error) = refusal(target).await;
        assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
        assert!(
            response.contains(place) && response.contains("08001"),
            "{response}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_slipped_in_before_tls_is_not_taken_for_the_servers_word() {
    let injected = [b"S", CLEARTEXT].concat();
    let server = Server::always(&[&injected, LET_IN, READY]).await;
    let url = format!(
        "postgres://app@localhost:{}/postgres?connect_timeout=5",
        server.port
    );
    let (_, error) = refusal(Target::parse(&url).expect("a URL")).await;
    assert!(
        matches!(error.kind(), ErrorKind::Tls | ErrorKind::Connect),
        "{error}"
    );
    assert_eq!(server.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_newer_protocol_and_its_negotiation_pass() {
    let negotiation = b"v\0\0\0\x0c\0\0\0\0\0\0\0\0";
    let server = Server::always(&[&[&negotiation[..], LET_IN, READY].concat()]).await;
    let proxy = proxy_for(server.target()).bind_private().expect("listens");
    let mut raw = Raw::connect(proxy.address()).await.expect("connects");
    let mut packet = startup("app");
    packet[7] = 2;
    raw.send(&packet).await;
    for expected in [b'v', b'R', b'Z'] {
        assert_eq!(raw.message().await.map(|(tag, _)| tag), Some(expected));
    }
    let captured = server.captured.lock().expect("no panic").clone();
    assert_eq!(
        captured[4..8],
        [0, 3, 0, 2],
        "the server receives the client's version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_word_reaches_the_client_before_the_end() {
    let last = error(
        "57P01",
        "terminating connection due to administrator command",
    );
    let server = Server::always(&[&[LET_IN, READY].concat(), &last]).await;
    let proxy = proxy_for(server.target()).bind_private().expect("listens");
    let mut raw = Raw::ready(proxy.address()).await;
    raw.query("SELECT 1").await;
    let (tag, body) = raw.message().await.expect("a message");
    assert_eq!(tag, b'E');
    assert!(text(&body).contains("57P01"));
}

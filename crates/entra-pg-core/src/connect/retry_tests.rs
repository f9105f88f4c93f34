use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::SystemTime,
};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use rstest::rstest;
use tokio::time::{sleep, timeout};

use super::*;
use crate::Entra;

const EXPIRED: &str = "The access token has expired. Please acquire a new token and retry";
const AUDIENCE: &str = "Access token does not have a valid audience claim";

/// Returns another token at each request; if it stalls, only at the first.
#[derive(Debug, Default)]
struct Endpoint {
    requests: AtomicU32,
    stalls: bool,
}

#[async_trait::async_trait]
impl TokenCredential for Endpoint {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let number = self.requests.fetch_add(1, SeqCst) + 1;
        if self.stalls && number > 1 {
            pending::<()>().await;
        }
        // Later ones live longer, or the cache keeps the one it has.
        let lifetime = Duration::from_secs(3_600 + u64::from(number));
        let expires_on = SystemTime::now() + lifetime;
        Ok(AccessToken::new(
            Secret::new(format!("token-{number}")),
            expires_on.into(),
        ))
    }
}

fn provider() -> LoginProvider {
    provider_of(Endpoint::default())
}

fn provider_of(endpoint: Endpoint) -> LoginProvider {
    let entra = Entra::new(Arc::new(endpoint));
    let target = "postgres://app@localhost/orders?connect_timeout=15";
    entra.login_provider(target).expect("a target")
}

/// Connects with an `open` that returns these one after the other, and the tokens that it was given.
async fn connect(
    provider: &LoginProvider,
    results: impl IntoIterator<Item = Result<(), Failure>>,
) -> (Result<(), Error>, Vec<String>) {
    let (mut results, mut tokens) = (results.into_iter(), Vec::new());
    let open = |login: Login, attempt: Attempt| {
        attempt.set_step(Step::Authentication);
        tokens.push(login.token().secret().to_owned());
        ready(results.next().expect("no further try"))
    };
    let result = provider.connect("test", open).await;
    (result, tokens)
}

fn refused(message: &str) -> Result<(), Failure> {
    Err(Failure::refused("28000", message))
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (result, tokens) = connect(&provider(), [refused(EXPIRED), Ok(())]).await;
    result.expect("the second try succeeds");
    assert_eq!(tokens, ["token-1", "token-2"]);
}

#[rstest]
#[case::that_no_token_can_mend([refused(AUDIENCE), Ok(())], 1, "audience")]
#[case::that_is_no_refusal([Err(Failure::refused("3D000", "no database")), Ok(())], 1, "no database")]
#[case::of_the_second_token([refused(EXPIRED), refused("still expired")], 2, "still expired")]
#[case::that_a_pools_timeout_would_hide([refused(EXPIRED), Err(Error::new(ErrorKind::ConnectTimeout, "late").into())], 2, "has expired")]
#[case::that_a_timeout_would_hide([refused(EXPIRED), Err(Failure::timed_out())], 2, "has expired")]
#[tokio::test]
async fn a_failure_is_not_lost(
    #[case] results: [Result<(), Failure>; 2],
    #[case] tries: usize,
    #[case] text: &str,
) {
    let provider = provider();
    let (result, tokens) = connect(&provider, results).await;
    let error = result.expect_err("it fails");
    assert_eq!(tokens.len(), tries);
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(
        provider.last_error().map(|e| e.to_string()),
        Some(error.to_string())
    );
    assert_eq!(provider.next_error().await.to_string(), error.to_string());
    connect(&provider, [Ok(())]).await.0.expect("connects");
    assert!(
        provider.last_error().is_none(),
        "it is forgotten after a success"
    );
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_forgets_the_deadline_hangs_nobody() {
    let open = |_: Login, attempt: Attempt| {
        attempt.set_step(Step::TlsHandshake);
        pending::<Result<(), Failure>>()
    };
    let result = provider().connect("test", open).await;
    let error = result.expect_err("it ends").to_string();
    assert!(
        error.contains("the TLS handshake timed out after 15 s"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_too_late_is_not_tried_again() {
    let provider = provider();
    let mut tries = 0;
    let open = |_: Login, attempt: Attempt| {
        tries += 1;
        async move {
            sleep(attempt.remaining() + Duration::from_secs(5)).await;
            refused(EXPIRED)
        }
    };
    let result = provider.connect("test", open).await;
    assert!(
        result
            .expect_err("refused")
            .to_string()
            .contains("has expired")
    );
    assert_eq!(tries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_gives_up_first_can_say_why() {
    let provider = provider();
    let open = |_: Login, attempt: Attempt| async move {
        let stalled = pending::<Result<(), Failure>>();
        attempt.timeout(Step::Authentication, stalled).await?
    };
    let given_up = timeout(Duration::from_secs(3), provider.connect("test", open)).await;
    assert!(given_up.is_err(), "the deadline is later");
    let error = provider.last_error().expect("it is known").to_string();
    let text = "authentication had not finished when the caller gave up after 3.0 s";
    assert!(error.contains(text), "{error}");
}

#[rstest]
#[case::of_the_caller(
    3,
    Step::Token,
    "the token request had not finished when the caller gave up after 3.0 s"
)]
#[case::of_the_connect(60, Step::Authentication, "The access token has expired")]
#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_replaced_in_the_time_is_not_blamed_on_the_wrong_machine(
    #[case] seconds: u64,
    #[case] step: Step,
    #[case] text: &str,
) {
    let provider = provider_of(Endpoint {
        stalls: true,
        ..Endpoint::default()
    });
    let mut attempts = Vec::new();
    let open = |_: Login, attempt: Attempt| {
        attempt.set_step(Step::Authentication);
        attempts.push(attempt);
        ready(refused(EXPIRED))
    };
    let connecting = provider.connect("test", open);
    let _ = timeout(Duration::from_secs(seconds), connecting).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].step(), step);
    let error = provider.last_error().expect("it is known").to_string();
    assert!(error.contains(text), "{error}");
}

#[rstest]
#[case("localhost", true)]
#[case("LOCALHOST", true)]
#[case("[localhost]", true)]
#[case("localhost.evil.example", false)]
#[case("", false)]
#[tokio::test]
async fn a_token_goes_to_no_other_host(#[case] host: &str, #[case] allowed: bool) {
    assert_eq!(provider().check_destination(host).is_ok(), allowed);
}

#[test]
fn a_connect_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn is_shared<T: Send + Sync + Clone>() {}
    let provider = provider();
    let open = |_: Login, attempt: Attempt| async move {
        let connecting = tokio::task::yield_now();
        attempt.timeout(Step::Connecting, connecting).await
    };
    is_send(provider.connect("test", open));
    is_shared::<LoginProvider>();
    is_shared::<Attempt>();
    is_shared::<Login>();
    is_shared::<Error>();
}

#[tokio::test]
async fn a_driver_that_panics_takes_no_caller_with_it() {
    let provider = provider();
    let open = async |_: Login, attempt: Attempt| -> Result<(), Failure> {
        let work = attempt.spawn(async { panic!("about what the server sent") });
        work.await.unwrap_or_else(|| Err(Failure::timed_out()))
    };
    let error = provider.connect("test", open).await.expect_err("it fails");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(error.message().contains("the driver panicked"), "{error}");
}

use std::time::Duration;

use entra_pg_emulator::Fault;
use entra_pg_tests::{adapter_fixture::AdapterFixture, scenarios::FaultScenario};
use rstest::rstest;

use super::{RESERVE, close_all, each, open_all, operate_while_valid, start, stop};
use crate::adapters::ALL;

const LIFETIME: Duration = Duration::from_secs(32);
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// How many attempts the backoff allows at most from when a refresh is due until `left` is left: between two of them a tenth
/// of what remains then, less 10 %, or what the endpoint asks for, but not more than half of what remains.
fn most_attempts(left: Duration, retry_after: Duration) -> u64 {
    let (mut remaining, left) = ((LIFETIME / 2).as_secs_f64(), left.as_secs_f64());
    let mut attempts = 0;
    while remaining > left {
        attempts += 1;
        // A pause is measured against what remains when it ends: p = 0.09 (r - p), and p = (r - p) / 2.
        let backoff = remaining * 0.09 / 1.09;
        remaining -= backoff.max(retry_after.as_secs_f64().min(remaining / 3.0));
    }
    attempts
}

#[rstest]
#[case::hangs(Fault::Hang, Duration::ZERO)]
#[case::answers_429(Fault::TooManyRequests { retry_after: RETRY_AFTER }, RETRY_AFTER)]
#[case::answers_500(Fault::InternalServerError, Duration::ZERO)]
#[case::answers_503(Fault::ServiceUnavailable, Duration::ZERO)]
#[case::answers_garbage(Fault::Garbage, Duration::ZERO)]
#[case::resets_the_connection(Fault::Reset, Duration::ZERO)]
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_harmless_while_the_token_lives(
    #[case] fault: Fault,
    #[case] retry_after: Duration,
) {
    let emulator = start(LIFETIME).await;
    let fixtures = open_all(&emulator, &ALL).await;
    emulator.control().set_fault(Some(fault));
    let most = match fault {
        // Within the time that a single request is given.
        Fault::Hang => 1,
        _ => most_attempts(RESERVE, retry_after),
    };
    let fixtures = each(fixtures, move |mut fixture: AdapterFixture| async move {
        let expires_on = fixture.status().expires_on;
        let was_due = operate_while_valid(&mut fixture, LIFETIME).await;
        let requests = fixture.requests_since();
        fixture.assert_flawless();
        // On a busy machine a request may have been sent before the fault, and have brought a token since.
        let least = u64::from(was_due && fixture.status().expires_on == expires_on);
        assert!(
            (least..=most).contains(&requests),
            "{requests} requests, {least} to {most} were expected: {fixture:?}"
        );
        fixture.record(FaultScenario::Outage, &fault.to_string(), "");
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}

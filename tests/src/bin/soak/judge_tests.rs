use entra_pg_emulator::Fault;
use rstest::rstest;

use super::*;
use crate::incident::Refusal;

const S: Duration = Duration::from_secs(1);
const HANG: Illness = Illness::Fails(Fault::Hang);
const HTML: Illness = Illness::Fails(Fault::Html);
const REVOKED: Kind = Kind::Refuses(Refusal::IdentityRevoked);
const REVOKED_WHILE_ILL: Kind = Kind::RefusesWhileIll(Refusal::IdentityRevoked, HTML);
const REVOKED_AND_HANGS: Kind = Kind::RefusesAndOneRequestHangs(Refusal::IdentityRevoked);

const NO_TOKEN: &str = "token failed: the provided credential: HTTP 503";
const REFUSED: &str = "FATAL: LDAP authentication failed for user \"app\"";
const BB8_REFUSED: &str = "Timed out in bb8: LDAP authentication failed for user \"app\"";
const TIMED_OUT: &str = "pool timed out while waiting for an open connection";
const TOO_BUSY: &str = "connection failed: unverified: \"sorry, too many clients already\"";

#[rstest]
#[case(NO_TOKEN, Class::NoToken)]
#[case(REFUSED, Class::Refused)]
#[case(TOO_BUSY, Class::TooBusy)]
#[case(
    "the server responded to the request for TLS with an error (it",
    Class::TooBusy
)]
#[case("unexpected response from SSLRequest: 0x45", Class::TooBusy)]
#[case("the server closed the connection in place of a response", Class::Lost)]
#[case("terminating connection due to administrator command", Class::Lost)]
#[case("Timed out in bb8: connection failed: Connection refused", Class::Lost)]
#[case(TIMED_OUT, Class::TimedOut)]
#[case("syntax error at or near \"SELEC\"", Class::Other)]
fn an_error_is_not_mistaken_for_another(#[case] error: &str, #[case] class: Class) {
    assert_eq!(Class::of(error), class);
}

/// From the second 60 to 61, with a token that expires at 80.
fn incident(kind: Kind, start: Instant) -> [Incident; 1] {
    [Incident {
        kind,
        begin: start + 60 * S,
        end: start + 61 * S,
        refused: start + 60 * S,
        expiries: vec![("it", start + 80 * S)],
    }]
}

fn failure(error: &str, rotates: bool, began: Instant) -> Failure {
    Failure {
        adapter: "it",
        rotates,
        began,
        ended: began + S,
        error: error.to_owned(),
    }
}

#[rstest]
#[case::restart(Kind::Restart, "connection closed", true, true)]
#[case::of_another_class(Kind::Restart, NO_TOKEN, true, false)]
#[case::endpoint(Kind::EndpointIll(HTML), NO_TOKEN, false, false)]
#[case::endpoint_hangs(Kind::EndpointIll(HANG), NO_TOKEN, false, false)]
#[case::one_request_hangs(Kind::OneRequestHangs, NO_TOKEN, false, false)]
#[case::revoked_per_connection(REVOKED, REFUSED, false, false)]
#[case::revoked_by_rotation(REVOKED, REFUSED, true, true)]
#[case::revoked_while_ill_per_connection(REVOKED_WHILE_ILL, REFUSED, false, true)]
#[case::revoked_while_ill_by_rotation(REVOKED_WHILE_ILL, REFUSED, true, true)]
#[case::revoked_while_ill_and_no_token(REVOKED_WHILE_ILL, NO_TOKEN, false, false)]
#[case::revoked_and_one_hangs_per_connection(REVOKED_AND_HANGS, REFUSED, false, false)]
#[case::revoked_and_one_hangs_by_rotation(REVOKED_AND_HANGS, REFUSED, true, true)]
#[case::too_busy(Kind::ServerSaysControls, TOO_BUSY, false, true)]
#[case::an_error_that_a_terminal_obeys(
    Kind::ServerSaysControls,
    "too many clients\x1b[2J",
    false,
    false
)]
#[case::an_error_of_two_lines(Kind::ServerSaysControls, "too many clients\nalready", false, false)]
#[case::slow_logins(Kind::LoginsAreSlow, "timed out", true, false)]
fn only_the_fault_that_causes_it_explains_a_failure(
    #[case] kind: Kind,
    #[case] error: &str,
    #[case] rotates: bool,
    #[case] explained: bool,
) {
    let start = Instant::now();
    let incident = incident(kind, start);
    let is_explained = |second: u32| {
        explanation(&failure(error, rotates, start + second * S), &incident).is_some()
    };
    assert_eq!(is_explained(61), explained);
    assert!(!is_explained(50), "before");
    assert!(!is_explained(160), "long after");
}

#[rstest]
#[case::ends_within_one_step(REVOKED_WHILE_ILL, false, 70, true)]
#[case::a_request_was_under_way(REVOKED, false, 60, true)]
#[case::no_request_was_under_way(REVOKED, false, 61, false)]
#[case::lasts_longer(REVOKED_WHILE_ILL, false, 77, false)]
#[case::rotation_waits_for_the_next_token(REVOKED_WHILE_ILL, true, 77, true)]
#[case::a_hanging_refresh_has_a_token(Kind::OneRequestHangs, true, 70, false)]
#[case::a_hanging_refresh_past_expiry(Kind::OneRequestHangs, true, 81, true)]
#[case::a_hanging_refresh_past_expiry_per_connection(Kind::OneRequestHangs, false, 81, false)]
#[case::a_hanging_refresh_long_past_expiry(Kind::OneRequestHangs, true, 86, false)]
fn a_refusal_is_explained_for_as_long_as_it_must_take(
    #[case] kind: Kind,
    #[case] rotates: bool,
    #[case] second: u32,
    #[case] explained: bool,
) {
    let start = Instant::now();
    let failure = failure(REFUSED, rotates, start + second * S);
    let incident = incident(kind, start);
    assert_eq!(explanation(&failure, &incident).is_some(), explained);
}

#[rstest]
#[case::while_they_are_refused(67, true)]
#[case::until_the_next_may_be_forced(77, true)]
#[case::later(79, false)]
fn keys_that_take_long_to_rotate_explain_refusals_until_the_next_request(
    #[case] second: u32,
    #[case] explained: bool,
) {
    let start = Instant::now();
    let mut incident = incident(Kind::Refuses(Refusal::KeysRotated), start);
    incident[0].refused = start + 68 * S;
    incident[0].end = incident[0].refused;
    let failure = failure(REFUSED, false, start + second * S);
    assert_eq!(explanation(&failure, &incident).is_some(), explained);
}

#[rstest]
#[case::before_expiry(NO_TOKEN, false, 5, false)]
#[case::after_expiry(NO_TOKEN, false, 15, true)]
#[case::one_step_after_it(NO_TOKEN, false, 34, true)]
#[case::later(NO_TOKEN, false, 36, false)]
#[case::the_pool_is_impatient(TIMED_OUT, false, 15, true)]
#[case::a_rotated_pool_waits_for_no_token(TIMED_OUT, true, 15, false)]
#[case::refused_on_the_way(REFUSED, false, 9, true)]
#[case::refused_later(REFUSED, false, 15, false)]
#[case::refused_on_the_way_in_a_pool_of_bb8(BB8_REFUSED, false, 15, true)]
#[case::refused_later_in_a_pool_of_bb8(BB8_REFUSED, false, 26, false)]
#[case::refused_by_rotation(REFUSED, true, 15, true)]
fn a_failed_request_explains_nothing_while_a_token_lives(
    #[case] error: &str,
    #[case] rotates: bool,
    #[case] second: u32,
    #[case] explained: bool,
) {
    let begin = Instant::now();
    let outage = [Incident {
        kind: Kind::IllPastExpiry(HTML),
        begin,
        end: begin + 20 * S,
        refused: begin,
        expiries: vec![("it", begin + 10 * S)],
    }];
    let failure = failure(error, rotates, begin + second * S);
    assert_eq!(explanation(&failure, &outage).is_some(), explained);
}

//! Runtimes that shut down, are not driven, or do not exist.

use futures::FutureExt;

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::ErrorKind;

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_the_last_handle() {
    let script = Script::new([], Answer::Hang);
    let cache = script.cache();
    assert!(cache.cached().is_none());
    settle().await;
    drop(cache);
    settle().await;
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        0
    );
}

#[test]
fn a_runtime_that_dies_with_the_request_strands_no_caller() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    let first = new_runtime();
    first.block_on(async {
        assert!(cache.cached().is_none());
        settle().await;
    });
    drop(first);
    let token = new_runtime().block_on(cache.get(TIMEOUT));
    assert_eq!(token.expect("a token").secret(), "token-2");
}

#[test]
fn a_request_on_a_runtime_that_is_not_driven_is_replaced() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let undriven = new_runtime();
    let script = {
        let _guard = undriven.enter();
        Script::new([], Answer::Token(HOUR))
    };
    let cache = script.cache();
    {
        let _guard = undriven.enter();
        assert!(cache.cached().is_none());
    }
    new_runtime().block_on(async {
        assert!(cache.get(TIMEOUT).await.is_err());
        script.thaw_after(s(77));
        assert_eq!(
            cache.get(TIMEOUT).await.expect("a token").secret(),
            "token-1"
        );
    });
}

#[test]
fn a_call_outside_of_a_runtime_does_not_panic() {
    let script = Script::new([], Answer::Token(HOUR));
    assert!(script.cache().cached().is_none());
    assert!(script.cache().background_refresh().is_err());
    let cache = script.cache();
    let error = cache.get(TIMEOUT).now_or_never().expect("does not wait");
    assert_eq!(error.expect_err("no runtime").kind(), ErrorKind::Runtime);
}

#[test]
fn a_rejection_outside_of_a_runtime_does_not_panic() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let token = runtime.expect("a runtime").block_on(cache.get(TIMEOUT));
    let token = token.expect("a token");
    let newer = cache.refresh_rejected(&token, TIMEOUT).now_or_never();
    assert!(newer.expect("does not wait").is_none());
}

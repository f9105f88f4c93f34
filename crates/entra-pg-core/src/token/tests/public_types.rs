//! Public types and futures can be shared between threads.

use std::time::Duration;

use super::script::{Answer, HOUR, Script, TIMEOUT};
use crate::{Claims, RefreshPolicy, Status, Token, TokenCache, TokenUpdates};

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Claims>();
    check::<RefreshPolicy>();
    check::<Status>();
    check::<Token>();
    check::<TokenCache>();
    check::<TokenUpdates>();
}

#[tokio::test(start_paused = true)]
async fn futures_are_send() {
    fn check<T>(future: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
        future
    }
    let cache = Script::new([], Answer::Token(HOUR)).cache();
    let mut updates = cache.subscribe();
    let token = check(cache.get(TIMEOUT)).await.expect("a token");
    assert!(check(updates.changed()).await);
    check(cache.refresh_rejected(&token, Duration::ZERO)).await;
}

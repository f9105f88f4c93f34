//! A short selection of the attack suite (`entra_pg_tests::attack`), each mode against every adapter, the proxy and the doctor.
//! `just attack` runs all modes.

use std::time::Duration;

use entra_pg_tests::attack::{Rig, Verdict, all_modes};
use futures::{StreamExt, stream};

use crate::probe::built;

const AT_ONCE: usize = 8;
/// How much longer a limit is while other tests keep the machine busy.
const SLACK: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_gets_a_token_time_memory_or_the_wrong_words() {
    let folder = built("entra-pg").parent().expect("a folder").to_owned();
    let rig = Rig::start(folder, SLACK).await;
    let modes: Vec<_> = all_modes().into_iter().filter(|mode| mode.short).collect();
    assert!(modes.len() >= 5, "{modes:?}");
    let pairs = modes
        .iter()
        .flat_map(|mode| mode.victims().into_iter().map(move |v| (mode, v)));
    let attacks = pairs.map(|(mode, victim)| rig.attack(mode, victim));
    let mut attacks = stream::iter(attacks).buffer_unordered(AT_ONCE);
    let mut faulty = Vec::new();
    while let Some(seen) = attacks.next().await {
        if matches!(seen.verdict(), Verdict::Fails | Verdict::Outdated(_)) {
            faulty.push(seen);
        }
    }
    drop(attacks);
    rig.stop().await;
    assert!(faulty.is_empty(), "{faulty:#?}");
}

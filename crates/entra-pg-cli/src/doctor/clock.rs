//! Clocks that disagree.

use std::time::{Duration, SystemTime};

use entra_pg_core::Claims;

use crate::time::between;

pub(super) const SET_THE_CLOCK: &str = "set this machine's clock (NTP)";
/// Clocks that differ by less are taken to agree.
const TOLERANCE: Duration = Duration::from_secs(5);

/// A sign that this machine's clock is behind: Entra's tokens are valid from the moment they are issued, or before.
pub(super) fn not_yet_valid(claims: &Claims, now: SystemTime) -> Option<String> {
    let from = claims.not_before.filter(|from| *from > now + TOLERANCE)?;
    Some(format!(
        "the token becomes valid only in {:#}: this machine's clock is behind, or the token endpoint's is ahead",
        between(now, from)
    ))
}

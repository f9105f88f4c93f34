//! The metrics: all their names, units and labels. No other file names the crate `metrics`; without the feature of that name
//! all of this is empty.

use std::{fmt, time::Duration};

/// Label names and their values, which are only formatted if metrics are recorded.
pub(super) type Labels<'a> = &'a [(&'static str, &'a dyn fmt::Display)];

pub(super) const TOKEN_EXPIRY: &str = "entra_pg_token_expiry_timestamp_seconds";
pub(super) const TOKEN_REQUESTS: &str = "entra_pg_token_requests_total";
pub(super) const TOKEN_REQUEST_DURATION: &str = "entra_pg_token_request_duration_seconds";
pub(super) const CONNECTS: &str = "entra_pg_connects_total";
pub(super) const CONNECT_DURATION: &str = "entra_pg_connect_duration_seconds";
pub(super) const REJECTIONS: &str = "entra_pg_rejections_total";
pub(super) const ROTATIONS: &str = "entra_pg_rotations_total";

/// Describes the metrics to the recorder. Describing them twice does no harm.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

        describe_gauge!(
            TOKEN_EXPIRY,
            Unit::Seconds,
            "When the token expires, since 1970"
        );
        describe_counter!(
            TOKEN_REQUESTS,
            Unit::Count,
            "Requests for a token that have ended"
        );
        describe_histogram!(
            TOKEN_REQUEST_DURATION,
            Unit::Seconds,
            "How long a request for a token took"
        );
        describe_counter!(
            CONNECTS,
            Unit::Count,
            "Attempts to open a connection that have ended"
        );
        describe_histogram!(
            CONNECT_DURATION,
            Unit::Seconds,
            "How long opening a connection took"
        );
        describe_counter!(REJECTIONS, Unit::Count, "Logins that the server refused");
        describe_counter!(
            ROTATIONS,
            Unit::Count,
            "New tokens that were given to a pool"
        );
    }
}

#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(super) fn count(name: &'static str, labels: Labels<'_>) {
    #[cfg(feature = "metrics")]
    metrics::counter!(name, written(labels)).increment(1);
}

#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(super) fn time(name: &'static str, labels: Labels<'_>, took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!(name, written(labels)).record(took);
}

#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(super) fn set(name: &'static str, labels: Labels<'_>, value: f64) {
    #[cfg(feature = "metrics")]
    metrics::gauge!(name, written(labels)).set(value);
}

#[cfg(feature = "metrics")]
fn written(labels: Labels<'_>) -> Vec<metrics::Label> {
    labels
        .iter()
        .map(|(name, value)| metrics::Label::new(*name, value.to_string()))
        .collect()
}

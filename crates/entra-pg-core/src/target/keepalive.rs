//! After how long a silent server counts as gone: TCP keepalive, and `TCP_USER_TIMEOUT`. The names are libpq's.
//!
//! Azure's load balancers and NAT gateways forget a connection that was idle for four minutes, without a FIN or RST:
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset>. Linux would wait two hours before it looked whether
//! the server is still there, and a quarter of an hour for a query that is not acknowledged.

use std::time::Duration;

use crate::{Error, ErrorKind};

/// More is refused by Linux.
const MAX_SECONDS: u32 = 32_767;
const MAX_COUNT: u32 = 127;
const MAX_MILLISECONDS: u32 = i32::MAX.unsigned_abs();

/// How the operating system finds out that a server is gone while nothing is sent. `None` is the system's default, in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long a connection is silent before the first probe: 60 s.
    pub idle: Option<Duration>,
    /// How long after a probe that was not acknowledged the next one follows: 10 s.
    pub interval: Option<Duration>,
    /// How many such probes there are before the connection ends: 3.
    pub count: Option<u32>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(60)),
            interval: Some(Duration::from_secs(10)),
            count: Some(3),
        }
    }
}

impl Keepalive {
    /// Returns `None` for `keepalives=0`.
    pub(super) fn read(
        mut take: impl FnMut(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let default = Self::default();
        let mut number = |name, max| match take(name) {
            Some(text) => number(name, &text, max).map(Some),
            None => Ok(None),
        };
        let keepalives = number("keepalives", 1)?;
        let idle = number("keepalives_idle", MAX_SECONDS)?;
        let interval = number("keepalives_interval", MAX_SECONDS)?;
        let count = number("keepalives_count", MAX_COUNT)?;
        Ok((keepalives != Some(0)).then(|| Self {
            idle: idle.map_or(default.idle, seconds),
            interval: interval.map_or(default.interval, seconds),
            count: count.map_or(default.count, |count| (count > 0).then_some(count)),
        }))
    }

    /// Returns after how long a silent connection is given up: 90 s by default; `None` where the system decides. With a shorter
    /// `TCP_USER_TIMEOUT` than this, Linux would not send all probes; with a longer one, it would send more.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.idle? + self.interval? * self.count?)
    }
}

/// Reads `tcp_user_timeout`, in milliseconds. Without it, a query waits as long as an idle connection.
pub(super) fn user_timeout(
    text: Option<&str>,
    keepalive: Option<Keepalive>,
) -> Result<Option<Duration>, Error> {
    let longest = Duration::from_millis(MAX_MILLISECONDS.into());
    let Some(text) = text else {
        return Ok(keepalive.and_then(|keepalive| keepalive.duration().map(|d| d.min(longest))));
    };
    let milliseconds = number("tcp_user_timeout", text, MAX_MILLISECONDS)?;
    Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds.into())))
}

/// Zero is the system's default.
fn seconds(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

fn number(name: &str, text: &str, max: u32) -> Result<u32, Error> {
    match text.trim().parse() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(Error::new(
            ErrorKind::InvalidTarget,
            format!("{name} is not a number from 0 to {max}"),
        )
        .with_hint("keepalives is 1 or 0; keepalives_idle and keepalives_interval are in seconds, tcp_user_timeout in milliseconds; 0 is the system's default")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::Target;

    fn read(parameters: &str) -> Result<Target, Error> {
        let none: [(&str, &str); 0] = [];
        Target::parse_with_vars(&format!("postgres://u@h.example/db?{parameters}"), none)
    }

    /// `0` in place of `None`.
    type Values = (u64, u64, u32, u128);

    fn values(target: &Target) -> Option<Values> {
        let Keepalive {
            idle,
            interval,
            count,
        } = target.keepalive()?;
        Some((
            idle.map_or(0, |idle| idle.as_secs()),
            interval.map_or(0, |interval| interval.as_secs()),
            count.unwrap_or(0),
            target.tcp_user_timeout().map_or(0, |t| t.as_millis()),
        ))
    }

    #[rstest]
    #[case("", (60, 10, 3, 90_000))]
    #[case("keepalives=1", (60, 10, 3, 90_000))]
    #[case("keepalives_idle=", (60, 10, 3, 90_000))]
    #[case("keepalives_idle=30&keepalives_interval=5&keepalives_count=2", (30, 5, 2, 40_000))]
    #[case("tcp_user_timeout=1500", (60, 10, 3, 1_500))]
    #[case("tcp_user_timeout=0", (60, 10, 3, 0))]
    #[case("keepalives_idle=0", (0, 10, 3, 0))]
    #[case("keepalives_interval=0", (60, 0, 3, 0))]
    #[case("keepalives_count=0&tcp_user_timeout=7", (60, 10, 0, 7))]
    #[case(
        "keepalives_idle=32767&keepalives_interval=32767&keepalives_count=127",
        (32_767, 32_767, 127, 2_147_483_647)
    )]
    #[case("tcp_user_timeout=2147483647", (60, 10, 3, 2_147_483_647))]
    fn zero_is_the_systems_default(#[case] parameters: &str, #[case] expected: Values) {
        let target = read(parameters).expect("a URL");
        assert_eq!(values(&target), Some(expected));
    }

    #[rstest]
    #[case("keepalives=0", None)]
    #[case("keepalives=0&keepalives_idle=5", None)]
    #[case("keepalives=0&tcp_user_timeout=9", Some(9))]
    fn keepalive_can_be_off(#[case] parameters: &str, #[case] user_timeout: Option<u64>) {
        let target = read(parameters).expect("a URL");
        assert_eq!(target.keepalive(), None);
        let expected = user_timeout.map(Duration::from_millis);
        assert_eq!(target.tcp_user_timeout(), expected);
    }

    #[rstest]
    #[case("keepalives=-1")]
    #[case("keepalives=yes")]
    #[case("keepalives=2")]
    #[case("keepalives_idle=-1")]
    #[case("keepalives_idle=32768")]
    #[case("keepalives_idle=1.5")]
    #[case("keepalives_idle=60s")]
    #[case("keepalives_interval=-10")]
    #[case("keepalives_interval=99999999999999999999")]
    #[case("keepalives_count=-3")]
    #[case("keepalives_count=128")]
    #[case("tcp_user_timeout=-1")]
    #[case("tcp_user_timeout=2147483648")]
    #[case("keepalives=0&keepalives_idle=-1")]
    fn what_no_socket_takes_is_refused(#[case] parameters: &str) {
        let error = read(parameters).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidTarget);
        let named = parameters.split(['&', '=']).rev().nth(1).expect("a name");
        assert!(
            error
                .to_string()
                .contains(&format!("{named} is not a number from 0 to ")),
            "{error}"
        );
    }
}

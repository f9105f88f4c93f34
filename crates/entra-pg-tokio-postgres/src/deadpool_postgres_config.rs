//! From a deadpool-postgres configuration to a target.

use std::time::Duration;

use deadpool_postgres::{Config, TargetSessionAttrs};
use entra_pg_core::{Error, Target};

/// Reads a `deadpool_postgres::Config`, such as one from settings. Its fields override its `url`, also `host` and `hosts`. The
/// pool's own are left to `get_manager_config()` and `get_pool_config()`.
///
/// # Errors
/// As [`Target::parse`]: a password, an `ssl_mode` that could send the token in clear text, `hostaddr`, which not every driver
/// can use.
///
/// ```no_run
/// use entra_pg_tokio_postgres::{
///     Connector, Entra,
///     deadpool_postgres::{Config, Pool},
///     target_from_deadpool_config,
/// };
///
/// fn pool(config: &Config) -> Result<Pool, Box<dyn std::error::Error>> {
///     let connector = Connector::new(target_from_deadpool_config(config)?, &Entra::from_env()?)?;
///     let pool = connector.deadpool_postgres_builder(config.get_manager_config());
///     Ok(pool.config(config.get_pool_config()).build()?)
/// }
/// ```
pub fn target_from_deadpool_config(config: &Config) -> Result<Target, Error> {
    let url = config.url.as_deref().unwrap_or("postgres://");
    let parameters = parameters(config).into_iter();
    Target::parse_with_parameters(
        url,
        parameters.filter_map(|(name, value)| value.filter(|v| !v.is_empty()).map(|v| (name, v))),
    )
}

/// By libpq's names.
fn parameters(config: &Config) -> [(&'static str, Option<String>); 15] {
    let (hosts, addresses, ports) = (&config.hosts, &config.hostaddrs, &config.ports);
    [
        ("user", config.user.clone()),
        ("password", config.password.clone()),
        ("dbname", config.dbname.clone()),
        ("options", config.options.clone()),
        ("application_name", config.application_name.clone()),
        ("host", list(config.host.as_ref(), hosts.as_deref())),
        (
            "hostaddr",
            list(config.hostaddr.as_ref(), addresses.as_deref()),
        ),
        ("port", list(config.port.as_ref(), ports.as_deref())),
        ("sslmode", config.ssl_mode.map(lower_case)),
        ("channel_binding", config.channel_binding.map(lower_case)),
        (
            "load_balance_hosts",
            config.load_balance_hosts.map(lower_case),
        ),
        (
            "target_session_attrs",
            config.target_session_attrs.map(session_attrs),
        ),
        ("connect_timeout", config.connect_timeout.map(seconds)),
        (
            "keepalives",
            config.keepalives.map(|on| u8::from(on).to_string()),
        ),
        ("keepalives_idle", config.keepalives_idle.map(seconds)),
    ]
}

fn list<T: ToString>(one: Option<&T>, more: Option<&[T]>) -> Option<String> {
    let all = one.into_iter().chain(more.into_iter().flatten());
    let all: Vec<_> = all.map(ToString::to_string).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// libpq's values are the names of the variants. The target refuses what it does not know.
fn lower_case(variant: impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

fn session_attrs(attrs: TargetSessionAttrs) -> String {
    match attrs {
        TargetSessionAttrs::ReadWrite => "read-write".to_owned(),
        other => lower_case(other),
    }
}

/// A part of a second is a second.
fn seconds(time: Duration) -> String {
    let part = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(part).to_string()
}

#[cfg(test)]
mod tests {
    use deadpool_postgres::{ChannelBinding, LoadBalanceHosts, SslMode};
    use entra_pg_core::{ErrorKind, Target};

    use super::*;

    #[test]
    fn no_field_of_a_configuration_is_lost() {
        let mut config = Config::new();
        config.url = Some("postgres://old@old.example/old".into());
        config.user = Some("app".into());
        config.password = Some(String::new());
        config.dbname = Some("orders".into());
        config.options = Some("-c a=1".into());
        config.application_name = Some("shop".into());
        config.ssl_mode = Some(SslMode::Require);
        config.host = Some("a.example".into());
        config.hosts = Some(vec!["b.example".into()]);
        config.port = Some(1);
        config.ports = Some(vec![2]);
        config.connect_timeout = Some(Duration::from_millis(2_500));
        config.keepalives = Some(true);
        config.keepalives_idle = Some(Duration::from_secs(7));
        config.target_session_attrs = Some(TargetSessionAttrs::ReadWrite);
        config.channel_binding = Some(ChannelBinding::Prefer);
        config.load_balance_hosts = Some(LoadBalanceHosts::Random);
        let found = target_from_deadpool_config(&config).expect("a target");
        let url = "postgres://app@a.example:1,b.example:2/orders?options=-c%20a%3D1&application_name=shop&connect_timeout=3\
                   &keepalives=1&keepalives_idle=7&target_session_attrs=read-write&load_balance_hosts=random";
        let expected = Target::parse(url).expect("a target");
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    #[test]
    fn what_a_url_may_not_say_a_configuration_may_not_either() {
        type Change = fn(&mut Config);
        let changes: [(Change, _); 5] = [
            (
                |config| config.password = Some("hunter2".into()),
                ErrorKind::PasswordInUrl,
            ),
            (
                |config| config.hostaddr = Some([10, 0, 0, 1].into()),
                ErrorKind::InvalidTarget,
            ),
            (
                |config| config.host = Some("/run/postgresql".into()),
                ErrorKind::InvalidTarget,
            ),
            (
                |config| config.ssl_mode = Some(SslMode::Prefer),
                ErrorKind::InsecureTls,
            ),
            (
                |config| config.connect_timeout = Some(Duration::ZERO),
                ErrorKind::InvalidTarget,
            ),
        ];
        for (change, kind) in changes {
            let mut config = Config::new();
            config.host = Some("a.example".into());
            change(&mut config);
            let error = target_from_deadpool_config(&config).expect_err("refused");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

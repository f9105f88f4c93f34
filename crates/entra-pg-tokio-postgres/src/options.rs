//! From a target to the driver's configuration.

use entra_pg_core::{Error, Host, Login, LoginProvider, Target, connect::ServerAddress};
use tokio_postgres::{
    Config,
    config::{ChannelBinding, Host as DriverHost, SslMode, SslNegotiation},
};

/// A configuration for one of the target's hosts, without user and password.
pub(crate) fn base_config(target: &Target, host: &Host) -> Config {
    let mut config = Config::new();
    config.host(host.name()).port(host.port());
    if let Some(database) = target.database() {
        config.dbname(database);
    }
    if let Some(name) = target.application_name() {
        config.application_name(name);
    }
    if let Some(options) = target.options() {
        config.options(options);
    }
    set_keepalive(&mut config, target);
    config
}

fn set_keepalive(config: &mut Config, target: &Target) {
    let keepalive = target.keepalive();
    config.keepalives(keepalive.is_some());
    // The driver's own default for this is two hours, which is also Linux's.
    if let Some(idle) = keepalive.and_then(|keepalive| keepalive.idle) {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = keepalive.and_then(|keepalive| keepalive.interval) {
        config.keepalives_interval(interval);
    }
    if let Some(count) = keepalive.and_then(|keepalive| keepalive.count) {
        config.keepalives_retries(count);
    }
    if let Some(timeout) = target.tcp_user_timeout() {
        config.tcp_user_timeout(timeout);
    }
}

/// Checks a configuration that a user may have changed or replaced. An address without a name and a socket have no
/// certificate to check, so they count as another host.
pub(crate) fn check_destination(provider: &LoginProvider, config: &Config) -> Result<(), Error> {
    if config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty() {
        return provider.check_destination("");
    }
    config.get_hosts().iter().try_for_each(|host| match host {
        DriverHost::Tcp(name) => provider.check_destination(name),
        #[cfg(unix)]
        DriverHost::Unix(_) => provider.check_destination(""),
    })
}

/// Leads to this address, unless the user has chosen another host or several. The certificate is checked against the host.
pub(crate) fn lead_to(config: &mut Config, server: &ServerAddress) {
    if let [DriverHost::Tcp(name)] = config.get_hosts()
        && name == server.host().name()
    {
        config.hostaddr(server.address().ip());
    }
}

/// Sets what is not the user's to change.
pub(crate) fn log_in(config: &mut Config, target: &Target, login: &Login) {
    config
        .user(login.user())
        .password(login.token().secret())
        // A cleartext password has nothing to bind a channel to.
        .channel_binding(ChannelBinding::Disable)
        .ssl_negotiation(if target.uses_direct_tls() {
            SslNegotiation::Direct
        } else {
            SslNegotiation::Postgres
        })
        .ssl_mode(if target.uses_tls() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_that_is_gone_is_noticed() {
        for (parameters, expected) in [
            ("", (true, 60, Some(10), Some(3), Some(90_000))),
            ("keepalives=0", (false, 7_200, None, None, None)),
            (
                "keepalives_idle=0&keepalives_interval=0&keepalives_count=0",
                (true, 7_200, None, None, None),
            ),
            (
                "keepalives_idle=5&keepalives_interval=2&keepalives_count=1&tcp_user_timeout=9",
                (true, 5, Some(2), Some(1), Some(9)),
            ),
        ] {
            let url = format!("postgres://app@db.example/orders?{parameters}");
            let target = Target::parse(&url).expect("a target");
            let config = base_config(&target, &target.hosts()[0]);
            let found = (
                config.get_keepalives(),
                config.get_keepalives_idle().as_secs(),
                config.get_keepalives_interval().map(|d| d.as_secs()),
                config.get_keepalives_retries(),
                config.get_tcp_user_timeout().map(Duration::as_millis),
            );
            assert_eq!(found, expected, "{parameters}");
        }
    }

    #[test]
    fn no_part_of_the_url_is_lost() {
        let url = "postgres://app@db.example:6432/orders?application_name=shop&options=-c%20a%3D1";
        let target = Target::parse_with_vars(url, [("PGUSER", "other")]).expect("a target");
        let config = base_config(&target, &target.hosts()[0]);
        assert_eq!(config.get_hosts(), [DriverHost::Tcp("db.example".into())]);
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_dbname(), Some("orders"));
        assert_eq!(config.get_application_name(), Some("shop"));
        assert_eq!(config.get_options(), Some("-c a=1"));
        assert_eq!((config.get_user(), config.get_password()), (None, None));
    }
}

//! From a target to the driver's configuration.

use entra_pg_core::{Error, Login, LoginProvider, Target};
use tokio_postgres::{
    Config,
    config::{ChannelBinding, Host, SslMode},
};

/// A configuration without user and password.
pub(crate) fn base_config(target: &Target) -> Config {
    let mut config = Config::new();
    for host in target.hosts() {
        config.host(host.name()).port(host.port());
    }
    if let Some(database) = target.database() {
        config.dbname(database);
    }
    if let Some(name) = target.application_name() {
        config.application_name(name);
    }
    if let Some(options) = target.options() {
        config.options(options);
    }
    config
}

/// Checks a configuration that a user may have changed or replaced. An address without a name and a socket have no
/// certificate to check, so they count as another host.
pub(crate) fn check_destination(provider: &LoginProvider, config: &Config) -> Result<(), Error> {
    if config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty() {
        return provider.check_destination("");
    }
    config.get_hosts().iter().try_for_each(|host| match host {
        Host::Tcp(name) => provider.check_destination(name),
        #[cfg(unix)]
        Host::Unix(_) => provider.check_destination(""),
    })
}

/// Sets what is not the user's to change.
pub(crate) fn log_in(config: &mut Config, target: &Target, login: &Login) {
    config
        .user(login.user())
        .password(login.token().secret())
        // A cleartext password has nothing to bind a channel to.
        .channel_binding(ChannelBinding::Disable)
        .ssl_mode(if target.uses_tls() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_the_url_is_lost() {
        let url = "postgres://app@db.example:6432/orders?application_name=shop&options=-c%20a%3D1";
        let target = Target::parse_with_vars(url, [("PGUSER", "other")]).expect("a target");
        let config = base_config(&target);
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example".into())]);
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_dbname(), Some("orders"));
        assert_eq!(config.get_application_name(), Some("shop"));
        assert_eq!(config.get_options(), Some("-c a=1"));
        assert_eq!((config.get_user(), config.get_password()), (None, None));
    }
}

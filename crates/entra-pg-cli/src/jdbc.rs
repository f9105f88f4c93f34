//! JDBC's URL, for programs on the JVM: they read neither `DATABASE_URL` nor libpq's variables.
//! <https://jdbc.postgresql.org/documentation/use/>

use entra_pg_core::{LoadBalanceHosts, Target, TargetSessionAttrs};

use crate::encode::{encode, host, query};

/// Heroku's name for it, which programs and frameworks already read.
/// <https://devcenter.heroku.com/articles/connecting-to-relational-databases-on-heroku-with-java>
pub(crate) const VARIABLE: &str = "JDBC_DATABASE_URL";

/// The URL of the server itself. Without a file of roots, Java's own are the ones to trust.
pub(crate) fn direct(target: &Target, user: &str, password: &str, roots: Option<&str>) -> String {
    let factory = roots
        .is_none()
        .then_some("org.postgresql.ssl.DefaultJavaSSLFactory");
    let servers = target.hosts().iter();
    let servers = servers.map(|server| format!("{}:{}", host(server.name()), server.port()));
    let random = target.load_balance_hosts() == LoadBalanceHosts::Random;
    let connection = [
        ("password", Some(password.to_owned())),
        ("sslmode", Some("verify-full".to_owned())),
        ("sslrootcert", roots.map(str::to_owned)),
        ("sslfactory", factory.map(str::to_owned)),
        ("targetServerType", server_type(target).map(str::to_owned)),
        ("loadBalanceHosts", random.then(|| "true".to_owned())),
    ];
    let servers: Vec<_> = servers.collect();
    url(target, &servers.join(","), user, connection)
}

/// The driver's word for `target_session_attrs`. Its primary is a server that accepts writes, its secondary one that does not.
fn server_type(target: &Target) -> Option<&'static str> {
    match target.target_session_attrs() {
        TargetSessionAttrs::ReadWrite | TargetSessionAttrs::Primary => Some("primary"),
        TargetSessionAttrs::ReadOnly | TargetSessionAttrs::Standby => Some("secondary"),
        TargetSessionAttrs::PreferStandby => Some("preferSecondary"),
        _ => None,
    }
}

/// The URL of a proxy on a port of this machine. Java's driver knows no sockets.
pub(crate) fn proxied(target: &Target, user: &str, address: std::net::SocketAddr) -> String {
    let connection = [("sslmode", Some("disable".to_owned()))];
    let server = format!("{}:{}", host(&address.ip().to_string()), address.port());
    url(target, &server, user, connection)
}

fn url<const N: usize>(
    target: &Target,
    servers: &str,
    user: &str,
    connection: [(&str, Option<String>); N],
) -> String {
    // Written out, since the driver takes the operating system's user otherwise.
    let database = encode(target.database().unwrap_or(user));
    let name = target.application_name().map(str::to_owned);
    let session = [("ApplicationName", name), ("options", target.options())];
    let user = [("user", Some(user.to_owned()))];
    let parameters = query(user.into_iter().chain(connection).chain(session));
    format!("jdbc:postgresql://{servers}/{database}?{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url).expect("a URL")
    }

    #[test]
    fn several_servers_are_told_apart() {
        let target = target(
            "postgres://a:6432,[::1]/o?target_session_attrs=standby&load_balance_hosts=random",
        );
        let url = direct(&target, "app", "p", Some("/ca"));
        assert!(
            url.starts_with("jdbc:postgresql://a:6432,[::1]:5432/o?"),
            "{url}"
        );
        assert!(
            url.ends_with("&targetServerType=secondary&loadBalanceHosts=true"),
            "{url}"
        );
    }

    #[test]
    fn a_server_is_verified() {
        let target = target("postgres://h.example/o%20s?application_name=x&options[a]=b");
        assert_eq!(
            direct(&target, "a@b", "p+w", Some("/ca s.pem")),
            "jdbc:postgresql://h.example:5432/o%20s?user=a%40b&password=p%2Bw&sslmode=verify-full&sslrootcert=%2Fca%20s.pem\
             &ApplicationName=x&options=-c%20a%3Db"
        );
        assert!(
            direct(&target, "a", "p", None).contains(
                "&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"
            )
        );
    }

    #[test]
    fn a_proxys_holds_no_password() {
        let target = target("postgres://h.example");
        assert_eq!(
            proxied(&target, "app", ([127, 0, 0, 1], 7).into()),
            "jdbc:postgresql://127.0.0.1:7/app?user=app&sslmode=disable"
        );
        let address = (std::net::Ipv6Addr::LOCALHOST, 7).into();
        assert!(proxied(&target, "app", address).starts_with("jdbc:postgresql://[::1]:7/app?"));
    }
}

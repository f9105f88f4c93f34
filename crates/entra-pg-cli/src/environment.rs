//! A program's environment: libpq's variables, `DATABASE_URL`, and JDBC's URL.
//!
//! The token is never in an argument: all users of the machine can read those. The variables and the URL both ask for
//! verification, since a program may read either.

use std::{path::Path, time::Duration};

use entra_pg_core::{Host, Keepalive, LoadBalanceHosts, Target, TargetSessionAttrs};
use entra_pg_proxy::Address;

use crate::{
    encode::{encode, host, query},
    jdbc,
};

/// Variables that would send libpq to another server, or make it refuse the login that Azure's servers ask for. A service file
/// overrides the other variables.
pub(crate) const CONFLICTING_VARIABLES: [&str; 6] = [
    "PGHOSTADDR",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGREQUIREAUTH",
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
];

/// Role and password of a login.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// Returns the variables for a program that connects to the target itself. `roots` is a file of certificates.
pub(crate) fn variables(
    target: &Target,
    login: Credentials,
    roots: Option<&Path>,
) -> Vec<(&'static str, String)> {
    let roots = roots.map(|file| file.display().to_string());
    let jdbc = jdbc::direct(target, login.user, login.password, roots.as_deref());
    let mut variables = vec![
        ("DATABASE_URL", url(target, login, roots.as_deref())),
        (jdbc::VARIABLE, jdbc),
        ("PGHOST", list(target, |host| host.name().to_owned())),
        ("PGPORT", list(target, |host| host.port().to_string())),
        ("PGUSER", login.user.to_owned()),
        ("PGPASSWORD", login.password.to_owned()),
        ("PGSSLMODE", "verify-full".to_owned()),
        // libpq knows `system` since version 16; an older one looks for a file of that name, finds none, and fails safely.
        ("PGSSLROOTCERT", roots.unwrap_or_else(|| "system".into())),
        // With a Kerberos ticket libpq would use GSS encryption, and verify no certificate.
        ("PGGSSENCMODE", "disable".to_owned()),
    ];
    variables.extend(choice(target).map(|(_, variable, value)| (variable, value)));
    if target.uses_direct_tls() {
        variables.push(("PGSSLNEGOTIATION", "direct".to_owned()));
    }
    variables.extend(session(target));
    variables
}

/// Which of the hosts: parameters, their variables, and values.
fn choice(target: &Target) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let attrs = target.target_session_attrs();
    let attrs = (attrs != TargetSessionAttrs::Any).then(|| attrs.to_string());
    let random = target.load_balance_hosts() == LoadBalanceHosts::Random;
    [
        ("target_session_attrs", "PGTARGETSESSIONATTRS", attrs),
        (
            "load_balance_hosts",
            "PGLOADBALANCEHOSTS",
            random.then(|| "random".to_owned()),
        ),
    ]
    .into_iter()
    .filter_map(|(parameter, variable, value)| Some((parameter, variable, value?)))
}

/// Several hosts, as libpq writes them.
fn list(target: &Target, text: impl Fn(&Host) -> String) -> String {
    let texts: Vec<_> = target.hosts().iter().map(text).collect();
    texts.join(",")
}

/// Returns the variables of the session, which a proxied connection has, too.
fn session(target: &Target) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("PGDATABASE", target.database().map(str::to_owned)),
        ("PGAPPNAME", target.application_name().map(str::to_owned)),
        ("PGOPTIONS", target.options()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

fn url(target: &Target, login: Credentials, roots: Option<&str>) -> String {
    let servers = list(target, |server| {
        format!("{}:{}", host(server.name()), server.port())
    });
    let (user, password) = (encode(login.user), encode(login.password));
    let authority = format!("{user}:{password}@{servers}");
    let verification = [
        ("sslmode", Some("verify-full".to_owned())),
        ("sslrootcert", roots.map(str::to_owned)),
    ];
    let choice = choice(target).map(|(parameter, _, value)| (parameter, Some(value)));
    let connection = verification
        .into_iter()
        .chain(choice)
        .chain(keepalive(target));
    build_url(&authority, target.database(), connection, target)
}

/// Returns what the user has set, since not every program knows these parameters. No variable stands for them.
fn keepalive(target: &Target) -> Vec<(&'static str, Option<String>)> {
    let (keepalive, user_timeout) = (target.keepalive(), target.tcp_user_timeout());
    if (keepalive, user_timeout) == (Some(Keepalive::default()), Keepalive::default().duration()) {
        return Vec::new();
    }
    let milliseconds = user_timeout.unwrap_or_default().as_millis();
    let user_timeout = ("tcp_user_timeout", Some(milliseconds.to_string()));
    let Some(keepalive) = keepalive else {
        return vec![("keepalives", Some("0".to_owned())), user_timeout];
    };
    let seconds = |time: Option<Duration>| Some(time.unwrap_or_default().as_secs().to_string());
    let count = keepalive.count.unwrap_or_default().to_string();
    vec![
        ("keepalives_idle", seconds(keepalive.idle)),
        ("keepalives_interval", seconds(keepalive.interval)),
        ("keepalives_count", Some(count)),
        user_timeout,
    ]
}

/// SQLAlchemy takes only `postgresql://`; every other program takes either.
fn build_url(
    authority: &str,
    database: Option<&str>,
    connection: impl IntoIterator<Item = (&'static str, Option<String>)>,
    target: &Target,
) -> String {
    let session = [
        (
            "application_name",
            target.application_name().map(str::to_owned),
        ),
        ("options", target.options()),
    ];
    let parameters = query(connection.into_iter().chain(session));
    let path = database.map_or_else(String::new, |name| format!("/{}", encode(name)));
    format!("postgresql://{authority}{path}?{parameters}")
}

/// A connection to the target through a proxy on this machine: without password and encryption.
pub(crate) struct Local<'a> {
    pub(crate) target: &'a Target,
    pub(crate) user: &'a str,
}

/// Variables that only make sense for the server itself. None is among [`CONFLICTING_VARIABLES`].
pub(crate) const SERVER_VARIABLES: [&str; 4] = [
    "PGPASSWORD",
    "PGSSLROOTCERT",
    "PGSSLNEGOTIATION",
    jdbc::VARIABLE,
];

impl Local<'_> {
    pub(crate) fn variables(&self, address: &Address) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("DATABASE_URL", self.url(address)),
            ("PGHOST", address.host()),
            ("PGPORT", address.port().to_string()),
            ("PGUSER", self.user.to_owned()),
            ("PGSSLMODE", "disable".to_owned()),
            ("PGGSSENCMODE", "disable".to_owned()),
        ];
        if let Address::Tcp(address) = address {
            let url = jdbc::proxied(self.target, self.user, *address);
            variables.push((jdbc::VARIABLE, url));
        }
        variables.extend(session(self.target));
        variables
    }

    pub(crate) fn url(&self, address: &Address) -> String {
        let (host, socket) = match address {
            // Not every URL parser takes a path as the host, but all take the parameter.
            Address::Unix { .. } => ("localhost".to_owned(), Some(address.host())),
            _ => (address.host(), None),
        };
        let authority = format!("{}@{host}:{}", encode(self.user), address.port());
        // Written out, since clients differ in their default database.
        let database = self.target.database().unwrap_or(self.user);
        let connection = [("host", socket), ("sslmode", Some("disable".to_owned()))];
        build_url(&authority, Some(database), connection, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn target(url: &str) -> Target {
        Target::parse(url).expect("a URL")
    }

    fn made(url: &str, user: &str, roots: Option<&Path>) -> HashMap<&'static str, String> {
        let login = Credentials {
            user,
            password: "a.b-c_d=",
        };
        variables(&target(url), login, roots).into_iter().collect()
    }

    #[test]
    fn both_forms_say_the_same() {
        let variables = made(
            "postgres://app@my.example:6432/or%20ders?application_name=x%26y&options[a]=b%20c",
            "app",
            Some(Path::new("/ca s.pem")),
        );
        assert_eq!(
            variables["DATABASE_URL"],
            "postgresql://app:a.b-c_d%3D@my.example:6432/or%20ders?sslmode=verify-full&sslrootcert=%2Fca%20s.pem\
             &application_name=x%26y&options=-c%20a%3Db%5C%20c"
        );
        for (name, value) in [
            ("PGHOST", "my.example"),
            ("PGPORT", "6432"),
            ("PGUSER", "app"),
            ("PGDATABASE", "or ders"),
            ("PGPASSWORD", "a.b-c_d="),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca s.pem"),
            ("PGGSSENCMODE", "disable"),
            ("PGAPPNAME", "x&y"),
            ("PGOPTIONS", r"-c a=b\ c"),
        ] {
            assert_eq!(variables[name], value, "{name}");
        }
    }

    #[test]
    fn keepalives_that_were_set_are_handed_on() {
        for (parameters, expected) in [
            ("", ""),
            ("keepalives_idle=60", ""),
            ("keepalives=0", "&keepalives=0&tcp_user_timeout=0"),
            (
                "keepalives_count=2&keepalives_interval=0",
                "&keepalives_idle=60&keepalives_interval=0&keepalives_count=2&tcp_user_timeout=0",
            ),
            (
                "tcp_user_timeout=5",
                "&keepalives_idle=60&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=5",
            ),
        ] {
            let url = format!("postgres://app@my.example/db?{parameters}");
            let made = made(&url, "app", None);
            let (_, found) = made["DATABASE_URL"]
                .split_once("verify-full")
                .expect("verified");
            assert_eq!(found, expected, "{parameters}");
            let again = target(&made["DATABASE_URL"].replace(":a.b-c_d%3D@", "@"));
            assert_eq!(again.keepalive(), target(&url).keepalive());
            assert_eq!(again.tcp_user_timeout(), target(&url).tcp_user_timeout());
        }
    }

    #[test]
    fn several_hosts_are_lists_as_libpq_writes_them() {
        let variables = made("postgres://app@a.example:6432,[::1]/db", "app", None);
        assert_eq!(
            variables["DATABASE_URL"],
            "postgresql://app:a.b-c_d%3D@a.example:6432,[::1]:5432/db?sslmode=verify-full"
        );
        assert_eq!(variables["PGHOST"], "a.example,::1");
        assert_eq!(variables["PGPORT"], "6432,5432");
        assert!(!variables.contains_key("PGTARGETSESSIONATTRS"));
        let url = "postgres://app@a.example,b.example/db?target_session_attrs=standby&load_balance_hosts=random";
        let variables = made(url, "app", None);
        assert!(
            variables["DATABASE_URL"]
                .ends_with("&target_session_attrs=standby&load_balance_hosts=random")
        );
        assert_eq!(variables["PGTARGETSESSIONATTRS"], "standby");
        assert_eq!(variables["PGLOADBALANCEHOSTS"], "random");
    }

    #[test]
    fn tls_without_a_request_is_passed_on() {
        let variables = made(
            "postgres://my.example/db?sslnegotiation=direct",
            "app",
            None,
        );
        assert_eq!(variables["PGSSLNEGOTIATION"], "direct");
    }

    #[test]
    fn a_guests_name_does_not_break_the_url() {
        let user = "alice_outlook.com#EXT#@contoso.onmicrosoft.com";
        let variables = made("postgres://my.example/db", user, None);
        let url = &variables["DATABASE_URL"];
        assert!(
            url.starts_with("postgresql://alice_outlook.com%23EXT%23%40contoso.onmicrosoft.com:"),
            "{url}"
        );
        // Our own parser refuses passwords; without it, it reads back what was meant.
        let again = target(&url.replace(":a.b-c_d%3D@", "@"));
        assert_eq!(again.user(), Some(user));
        assert_eq!(again.database(), Some("db"));
    }

    #[test]
    fn no_file_of_roots_weakens_nothing() {
        let variables = made("postgres://app@[::1]/db", "app", None);
        assert_eq!(
            variables["DATABASE_URL"],
            "postgresql://app:a.b-c_d%3D@[::1]:5432/db?sslmode=verify-full"
        );
        assert_eq!(variables["PGSSLROOTCERT"], "system");
    }

    #[test]
    fn a_proxys_url_holds_no_password_and_asks_for_no_encryption() {
        let target = target("postgres://app@my.example/or%20ders?application_name=x");
        let local = Local {
            target: &target,
            user: "a@b",
        };
        let socket = Address::Unix {
            directory: "/tmp/d".into(),
            port: 5432,
        };
        assert_eq!(
            local.url(&socket),
            "postgresql://a%40b@localhost:5432/or%20ders?host=%2Ftmp%2Fd&sslmode=disable&application_name=x"
        );
        let port = Address::Tcp(([127, 0, 0, 1], 7).into());
        assert_eq!(
            local.url(&port),
            "postgresql://a%40b@127.0.0.1:7/or%20ders?sslmode=disable&application_name=x"
        );
        let variables: HashMap<_, _> = local.variables(&socket).into_iter().collect();
        assert_eq!(variables["PGHOST"], "/tmp/d");
        assert!(!variables.contains_key("PGPASSWORD"));
        assert!(!variables.contains_key("JDBC_DATABASE_URL"));
        let variables: HashMap<_, _> = local.variables(&port).into_iter().collect();
        assert_eq!(
            variables["JDBC_DATABASE_URL"],
            "jdbc:postgresql://127.0.0.1:7/or%20ders?user=a%40b&sslmode=disable&ApplicationName=x"
        );
    }
}

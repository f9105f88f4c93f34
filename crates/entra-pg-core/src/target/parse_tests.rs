use rstest::rstest;

use super::*;
use crate::Phase;

fn with(url: &str, variables: &[(&str, &str)]) -> Result<Target, Error> {
    Target::parse_with_vars(url, variables.iter().copied())
}

fn refused(url: &str, variables: &[(&str, &str)]) -> Error {
    with(url, variables)
        .map(|_| ())
        .expect_err("must be refused")
}

#[test]
fn a_plain_url_is_read_as_libpq_reads_it() {
    let target = with(
        "postgres://app@server.example:6432/orders?application_name=web&connect_timeout=3",
        &[],
    )
    .expect("a valid URL");
    assert_eq!(
        (
            target.hosts()[0].name(),
            target.hosts()[0].port(),
            target.user(),
            target.database()
        ),
        ("server.example", 6432, Some("app"), Some("orders"))
    );
    assert_eq!(target.application_name(), Some("web"));
    assert_eq!(target.connect_timeout(), Duration::from_secs(3));
    assert!(target.uses_tls());
}

#[test]
fn variables_fill_gaps_and_never_overrule_the_url() {
    let variables = [
        ("PGHOST", "other.example"),
        ("PGPORT", "1"),
        ("PGUSER", "someone"),
        ("PGDATABASE", "filled"),
        ("PGAPPNAME", "from-env"),
        ("PGCONNECT_TIMEOUT", "7"),
        ("PGOPTIONS", "-c a=1"),
    ];
    let target = with(
        "postgresql://app@server.example:5433?options[b]=2",
        &variables,
    )
    .expect("a valid URL");
    assert_eq!(
        (
            target.hosts()[0].name(),
            target.hosts()[0].port(),
            target.user(),
            target.database()
        ),
        ("server.example", 5433, Some("app"), Some("filled"))
    );
    assert_eq!(target.application_name(), Some("from-env"));
    assert_eq!(target.connect_timeout(), Duration::from_secs(7));
    assert_eq!(target.options().as_deref(), Some("-c a=1 -c b=2"));
}

#[test]
fn an_empty_url_is_filled_from_variables() {
    let target = with("postgres://", &[("PGHOST", "h.example"), ("PGUSER", "u")]).expect("valid");
    assert_eq!(
        (
            target.hosts()[0].name(),
            target.user(),
            target.hosts()[0].port()
        ),
        ("h.example", Some("u"), 5432)
    );
}

#[rstest]
#[case::upn("alice@contoso.com", "postgres://alice%40contoso.com@h.example/db")]
#[case::upn_unencoded("alice@contoso.com", "postgres://alice@contoso.com@h.example/db")]
#[case::guest(
    "alice_outlook.com#EXT#@c.onmicrosoft.com",
    "postgres://alice_outlook.com%23EXT%23%40c.onmicrosoft.com@h.example/db"
)]
#[case::group("My Group", "postgres://My%20Group@h.example/db")]
#[case::unicode("Jörg", "postgres://J%C3%B6rg@h.example/db")]
#[case::brackets("[DBA]", "postgres://%5BDBA%5D@h.example/db")]
#[case::brackets_of_a_parameter("[DBA]", "postgres://h.example/db?user=%5BDBA%5D")]
fn role_names_survive_the_url(#[case] role: &str, #[case] url: &str) {
    assert_eq!(with(url, &[]).expect("a valid URL").user(), Some(role));
}

#[test]
fn a_connect_timeout_leaves_room_for_a_deadline() {
    let longest = "postgres://u@h.example/db?connect_timeout=18446744073709551615";
    let longest = with(longest, &[]).expect("a valid URL");
    for target in [longest.clone(), longest.with_connect_timeout(Duration::MAX)] {
        let deadline = std::time::Instant::now().checked_add(target.connect_timeout());
        assert!(deadline.is_some(), "{:?}", target.connect_timeout());
    }
}

#[test]
fn a_parameter_without_a_value_is_as_if_it_were_not_there() {
    let bare = with("postgres://u@h.example/db", &[]).expect("a valid URL");
    let empty = "postgres://u@h.example/db?sslmode=&application_name=&connect_timeout=";
    let empty = with(empty, &[]).expect("a valid URL");
    assert_eq!(format!("{empty:?}"), format!("{bare:?}"));
}

#[test]
fn parameters_beside_a_url_override_it_and_are_checked_like_its_own() {
    let url = "postgres://u@a.example:1/db?options=-c%20a%3D1";
    let parameters = [("host", "b.example"), ("port", ""), ("options", "-c b=2")];
    let target = Target::parse_with_parameters(url, parameters).expect("valid");
    let host = &target.hosts()[0];
    assert_eq!((host.name(), host.port()), ("b.example", 1));
    assert_eq!(target.options().as_deref(), Some("-c a=1 -c b=2"));
    for (name, value, kind) in [
        ("password", "hunter2", ErrorKind::PasswordInUrl),
        ("sslmode", "disable", ErrorKind::InsecureTls),
        ("hostaddr", "10.0.0.1", ErrorKind::InvalidTarget),
        ("dbname", "a\0hunter2", ErrorKind::InvalidTarget),
        ("unheard_of", "hunter2", ErrorKind::InvalidTarget),
    ] {
        let error = Target::parse_with_parameters(url, [(name, value)]).expect_err(name);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[rstest]
#[case("postgres://u@[::1]/db", "::1")]
#[case("postgres://u@127.0.0.1/db", "127.0.0.1")]
#[case("postgres:///db?host=[::1]", "::1")]
#[case("postgres://u@a.example/db?host=b.example", "b.example")]
#[case("postgres:///db?host=b.example", "b.example")]
fn hosts_are_taken_from_address_or_parameter(#[case] url: &str, #[case] host: &str) {
    assert_eq!(with(url, &[]).expect("a valid URL").hosts()[0].name(), host);
}

#[rstest]
#[case::url("postgres://u@a.example:1,b.example:2/db", &[], "a.example 1, b.example 2")]
#[case::some_ports("postgres://u@a.example,b.example:2/db", &[], "a.example 5432, b.example 2")]
#[case::parameters("postgres:///db?host=a,b&port=1,2", &[], "a 1, b 2")]
#[case::one_port("postgres:///db?host=a,b&port=6432", &[], "a 6432, b 6432")]
#[case::addresses("postgres://u@[::1]:1,[::2]:2/db", &[], "::1 1, ::2 2")]
#[case::keywords("host=a,b port=1,2 dbname=db", &[], "a 1, b 2")]
#[case::variables("postgres:///db", &[("PGHOST", "a,b"), ("PGPORT", "1,")], "a 1, b 5432")]
#[case::port_of_a_variable("postgres://u@a,b/db", &[("PGPORT", "6432")], "a 6432, b 6432")]
#[case::ports_win("postgres://u@a:1,b/db", &[("PGPORT", "6432")], "a 1, b 5432")]
fn several_hosts_are_read_as_libpq_reads_them(
    #[case] url: &str,
    #[case] variables: &[(&str, &str)],
    #[case] expected: &str,
) {
    let target = with(url, variables).expect("a valid URL");
    let hosts = target.hosts().iter();
    let hosts: Vec<_> = hosts
        .map(|host| format!("{} {}", host.name(), host.port()))
        .collect();
    assert_eq!(hosts.join(", "), expected);
}

#[test]
fn a_name_that_does_not_say_takes_the_cloud_of_the_other_host() {
    let url = "postgres://u@db.example,b.postgres.database.chinacloudapi.cn/db";
    let scope = with(url, &[]).expect("a valid URL").scope().clone();
    assert!(scope.as_str().contains("chinacloudapi"), "{scope}");
}

#[rstest]
#[case::password(
    "postgres://u:hunter2@h.example/db",
    ErrorKind::PasswordInUrl,
    "remove it"
)]
#[case::empty_password(
    "postgres://u:@h.example/db?password=",
    ErrorKind::PasswordInUrl,
    "remove it"
)]
#[case::password_parameter(
    "postgres://u@h.example/db?password=hunter2",
    ErrorKind::PasswordInUrl,
    "remove it"
)]
#[case::disable(
    "postgres://u@h.example/db?sslmode=disable",
    ErrorKind::InsecureTls,
    "verify-full"
)]
#[case::allow(
    "postgres://u@h.example/db?sslmode=allow",
    ErrorKind::InsecureTls,
    "verify-full"
)]
#[case::prefer(
    "postgres://u@h.example/db?sslmode=prefer",
    ErrorKind::InsecureTls,
    "verify-full"
)]
#[case::sslmode_typo(
    "postgres://u@h.example/db?sslmode=verify_full",
    ErrorKind::InvalidTarget,
    "verify-full"
)]
#[case::unknown(
    "postgres://u@h.example/db?sslmod=require",
    ErrorKind::InvalidTarget,
    "known are: application_name"
)]
#[case::no_host("postgres:///db", ErrorKind::InvalidTarget, "full name")]
#[case::empty_host("postgres://u@/db?host=", ErrorKind::InvalidTarget, "ROLE@HOST")]
#[case::empty_host_parameter("postgres:///db?host=", ErrorKind::InvalidTarget, "full name")]
#[case::socket("postgres://u@%2Fvar%2Frun/db", ErrorKind::InvalidTarget, "no TLS")]
#[case::relative_path("postgres:///db?host=./sockets", ErrorKind::InvalidTarget, "path")]
#[case::relative_name("postgres:///db?host=.example", ErrorKind::InvalidTarget, "full name")]
#[case::two_clouds(
    "postgres://a.postgres.database.azure.com,b.postgres.database.chinacloudapi.cn/db",
    ErrorKind::InvalidTarget,
    "for each cloud"
)]
#[case::two_ports_for_three(
    "postgres:///db?host=a,b,c&port=1,2",
    ErrorKind::InvalidTarget,
    "same order"
)]
#[case::an_empty_host("postgres://u@a,,b/db", ErrorKind::InvalidTarget, "full name")]
#[case::an_empty_last_host("postgres://u@a:1,/db", ErrorKind::InvalidTarget, "full name")]
#[case::a_port_without_a_host("postgres://u@a,:6432/db", ErrorKind::InvalidTarget, "ROLE@HOST")]
#[case::spaces("postgres:///db?host=a%20b", ErrorKind::InvalidTarget, "full name")]
#[case::missing_file(
    "postgres://u@h.example/db?sslrootcert=/nonexistent",
    ErrorKind::RootCertificates,
    "/nonexistent"
)]
#[case::port("postgres://u@h.example/db?port=0", ErrorKind::InvalidTarget, "5432")]
#[case::timeout(
    "postgres://u@h.example/db?connect_timeout=0",
    ErrorKind::InvalidTarget,
    "15 s"
)]
#[case::channel_binding(
    "postgres://u@h.example/db?channel_binding=require",
    ErrorKind::InvalidTarget,
    "leave"
)]
#[case::hash("postgres://a#b@h.example/db", ErrorKind::InvalidTarget, "")]
#[case::nul("postgres://a%00b@h.example/db", ErrorKind::InvalidTarget, "NUL")]
#[case::setting_without_a_name(
    "postgres://h.example/db?options[]=1",
    ErrorKind::InvalidTarget,
    "NAME"
)]
#[case::setting_with_two_values(
    "postgres://h.example/db?options[a%3Db]=1",
    ErrorKind::InvalidTarget,
    "NAME"
)]
#[case::mysql("mysql://u@h.example/db", ErrorKind::InvalidTarget, "postgres://")]
#[case::nonsense("hunter2", ErrorKind::InvalidTarget, "postgres://ROLE@HOST/DATABASE")]
fn bad_urls_name_cause_and_cure(#[case] url: &str, #[case] kind: ErrorKind, #[case] cure: &str) {
    let error = refused(url, &[]);
    assert_eq!(
        (error.kind(), error.phase()),
        (kind, Phase::Configuration),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains(cure) && !text.contains("hunter2"), "{text}");
}

/// Windows names its devices otherwise, and opens none by chance.
#[cfg(unix)]
#[test]
fn root_certificates_are_not_read_from_a_device() {
    let error = refused("postgres://u@h.example/db?sslrootcert=/dev/null", &[]);
    assert_eq!(error.kind(), ErrorKind::RootCertificates, "{error}");
    assert_eq!(error.phase(), Phase::Configuration, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("cannot read /dev/null: it is a device, not a file"),
        "{text}"
    );
}

#[rstest]
#[case::keyword("host=h.example password=hunter2", ErrorKind::PasswordInUrl)]
#[case::any_case("postgres://h.example/d?Password=hunter2", ErrorKind::PasswordInUrl)]
#[case::slash("postgres://u:12/hunter2@h.example/d", ErrorKind::PasswordInUrl)]
#[case::question_mark("postgres://u:12?hunter2@h.example/d", ErrorKind::InvalidTarget)]
#[case::question_mark_and_sign("postgres://u:12?hunter2=x@h.example/d", ErrorKind::InvalidTarget)]
#[case::slash_and_letters("postgres://u:a/hunter2@h.example/d", ErrorKind::InvalidTarget)]
#[case::bare("hunter2", ErrorKind::InvalidTarget)]
#[case::quote("\"postgres://u:hunter2@h.example/d", ErrorKind::InvalidTarget)]
#[case::line_break("postgres://u:hun\nter2@h.example/d", ErrorKind::InvalidTarget)]
fn no_part_of_a_password_is_printed(#[case] text: &str, #[case] kind: ErrorKind) {
    let error = refused(text, &[]);
    assert_eq!(error.kind(), kind, "{error}");
    let printed = error.to_string();
    assert!(
        !printed.contains("hun") && !printed.contains("ter2"),
        "{error}"
    );
}

#[test]
fn the_keyword_form_is_the_same_target() {
    let url =
        "postgres://a%20b@h.example:6432/o?options=-c%20a%3D1&connect_timeout=3&sslmode=require";
    let words = "host=h.example port=6432 user='a b' dbname = o options='-c a=1' connect_timeout=3 sslmode=require";
    let [url, words] = [url, words].map(|text| format!("{:?}", with(text, &[]).expect("valid")));
    assert_eq!(url, words);
}

#[test]
fn a_variable_from_a_secret_mount_may_end_in_a_line_break() {
    let variables = [("PGHOST", "h.example\n"), ("PGUSER", "app\r\n")];
    let target = with("postgres://", &variables).expect("valid");
    assert_eq!(
        (target.hosts()[0].name(), target.user()),
        ("h.example", Some("app"))
    );
}

#[rstest]
#[case("PGSSLMODE", "prefer", ErrorKind::InsecureTls)]
#[case("PGSSLMODE", "disable", ErrorKind::InsecureTls)]
#[case("PGSSLROOTCERT", "/nonexistent", ErrorKind::RootCertificates)]
#[case("PGHOSTADDR", "10.0.0.1", ErrorKind::InvalidTarget)]
#[case("PGPORT", "none", ErrorKind::InvalidTarget)]
#[case("PGSSLNEGOTIATION", "requiredirect", ErrorKind::InvalidTarget)]
#[case("PGOPTIONS", "nonsense", ErrorKind::InvalidTarget)]
#[case("PGAPPNAME", "web\0options\0-c a=1", ErrorKind::InvalidTarget)]
fn bad_variables_are_refused_like_parameters(
    #[case] name: &str,
    #[case] value: &str,
    #[case] kind: ErrorKind,
) {
    assert_eq!(
        refused("postgres://u@h.example/db", &[(name, value)]).kind(),
        kind
    );
}

#[rstest]
#[case("", false)]
#[case("?sslnegotiation=postgres", false)]
#[case("?sslnegotiation=direct", true)]
fn tls_begins_as_the_url_says(#[case] parameters: &str, #[case] direct: bool) {
    let url = format!("postgres://u@localhost/db{parameters}");
    let target = with(&url, &[]).expect("valid");
    assert_eq!(target.uses_direct_tls(), direct);
    let plain = target.dangerously_without_tls().expect("loopback");
    assert!(!plain.uses_direct_tls());
    let variable = [("PGSSLNEGOTIATION", "direct")];
    assert_eq!(
        with(&url, &variable).expect("valid").uses_direct_tls(),
        direct || parameters.is_empty()
    );
}

#[rstest]
#[case("require")]
#[case("verify-ca")]
#[case("verify-full")]
fn weaker_verification_is_raised(#[case] mode: &str) {
    let url = format!("postgres://u@h.example/db?sslmode={mode}&sslrootcert=system");
    assert!(with(&url, &[]).expect("accepted").uses_tls());
}

#[rstest]
#[case("localhost", true)]
#[case("127.0.0.1", true)]
#[case("h.example", false)]
fn tls_is_given_up_on_loopback_only(#[case] host: &str, #[case] allowed: bool) {
    let target = with(&format!("postgres://u@{host}/db"), &[]).expect("a valid URL");
    assert_eq!(target.dangerously_without_tls().is_ok(), allowed);
}

use proptest::prelude::*;

use super::*;

fn startup(pairs: &[(&str, &str)]) -> Startup {
    Startup {
        version: 3 << 16,
        parameters: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

#[test]
fn set_replaces_a_value_and_set_default_does_not() {
    let mut given = startup(&[("user", "a"), ("database", "d"), ("user", "b")]);
    given.set("user", "app");
    given.set_default("database", Some("other"));
    given.set_default("application_name", Some("web"));
    given.set_default("options", None);
    assert_eq!(
        given,
        startup(&[
            ("database", "d"),
            ("user", "app"),
            ("application_name", "web")
        ])
    );
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed(
        minor in 0_u8..4,
        parameters in prop::collection::vec(("[^\0]{1,8}", "[^\0]{0,8}"), 0..8),
    ) {
        let version = 3 << 16 | u32::from(minor);
        let startup = Startup { version, parameters };
        let packet = startup.encode().expect("no zeros");
        prop_assert_eq!(Startup::parse(version, &packet[8..]), Ok(startup));
    }
}

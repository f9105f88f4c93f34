//! The settings that can change while the emulator runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, to_value};

use crate::Fault;

/// How the token endpoints and logins behave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(with = "human")]
    pub(crate) token_lifetime: Duration,
    #[serde(with = "human")]
    pub(crate) latency: Duration,
    #[serde(with = "named")]
    pub(crate) fault: Option<Fault>,
    pub(crate) clock_skew: i64,
    pub(crate) repeat_tokens: bool,
    #[serde(with = "human")]
    pub(crate) login_latency: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_secs(3600),
            latency: Duration::ZERO,
            fault: None,
            clock_skew: 0,
            repeat_tokens: false,
            login_latency: Duration::ZERO,
        }
    }
}

impl Settings {
    /// Replaces what the JSON names; what is absent stays as it is.
    pub(crate) fn with(&self, change: Map<String, Value>) -> serde_json::Result<Self> {
        let mut all = to_value(self)?;
        if let Value::Object(all) = &mut all {
            all.extend(change);
        }
        serde_json::from_value(all)
    }
}

/// Durations such as `5s` or `1m 30s`.
mod human {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    }
}

/// A fault by its name; `null` for none.
mod named {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Fault;

    #[expect(clippy::ref_option, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(
        fault: &Option<Fault>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        fault.map(|fault| fault.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Fault>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let fault = name.map(|name| name.parse()).transpose();
        fault.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(json: &str) -> Result<Settings, String> {
        let settings = Settings {
            fault: Some(Fault::Hang),
            ..Settings::default()
        };
        let change = serde_json::from_str(json).expect("an object");
        settings.with(change).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_named_changes() {
        let before = Settings {
            fault: Some(Fault::Hang),
            ..Settings::default()
        };
        assert_eq!(changed("{}").unwrap(), before);
        assert_eq!(changed(r#"{"fault":null}"#).unwrap(), Settings::default());
        assert_eq!(
            changed(r#"{"fault":"html"}"#).unwrap().fault,
            Some(Fault::Html)
        );
        assert_eq!(
            changed(r#"{"token_lifetime":"5s"}"#)
                .unwrap()
                .token_lifetime,
            Duration::from_secs(5)
        );
        assert_eq!(changed(r#"{"clock_skew":-30}"#).unwrap().clock_skew, -30);
        assert_eq!(
            changed(r#"{"login_latency":"2s"}"#).unwrap().login_latency,
            Duration::from_secs(2)
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            changed(r#"{"fault":"nap"}"#)
                .unwrap_err()
                .contains("unknown fault `nap`")
        );
        assert!(
            changed(r#"{"latency":"soon"}"#)
                .unwrap_err()
                .contains("`soon`")
        );
        assert!(
            changed(r#"{"lifetime":"5s"}"#)
                .unwrap_err()
                .contains("lifetime")
        );
    }
}

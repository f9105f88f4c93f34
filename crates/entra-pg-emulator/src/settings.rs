//! The knobs that can be turned while the emulator runs.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Fault;

/// How the token endpoints behave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Settings {
    #[serde(serialize_with = "write_duration")]
    pub(crate) token_lifetime: Duration,
    #[serde(serialize_with = "write_duration")]
    pub(crate) latency: Duration,
    pub(crate) fault: Option<Fault>,
    pub(crate) clock_skew: i64,
    pub(crate) repeat_tokens: bool,
    #[serde(serialize_with = "write_duration")]
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

/// Absence is no change; `null` ends an outage.
#[derive(Debug, Default)]
enum FaultChange {
    #[default]
    None,
    To(Option<Fault>),
}

/// A change of some settings, as the control API receives it. What is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Change {
    #[serde(deserialize_with = "read_duration")]
    token_lifetime: Option<Duration>,
    #[serde(deserialize_with = "read_duration")]
    latency: Option<Duration>,
    #[serde(deserialize_with = "read_fault")]
    fault: FaultChange,
    clock_skew: Option<i64>,
    repeat_tokens: Option<bool>,
    #[serde(deserialize_with = "read_duration")]
    login_latency: Option<Duration>,
}

impl Change {
    pub(crate) fn apply(self, settings: &mut Settings) {
        settings.token_lifetime = self.token_lifetime.unwrap_or(settings.token_lifetime);
        settings.latency = self.latency.unwrap_or(settings.latency);
        if let FaultChange::To(fault) = self.fault {
            settings.fault = fault;
        }
        settings.clock_skew = self.clock_skew.unwrap_or(settings.clock_skew);
        settings.repeat_tokens = self.repeat_tokens.unwrap_or(settings.repeat_tokens);
        settings.login_latency = self.login_latency.unwrap_or(settings.login_latency);
    }
}

fn write_duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

fn read_fault<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultChange, D::Error> {
    Option::deserialize(deserializer).map(FaultChange::To)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(json: &str) -> Result<Settings, String> {
        let mut settings = Settings {
            fault: Some(Fault::Hang),
            ..Settings::default()
        };
        serde_json::from_str::<Change>(json)
            .map_err(|error| error.to_string())?
            .apply(&mut settings);
        Ok(settings)
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

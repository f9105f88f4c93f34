//! The variables of a credential: all of them, or an error that names those that are missing.

use crate::{Error, ErrorKind, environment::Environment};

/// A half-configured credential is an error, not a reason to try the next: it would log in as someone else.
pub(super) fn require<const N: usize>(
    environment: &Environment,
    credential: &str,
    names: [&str; N],
) -> Result<[String; N], Error> {
    let mut missing = Vec::new();
    let values = names.map(|name| {
        let value = environment.get(name);
        if value.is_none() {
            missing.push(name);
        }
        value.unwrap_or_default().to_owned()
    });
    if missing.is_empty() {
        return Ok(values);
    }
    Err(Error::new(
        ErrorKind::NoCredential,
        format!(
            "{credential} needs {}, which is not set",
            missing.join(" and ")
        ),
    )
    .with_hint(format!("set {}", names.join(", "))))
}

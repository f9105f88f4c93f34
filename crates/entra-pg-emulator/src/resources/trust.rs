//! The roots that clients of the emulator trust: its CA beside the machine's own.
//!
//! `SSL_CERT_FILE` and its like replace a program's roots. With our CA alone, a program in the
//! emulator's environment could reach nothing else, a package registry for example.

use std::fs;

/// Where distributions keep the roots they trust, for programs that accept a single file only.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The emulator's CA, and the roots this machine trusts.
pub(crate) fn trust_bundle(ca_pem: &str) -> String {
    let inherited = std::env::var("SSL_CERT_FILE").ok();
    let mut places = inherited.as_deref().into_iter().chain(SYSTEM_ROOTS);
    let system = places
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    format!("{ca_pem}{system}")
}

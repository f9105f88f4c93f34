#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod signing;

use std::sync::Arc;

pub use rustls;
use rustls::{
    ClientConfig, Error, NamedGroup, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::CertificateDer,
};

pub use self::signing::{RsaSigningKey, sha256};

/// Makes a configuration that trusts these root certificates, and checks the server's name.
///
/// As rustls does for a platform's store, it leaves out what cannot be a root; [`check_root`] finds that out.
///
/// ```
/// # fn certificates() -> Vec<Vec<u8>> { Vec::new() }
/// let config = entra_pg_rustls::client_config(certificates());
/// let shared = std::sync::Arc::clone(&config);
/// ```
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the provider is fixed; a test makes a configuration"
)]
pub fn client_config(roots: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(
        roots
            .into_iter()
            .map(|der| CertificateDer::from(der.as_ref().to_vec())),
    );
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has cipher suites for TLS 1.2 and 1.3");
    Arc::new(builder.with_root_certificates(store).with_no_client_auth())
}

/// The protocol's name in a handshake without a request for TLS before it (`sslnegotiation=direct`).
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
pub const ALPN: &[u8] = b"postgresql";

/// Returns the configuration for handshakes that name PostgreSQL's protocol ([`ALPN`]).
///
/// ```
/// # fn certificates() -> Vec<Vec<u8>> { Vec::new() }
/// let config = entra_pg_rustls::with_alpn(&entra_pg_rustls::client_config(certificates()));
/// assert_eq!(config.alpn_protocols, [entra_pg_rustls::ALPN]);
/// ```
pub fn with_alpn(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

/// Checks that a certificate can be a root.
///
/// ```
/// assert!(entra_pg_rustls::check_root(b"no certificate").is_err());
/// ```
///
/// # Errors
/// What rustls finds wrong with it.
pub fn check_root(der: &[u8]) -> Result<(), Error> {
    RootCertStore::empty().add(CertificateDer::from(der))
}

/// A client sends its half of the key exchange for the first group of its list. PostgreSQL up to 17 has only P-256 by default, and
/// asks for it, which costs one more round trip; 18 has it, too.
/// <https://www.postgresql.org/docs/17/runtime-config-connection.html#GUC-SSL-ECDH-CURVE>
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    let groups = &mut provider.kx_groups;
    groups.sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        certificate.der().to_vec()
    }

    #[test]
    fn the_process_needs_no_default_provider() {
        let config = client_config([root()]);
        assert!(CryptoProvider::get_default().is_none());
        assert!(!config.crypto_provider().cipher_suites.is_empty());
    }

    #[test]
    fn the_group_of_older_servers_comes_first_and_no_other_is_lost() {
        let provider = provider();
        let names = provider.kx_groups.iter().map(|group| group.name());
        let expected = [
            NamedGroup::secp256r1,
            NamedGroup::X25519,
            NamedGroup::secp384r1,
        ];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_damaged_root_neither_passes_nor_hides_the_others() {
        assert!(check_root(&root()).is_ok());
        assert!(check_root(b"\x30\x00").is_err());
        client_config([b"\x30\x00".to_vec(), root()]);
    }
}

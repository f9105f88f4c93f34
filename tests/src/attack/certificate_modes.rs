//! The table of certificates.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    certificates::{Authority, Pretender, Shown, authority, authority_params, leaf, shown, signed},
    mode::Mode,
};

/// Made once with OpenSSL, since nothing here signs with them; see the file.
const WEAK: &str = include_str!("weak.pem");

/// What makes a certificate, by an authority that is trusted.
pub(super) type Make = fn(&Authority) -> Shown;

const NAME: &[&str] = &["localhost"];

#[rustfmt::skip]
pub fn certificate_modes() -> Vec<Mode> {
    let mode = Mode::certificate;
    vec![
        mode("the right certificate", |ca| signed(&leaf(NAME), ca)).is(&["rejected"], &["nothing is wrong with the certificate"]).short(),
        mode("another host", |ca| signed(&leaf(&["other.example"]), ca)).says(&["is for other.example, not for localhost"]).short(),
        mode("expired", |ca| signed(&valid(2020, 2021), ca)).says(&["expired on 2021-01-01"]).short(),
        mode("not yet valid", |ca| signed(&valid(2100, 2101), ca)).says(&["is not valid before 2100-01-01"]),
        mode("self-signed", |_| self_signed(&leaf(NAME))).says(&["issued by an authority that is not trusted"]).short(),
        mode("self-signed, and says that it is an authority", |_| self_signed(&but(leaf(NAME), |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)))).says(&["is an authority's own, as a self-signed one mostly is"]),
        mode("an unknown authority", |_| signed(&leaf(NAME), &authority("nobody"))).says(&["issued by an authority that is not trusted"]).short(),
        mode("an authority of the same name", |_| signed(&leaf(NAME), &authority(super::rig::AUTHORITY))).says(&["a signature that does not verify"]),
        mode("only a common name", |ca| signed(&common_name(&[]), ca)).says(&["holds no name of a host (a common name does not count"]).short(),
        mode("an empty name", |ca| signed(&but(leaf(&[]), |it| it.distinguished_name = DistinguishedName::new()), ca)).says(&["holds no name of a host"]),
        mode("only an address", |ca| signed(&leaf(&["127.0.0.1"]), ca)).says(&["is only for 127.0.0.1, not for localhost"]),
        mode("only a mail address", |ca| signed(&but(leaf(&[]), |it| it.subject_alt_names = vec![SanType::Rfc822Name("root@localhost".try_into().expect("ASCII"))]), ca)).says(&["holds no name of a host"]),
        mode("a wildcard for all", |ca| signed(&leaf(&["*"]), ca)).says(&["is for *, not for localhost"]),
        mode("a wildcard within the name", |ca| signed(&leaf(&["local*"]), ca)).says(&["is for local*, not for localhost"]),
        mode("a wildcard of another level", |ca| signed(&leaf(&["*.localhost"]), ca)).says(&["is for *.localhost, not for localhost"]),
        mode("the name with something behind it", |ca| signed(&leaf(&["localhost.example"]), ca)).says(&["is for localhost.example, not for localhost"]),
        mode("for clients only", |ca| signed(&but(leaf(NAME), |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]), ca)).says(&["is not for servers, but for clients"]),
        mode("the authority itself", |ca| Shown { chain: vec![ca.der().clone()], ..signed(&leaf(NAME), ca) }).says(&["is an authority's own"]),
        mode("an authority as the server", |ca| signed(&but(leaf(NAME), |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), ca)).says(&["is an authority's own"]),
        mode("an intermediate is missing", |ca| by_intermediate(ca, authority_params("between")).0).says(&["issued by an authority that is not trusted"]),
        mode("a server that signs another", by_leaf).says(&["issued by a certificate that is no authority's"]),
        mode("an intermediate may not sign for this name", |ca| whole(ca, constrained())).says(&["issued by an authority that may not issue it"]),
        mode("an intermediate may not sign that", |ca| whole(ca, but(authority_params("between"), |it| it.key_usages = vec![KeyUsagePurpose::DigitalSignature]))).says(&["its certificate"]),
        mode("an intermediate has expired", |ca| whole(ca, but(authority_params("between"), |it| it.not_after = date_time_ymd(2021, 1, 1)))).says(&["expired on 2021-01-01"]),
        mode("another one's key", |ca| Shown { key: signed(&leaf(NAME), ca).key, ..signed(&leaf(NAME), ca) }).says(&["a signature that does not verify"]),
        mode("signed with SHA-1", |_| weak(0)).says(&["signed with SHA-1"]).short(),
        mode("an authority of 1024 bits", |_| weak(1)).says(&["a signature that does not verify"]),
        mode("a key of 1024 bits", |_| weak(2)).says(&["a signature that does not verify"]),
        mode("a chain of 100", |ca| (0..100).fold(signed(&leaf(NAME), &authority("nobody")), |chain, _| chain.with(ca.der()))).says(&["issued by an authority that is not trusted"]),
        mode("1,000 other names", |ca| signed(&many_names(), ca)).says(&["is for server-0.example, server-1.example"]),
        mode("control characters in its name", |_| signed(&common_name(&[]), &authority("\u{1b}[31mred\r\nline\u{202e}"))).says(&["issued by an authority that is not trusted"]),
        mode("no certificate at all", |ca| Shown { chain: Vec::new(), ..signed(&leaf(NAME), ca) }).says(&["presented no certificate"]),
        mode("garbage for a certificate", |ca| Shown { chain: vec![CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 1])], ..signed(&leaf(NAME), ca) }).says(&["is damaged"]),
    ]
}

fn but(
    mut params: CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    change(&mut params);
    params
}

fn valid(from: i32, to: i32) -> CertificateParams {
    but(leaf(NAME), |it| {
        it.not_before = date_time_ymd(from, 1, 1);
        it.not_after = date_time_ymd(to, 1, 1);
    })
}

fn common_name(names: &[&str]) -> CertificateParams {
    let mut params = leaf(names);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params
}

fn many_names() -> CertificateParams {
    let names: Vec<_> = (0..1_000)
        .map(|number| format!("server-{number}.example"))
        .collect();
    leaf(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn self_signed(params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    shown(vec![certificate.der().clone()], &key)
}

/// A server's certificate by such an intermediate, and that.
fn by_intermediate(ca: &Authority, params: CertificateParams) -> (Shown, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let between = Authority::signed_by(params, key, ca).expect("a certificate");
    (signed(&leaf(NAME), &between), between.der().clone())
}

fn whole(ca: &Authority, params: CertificateParams) -> Shown {
    let (shown, between) = by_intermediate(ca, params);
    shown.with(&between)
}

fn by_leaf(ca: &Authority) -> Shown {
    whole(ca, leaf(&["someone.example"]))
}

fn constrained() -> CertificateParams {
    let permitted = vec![GeneralSubtree::DnsName("example".into())];
    let mut params = authority_params("between");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: Vec::new(),
    });
    params
}

/// The certificate number so many of the file. Nothing here signs with its key; what is wrong with it is seen first.
fn weak(number: usize) -> Shown {
    let certificates = CertificateDer::pem_slice_iter(WEAK.as_bytes());
    let chain = certificates
        .skip(number)
        .take(1)
        .map(|one| one.expect("PEM"));
    Shown {
        chain: chain.collect(),
        key: Arc::new(Pretender),
    }
}

/// Their authorities, which are trusted.
pub(super) fn weak_roots() -> &'static str {
    WEAK.split_once("Their authorities:\n")
        .expect("a heading")
        .1
}

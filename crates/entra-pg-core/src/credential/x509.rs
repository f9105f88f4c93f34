//! The two parts of a certificate that decide whether it can be used: how long it is valid, and whose key it holds.

use azure_core::time::{OffsetDateTime, parse_rfc3339};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    /// The `SubjectPublicKeyInfo`, as it stands there.
    pub(super) public_key: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Of the version, which certificates of version 1 leave out.
const EXPLICIT_0: u8 = 0xa0;

impl<'a> Certificate<'a> {
    /// RFC 5280, section 4.1. `None` if it is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let certificate = Element::first(der)?.of(SEQUENCE)?;
        let mut fields = Element::first(certificate.content)?.of(SEQUENCE)?.content;
        if Element::first(fields)?.tag == EXPLICIT_0 {
            next(&mut fields)?;
        }
        let [_serial, _signature, _issuer] =
            [next(&mut fields)?, next(&mut fields)?, next(&mut fields)?];
        let mut validity = next(&mut fields)?.of(SEQUENCE)?.content;
        let [not_before, not_after] = [next(&mut validity)?, next(&mut validity)?];
        let _subject = next(&mut fields)?;
        Some(Self {
            not_before: time(&not_before)?,
            not_after: time(&not_after)?,
            public_key: next(&mut fields)?.of(SEQUENCE)?.whole,
        })
    }
}

/// Whether this begins as PKCS #12 does (RFC 7292): a sequence whose first element is the number 3.
pub(super) fn is_pfx(bytes: &[u8]) -> bool {
    let version = || {
        let outer = Element::first(bytes)?.of(SEQUENCE)?;
        Element::first(outer.content)?.of(INTEGER)
    };
    version().is_some_and(|version| version.content == [3])
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    fn first(input: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = input.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().try_fold(0_usize, |length, byte| {
                    length.checked_mul(256)?.checked_add(usize::from(*byte))
                })?;
                (length, rest)
            }
            _ => return None,
        };
        let content = rest.get(..length)?;
        let whole = input.get(..input.len() - rest.len() + length)?;
        Some(Self {
            tag,
            content,
            whole,
        })
    }

    fn of(self, tag: u8) -> Option<Self> {
        (self.tag == tag).then_some(self)
    }
}

fn next<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let element = Element::first(input)?;
    *input = input.get(element.whole.len()..)?;
    Some(element)
}

/// `YYMMDDhhmmssZ` up to 2049, `YYYYMMDDhhmmssZ` after.
fn time(element: &Element<'_>) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(element.content).ok()?;
    let (century, rest) = match element.tag {
        UTC_TIME if text.get(..2)? < "50" => ("20", text),
        UTC_TIME => ("19", text),
        GENERALIZED_TIME => (text.get(..2)?, text.get(2..)?),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let (year, month, day) = (part(0)?, part(2)?, part(4)?);
    let (hour, minute, second) = (part(6)?, part(8)?, part(10)?);
    parse_rfc3339(&format!(
        "{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        [&[tag, length], content].concat()
    }

    fn certificate(version: &[u8], from: (u8, &str), until: (u8, &str)) -> Vec<u8> {
        let validity = [
            element(from.0, from.1.as_bytes()),
            element(until.0, until.1.as_bytes()),
        ];
        let fields = [
            version.to_vec(),
            element(INTEGER, &[1]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &validity.concat()),
            element(SEQUENCE, &[]),
            element(SEQUENCE, b"key"),
        ];
        element(SEQUENCE, &element(SEQUENCE, &fields.concat()))
    }

    #[rstest]
    #[case::version_3(&[0xa0, 3, 2, 1, 2])]
    #[case::version_1(&[])]
    fn validity_and_key_are_found_in_a_certificate_of_any_version(#[case] version: &[u8]) {
        let der = certificate(
            version,
            (UTC_TIME, "991231235959Z"),
            (GENERALIZED_TIME, "20500102030405Z"),
        );
        let found = Certificate::read(&der).expect("a certificate");
        let date = |text| parse_rfc3339(text).expect("a date");
        assert_eq!(found.not_before, date("1999-12-31T23:59:59Z"));
        assert_eq!(found.not_after, date("2050-01-02T03:04:05Z"));
        assert_eq!(found.public_key, element(SEQUENCE, b"key"));
    }

    #[test]
    fn what_is_no_certificate_is_no_reason_to_panic() {
        let whole = certificate(
            &[],
            (UTC_TIME, "260101000000Z"),
            (UTC_TIME, "270101000000Z"),
        );
        for length in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..length]), None);
        }
        let bad_date = certificate(&[], (UTC_TIME, "269901000000Z"), (UTC_TIME, "x"));
        assert_eq!(Certificate::read(&bad_date), None);
        assert_eq!(
            Certificate::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
            None
        );
    }

    #[test]
    fn a_pfx_is_told_from_a_certificate_and_from_a_key() {
        assert!(is_pfx(&element(SEQUENCE, &element(INTEGER, &[3]))));
        assert!(!is_pfx(&element(SEQUENCE, &element(INTEGER, &[0]))));
        assert!(!is_pfx(&element(SEQUENCE, &element(SEQUENCE, &[]))));
        assert!(!is_pfx(b"-----BEGIN"));
    }
}

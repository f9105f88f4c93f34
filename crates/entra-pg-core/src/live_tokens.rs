//! Which tokens this process holds, or held a moment ago, so that [`redact`](crate::connect::redact) finds them in any text.
//!
//! No token is kept here, only keyed digests of its pieces. Letters and digits count, and nothing between them, so that a token
//! is found in lines, with blanks, percent-encoded, and in either alphabet of base64. Written when a token is published, read when
//! something has failed.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The length of a piece, in letters and digits.
const PIECE: usize = 12;
/// Pieces begin at multiples of this, so that each 16 letters and digits hold one.
const STRIDE: usize = 5;
/// Tokens that nobody holds any more are remembered for this long after their expiry,
const REMEMBERED: Duration = Duration::from_secs(600);
/// and so many of them at most.
const MOST_REMEMBERED: usize = 16;
/// A piece in base64.
const SHORTEST_ENCODED: usize = PIECE * 4 / 3;

static LIVE_TOKENS: LazyLock<Mutex<LiveTokens>> = LazyLock::new(Mutex::default);
static BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Default)]
struct LiveTokens {
    tokens: Vec<Known>,
    digests: Digests,
}

/// The digests of all tokens, in order, and their key.
#[derive(Clone, Default)]
struct Digests {
    key: RandomState,
    sorted: Arc<[u64]>,
}

struct Known {
    holder: Weak<dyn Send + Sync>,
    expires_on: SystemTime,
    digests: Vec<u64>,
}

/// Notes a token that lives as long as `holder`. One with fewer than 12 letters and digits is too short to be told from words.
pub(crate) fn note<T: Send + Sync + 'static>(
    secret: &str,
    holder: &Arc<T>,
    expires_on: SystemTime,
) {
    let holder: Arc<dyn Send + Sync> = Arc::clone(holder) as _;
    lock().add(secret, Arc::downgrade(&holder), expires_on);
}

/// Where in a text such tokens stand, or pieces of 16 letters and digits of one: also in base64 and hexadecimal.
pub(crate) fn find(text: &[u8]) -> Vec<Range<usize>> {
    // A search takes its time, and publishing a token takes the lock.
    let live = lock().digests.clone();
    if live.sorted.is_empty() {
        return Vec::new();
    }
    let mut found = live.find(text);
    let encoded = runs(text).filter(|run| {
        let decoded = decodings(&text[run.clone()]);
        decoded.iter().any(|text| !live.find(text).is_empty())
    });
    found.extend(encoded);
    found
}

fn lock() -> MutexGuard<'static, LiveTokens> {
    LIVE_TOKENS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveTokens {
    fn add(&mut self, secret: &str, holder: Weak<dyn Send + Sync>, expires_on: SystemTime) {
        let (letters, _) = letters(secret.as_bytes());
        let last = letters.len().checked_sub(PIECE);
        let starts = last
            .into_iter()
            .flat_map(|last| (0..last).step_by(STRIDE).chain([last]));
        let digests = starts
            .map(|start| self.digests.key.hash_one(&letters[start..start + PIECE]))
            .collect();
        self.forget();
        self.tokens.push(Known {
            holder,
            expires_on,
            digests,
        });
        let all = self.tokens.iter().flat_map(|known| &known.digests);
        let mut all: Vec<_> = all.copied().collect();
        all.sort_unstable();
        all.dedup();
        self.digests.sorted = all.into();
    }

    /// Drops what is held no more: the oldest, and the expired.
    fn forget(&mut self) {
        let now = SystemTime::now();
        let is_held = |known: &Known| known.holder.strong_count() > 0;
        let gone = self.tokens.iter().filter(|known| !is_held(known)).count();
        let mut too_many = gone.saturating_sub(MOST_REMEMBERED);
        self.tokens.retain(|known| {
            let age = now.duration_since(known.expires_on).unwrap_or_default();
            let is_kept = is_held(known) || too_many == 0 && age < REMEMBERED;
            too_many = too_many.saturating_sub(usize::from(!is_kept));
            is_kept
        });
    }
}

impl Digests {
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let (letters, places) = letters(text);
        let pieces = letters.windows(PIECE).zip(places.windows(PIECE));
        pieces
            .filter(|(piece, _)| {
                let digest = self.key.hash_one(piece);
                self.sorted.binary_search(&digest).is_ok()
            })
            .map(|(_, places)| places[0]..places[PIECE - 1] + 1)
            .collect()
    }
}

/// Letters and digits, and where they stand. Those of a percent encoding are not themselves.
fn letters(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut letters, mut places) = (Vec::new(), Vec::new());
    let mut place = 0;
    while let Some(rest @ [first, ..]) = text.get(place..) {
        let encoded = match rest {
            [b'%', digits @ ..] => digits.first_chunk().copied().and_then(byte),
            _ => None,
        };
        let letter = encoded.unwrap_or(*first);
        if letter.is_ascii_alphanumeric() {
            letters.push(letter);
            places.push(place);
        }
        place += if encoded.is_some() { 3 } else { 1 };
    }
    (letters, places)
}

/// What may be base64, in whole.
fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_base64 =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut at = 0;
    let parts = text.split(move |byte| !is_base64(byte)).map(move |part| {
        let run = at..at + part.len();
        at = run.end + 1;
        run
    });
    parts.filter(|run| run.len() >= SHORTEST_ENCODED)
}

/// From each place where a group of characters can begin.
fn decodings(run: &[u8]) -> Vec<Vec<u8>> {
    let safe: Vec<u8> = run
        .iter()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    let base64 = (0..4).filter_map(|start| {
        let groups = safe.get(start..)?;
        BASE64.decode(&groups[..groups.len() / 4 * 4]).ok()
    });
    let hexadecimal = (0..2).filter_map(|start| hexadecimal(run.get(start..)?));
    base64.chain(hexadecimal).collect()
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, _) = digits.as_chunks();
    pairs.iter().copied().map(byte).collect()
}

/// A byte in hexadecimal.
fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
#[expect(clippy::format_collect, reason = "a few bytes, in a test")]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    /// With every character that a token may have, and no word in it.
    fn secret(seed: u64) -> String {
        let mut random = fastrand::Rng::with_seed(seed);
        let alphabet =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/".as_bytes();
        (0..200)
            .map(|_| char::from(alphabet[random.usize(..alphabet.len())]))
            .collect()
    }

    fn noted(seed: u64) -> (String, Arc<()>) {
        let (secret, holder) = (secret(seed), Arc::new(()));
        note(&secret, &holder, SystemTime::now());
        (secret, holder)
    }

    fn is_found(text: &str) -> bool {
        !find(text.as_bytes()).is_empty()
    }

    #[test]
    fn a_token_is_found_in_every_form_and_in_pieces() {
        let (secret, _holder) = noted(1);
        let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            format!("before {secret} after"),
            utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string(),
            BASE64_STANDARD.encode(&secret),
            BASE64_STANDARD.encode(format!("u:{secret}:x")),
            BASE64_URL_SAFE_NO_PAD.encode(format!("us:{secret}")),
            hexadecimal.to_uppercase(),
            format!("1{hexadecimal}"),
            secret.chars().map(|c| format!("{c} ")).collect(),
            secret
                .as_bytes()
                .chunks(9)
                .map(|line| format!("{}\r\n", String::from_utf8_lossy(line)))
                .collect(),
            secret.replace('+', "-").replace('/', "_"),
        ] {
            assert!(is_found(&text), "{text}");
        }
        let (letters, _) = letters(secret.as_bytes());
        for piece in letters.windows(PIECE + STRIDE - 1) {
            let piece = String::from_utf8_lossy(piece);
            assert!(is_found(&piece), "{piece}");
        }
        assert!(!is_found(
            "nothing of that kind: aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91"
        ));
    }

    #[test]
    fn the_whole_of_it_is_found_not_only_its_pieces() {
        let (secret, _holder) = noted(2);
        let found = find(secret.as_bytes());
        let start = found.iter().map(|range| range.start).min();
        let end = found.iter().map(|range| range.end).max();
        let (_, places) = letters(secret.as_bytes());
        assert_eq!(start, places.first().copied());
        assert_eq!(end, places.last().map(|last| last + 1));
    }

    #[test]
    fn a_token_is_remembered_for_a_while_after_its_holder_has_gone_and_not_for_good() {
        let mut live = LiveTokens::default();
        let mut add = |seed, age| {
            let holder: Arc<dyn Send + Sync> = Arc::new(());
            let expired = SystemTime::now() - Duration::from_secs(age);
            live.add(&secret(seed), Arc::downgrade(&holder), expired);
            holder
        };
        let held = add(10, 100_000);
        drop(add(11, 100_000));
        for seed in 12..40 {
            drop(add(seed, 0));
        }
        let knows = |seed| !live.digests.find(secret(seed).as_bytes()).is_empty();
        assert!(knows(10), "it is held");
        assert!(!knows(11), "it has expired");
        assert!(!knows(12) && knows(39), "the oldest goes first");
        assert!(live.tokens.len() <= MOST_REMEMBERED + 2);
        drop(held);
    }

    #[test]
    fn what_is_too_short_is_taken_for_a_word() {
        let holder = Arc::new(());
        note("password-12", &holder, SystemTime::now());
        assert!(!is_found("password-12"));
    }
}

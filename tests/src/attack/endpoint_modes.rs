//! The table of hostile token endpoints.

use entra_pg_emulator::CredentialSource::{self, ClientSecret, Imds, ManagedIdentity};

use super::{
    mode::Mode,
    script::Act::{self, Flood, Quote, Request, Reset, Send, Silence, Trickle},
};

/// All the endpoints that are asked over HTTP. Workload identities and the like ask the same one as a client secret.
const SOURCES: [(CredentialSource, &str); 3] = [
    (ManagedIdentity, "endpoint"),
    (Imds, "metadata endpoint"),
    (ClientSecret, "Entra"),
];

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
/// With what a terminal obeys.
const COLOURED: &str = "no\\u001b[31m\\u0007\\r\\nFATAL: a line of its own\\u009b1m\\u202e";
/// No secret, but it looks like one.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJlIG9mIG5vYm9keQ";

/// What it does once the request has come; the codes that are right, and the words.
struct Row(
    &'static str,
    Vec<Act>,
    &'static [&'static str],
    &'static [&'static str],
);

const REQUEST: &[&str] = &["token-request"];
const LATE: &[&str] = &["token-request", "token-timeout"];
/// An object without a token, or with an empty one.
const EMPTY: &[&str] = &["token-request", "unusable-token"];
const UNUSABLE: &[&str] = &["unusable-token"];
const ANY: &[&str] = &[""];

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        // No answer.
        Row("closes", vec![], LATE, ANY),
        Row("resets", vec![Reset], LATE, ANY),
        Row("silence", vec![Silence], LATE, &["within"]),
        Row("a byte now and then", vec![Trickle(JSON.repeat(100).into(), 300)], LATE, &["within"]),
        Row("garbage", vec![raw("\u{1b}[31m\0\r\n\r\n")], LATE, ANY),
        Row("another protocol", vec![raw("SSH-2.0-OpenSSH_9.6\r\n")], LATE, ANY),
        Row("HTTP without headers", vec![raw("HTTP/1.1 200 OK\r\n")], LATE, ANY),
        Row("only preliminary answers", vec![Flood(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())], LATE, ANY),
        // Without an end.
        Row("headers without end", vec![raw(JSON), Flood(b"X-More: and more\r\n".to_vec())], LATE, ANY),
        Row("a header without end", vec![raw(JSON), raw("X-Long: "), Flood(vec![b'x'; 1024])], LATE, ANY),
        Row("a body without end", vec![raw(JSON), raw("\r\n"), Flood(vec![b' '; 1024])], LATE, &["longer than 1048576 bytes"]),
        Row("a fault without end", vec![raw("HTTP/1.1 500 No\r\n\r\n"), Flood(vec![b'x'; 1024])], LATE, &["longer than 1048576 bytes"]),
        Row("chunks without end", vec![raw(JSON), raw("Transfer-Encoding: chunked\r\n\r\n"), Flood(b"1\r\n \r\n".to_vec())], LATE, ANY),
        // The wrong length.
        Row("more than its length", vec![raw(JSON), raw("Content-Length: 2\r\n\r\n{}{}{}{}{}{}")], EMPTY, ANY),
        Row("less than its length", vec![raw(JSON), raw("Content-Length: 1000\r\n\r\n{}")], LATE, ANY),
        Row("less than its length, then silence", vec![raw(JSON), raw("Content-Length: 1000\r\n\r\n{}"), Silence], LATE, &["within"]),
        Row("a length of 10 exabytes", vec![raw(JSON), raw("Content-Length: 9999999999999999999\r\n\r\n{}")], LATE, ANY),
        Row("a negative length", vec![raw(JSON), raw("Content-Length: -1\r\n\r\n{}")], LATE, ANY),
        Row("two lengths", vec![raw(JSON), raw("Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}")], LATE, ANY),
        Row("a chunk of 10 exabytes", vec![raw(JSON), raw("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}")], LATE, ANY),
        Row("a reset within the body", vec![raw(JSON), raw("Content-Length: 1000\r\n\r\n{"), Reset], LATE, ANY),
        // Another status.
        Row("a redirect", vec![status("302 Found", "Location: http://localhost:1/\r\n", "")], REQUEST, &["302"]),
        Row("a redirect to itself", vec![status("307 Temporary Redirect", "Location: /\r\n", "")], REQUEST, &["307"]),
        Row("throttles for an hour", vec![status("429 Slow Down", "Retry-After: 3600\r\n", "")], LATE, &["429"]),
        Row("throttles until 2100", vec![status("429 Slow Down", "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "")], LATE, &["429"]),
        Row("throttles for -1 s", vec![status("429 Slow Down", "Retry-After: -1\r\n", "")], LATE, &["429"]),
        Row("is away for 10^30 s", vec![status("503 Away", "Retry-After: 1000000000000000000000000000000\r\n", "")], LATE, &["503"]),
        Row("a status of 999", vec![status("999 What", "", "")], LATE, &["999"]),
        Row("another protocol from now on", vec![status("101 Switching Protocols", "Upgrade: nonsense\r\nConnection: Upgrade\r\n", "")], LATE, ANY),
        // What it says.
        Row("an error in control characters", vec![status("400 Bad Request", "", &format!("{{\"error\":\"{COLOURED}\",\"error_description\":\"{COLOURED}\",\"message\":\"{COLOURED}\"}}"))], REQUEST, &["400"]),
        Row("an error that quotes the request", vec![Quote(|request| answer("400 Bad Request", "", &serde_json::json!({ "error": request, "error_description": request, "message": request }).to_string()))], REQUEST, &["400"]),
        Row("an error that quotes a token", vec![status("400 Bad Request", "", &format!("{{\"error\":\"x\",\"error_description\":\"no {TOKEN}\",\"message\":\"no {TOKEN}\"}}"))], REQUEST, &["400"]),
        Row("an error of 900 KB", vec![status("400 Bad Request", "", &format!("{{\"error\":\"x\",\"error_description\":\"{0}\"}}", "long ".repeat(180_000)))], REQUEST, &["400"]),
        Row("an error that is not UTF-8", vec![Send([answer("400 Bad Request", "", ""), vec![0xff, 0xfe, 0x1b]].concat())], REQUEST, &["400"]),
        // What is no token.
        Row("nothing", vec![ok("")], REQUEST, ANY),
        Row("a web page", vec![ok("<html><title>\u{1b}[31mSign in</title></html>")], REQUEST, ANY),
        Row("half a JSON object", vec![ok("{\"access_token\": \"ey")], REQUEST, ANY),
        Row("a JSON array", vec![ok("[1, 2]")], REQUEST, ANY),
        Row("JSON of 100,000 levels", vec![ok(&"[".repeat(100_000))], REQUEST, ANY),
        Row("a token that is a number", vec![ok(&fields("7", "3600", "1"))], REQUEST, ANY),
        Row("a token that is an object", vec![ok(&fields("{}", "3600", "1"))], REQUEST, ANY),
        Row("a token that is empty", vec![ok(&lasting("", "3600"))], UNUSABLE, &["empty token"]),
        Row("a token with a NUL", vec![ok(&lasting("a\\u0000b", "3600"))], UNUSABLE, &["holds"]),
        Row("a token with a line break", vec![ok(&lasting("a\\nb", "3600"))], UNUSABLE, &["holds"]),
        Row("a token with a blank", vec![ok(&lasting("a b", "3600"))], UNUSABLE, &["holds"]),
        Row("a token with ESC", vec![ok(&lasting("a\\u001b[31mb", "3600"))], UNUSABLE, &["holds"]),
        Row("a token of 90 KB", vec![ok(&lasting(&"a".repeat(90_000), "3600"))], &["connect", "rejected", "unusable-token", "rejected-format"], ANY),
        // How long it lasts.
        Row("a token for 10^30 s", vec![ok(&lasting(TOKEN, "1000000000000000000000000000000"))], ENDS, ANY),
        Row("a token for -1 s", vec![ok(&lasting(TOKEN, "-1"))], ENDS, ANY),
        Row("a token for 0 s", vec![ok(&lasting(TOKEN, "0"))], ENDS, ANY),
        Row("a token for a word", vec![ok(&lasting(TOKEN, "\"soon\""))], ENDS, ANY),
        Row("a token for nothing", vec![ok(&lasting(TOKEN, "null"))], ENDS, ANY),
        Row("a token until 1e308", vec![ok(&fields(&format!("\"{TOKEN}\""), "null", "1e308"))], ENDS, ANY),
        Row("a token until 1970", vec![ok(&fields(&format!("\"{TOKEN}\""), "null", "0"))], ENDS, ANY),
    ]
}

/// It has no end that can be read, or is expired; or the server refuses it.
const ENDS: &[&str] = &[
    "token-request",
    "unusable-token",
    "rejected",
    "rejected-format",
];

pub fn endpoint_modes() -> Vec<Mode> {
    let of_source = |(source, of): (CredentialSource, &str)| {
        let modes = rows().into_iter().map(|Row(name, acts, codes, words)| {
            let acts = [vec![Request], acts].concat();
            let mode = Mode::endpoint(source, format!("{of}: {name}"), acts).is(codes, words);
            if SHORT.contains(&name) {
                mode.short()
            } else {
                mode
            }
        });
        modes.collect::<Vec<_>>()
    };
    SOURCES.into_iter().flat_map(of_source).collect()
}

/// Each of another kind.
const SHORT: [&str; 6] = [
    "a byte now and then",
    "headers without end",
    "throttles for an hour",
    "an error in control characters",
    "an error that quotes the request",
    "a token with a line break",
];

fn raw(text: &str) -> Act {
    Send(text.into())
}

fn ok(body: &str) -> Act {
    status("200 OK", "Content-Type: application/json\r\n", body)
}

fn status(status: &str, headers: &str, body: &str) -> Act {
    Send(answer(status, headers, body))
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n{body}").into()
}

fn lasting(token: &str, seconds: &str) -> String {
    fields(&format!("\"{token}\""), seconds, "null")
}

fn fields(token: &str, expires_in: &str, expires_on: &str) -> String {
    format!(
        "{{\"token_type\":\"Bearer\",\"access_token\":{token},\"expires_in\":{expires_in},\"expires_on\":{expires_on}}}"
    )
}

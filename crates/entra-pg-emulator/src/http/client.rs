//! As much of an HTTP client as the command needs to reach the control API of a running emulator.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use url::Url;

/// Sends one request and reads the answer: its status and its body. Waits as long as it takes.
pub(crate) fn send(method: &str, url: &Url, body: &str) -> io::Result<(u16, String)> {
    let invalid = |what: &'static str| io::Error::new(io::ErrorKind::InvalidInput, what);
    let host = url
        .host_str()
        .ok_or_else(|| invalid("the address has no host"))?;
    let port = url
        .port_or_known_default()
        .ok_or_else(|| invalid("the address has no port"))?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut stream = TcpStream::connect((host, port))?;
    // HTTP/1.0 answers end with the connection and are never chunked.
    write!(
        stream,
        "{method} {target} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody"),
            Some((200, "body".into()))
        );
        assert_eq!(parse("nonsense"), None);
    }
}

//! An identity endpoint that comes up after the command has started, as beside a container that has just been created.

use std::{net::SocketAddr, time::Duration};

use rstest::rstest;
use tokio::{
    io::copy_bidirectional,
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::fixtures::{command, outcome, shared};

/// A port of this machine that refuses connections at first, and then leads to the emulator's endpoint.
fn late_endpoint(after: Duration) -> String {
    let own = shared().identity_endpoint();
    let (authority, path) = own
        .trim_start_matches("http://")
        .split_once('/')
        .expect("a path");
    let emulator: SocketAddr = authority.parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let here = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        sleep(after).await;
        let listener = socket.listen(16).expect("listens");
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(emulator).await.expect("the emulator");
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    format!("http://{here}/{path}")
}

#[rstest]
#[case::exec(&["exec", "--", "true"])]
#[case::token(&["token"])]
#[case::whoami(&["whoami"])]
#[case::doctor(&["doctor"])]
#[tokio::test]
async fn a_command_waits_for_an_endpoint_that_comes_up_late(#[case] arguments: &[&str]) {
    let mut command = command(shared(), arguments);
    command
        .env("IDENTITY_ENDPOINT", late_endpoint(Duration::from_secs(3)))
        .env("PGCONNECT_TIMEOUT", "60");
    let outcome = outcome(command).await;
    assert_eq!(outcome.status, 0, "{}{}", outcome.stdout, outcome.stderr);
}

//! How the operating system notices that a server is gone. Clients cannot set this on our connection to it.

use std::io;

use entra_pg_core::Target;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

pub(super) fn set_keepalive(tcp: &TcpStream, target: &Target) -> io::Result<()> {
    let socket = SockRef::from(tcp);
    if let Some(keepalive) = target.keepalive() {
        let mut parameters = TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            parameters = parameters.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            parameters = parameters.with_interval(interval);
        }
        if let Some(count) = keepalive.count {
            parameters = parameters.with_retries(count);
        }
        socket.set_tcp_keepalive(&parameters)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(target.tcp_user_timeout())?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;

    async fn socket(parameters: &str) -> io::Result<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let tcp = TcpStream::connect(listener.local_addr()?).await?;
        let url = format!("postgres://app@db.example/orders?{parameters}");
        let target = Target::parse(&url).map_err(io::Error::other)?;
        set_keepalive(&tcp, &target)?;
        Ok(tcp)
    }

    #[rstest]
    #[case("", (60, 10, 3, 90_000))]
    #[case("keepalives_idle=32767&keepalives_interval=32767&keepalives_count=127", (32_767, 32_767, 127, 2_147_483_647))]
    #[case("keepalives_idle=2&keepalives_interval=1&keepalives_count=4&tcp_user_timeout=5", (2, 1, 4, 5))]
    #[tokio::test]
    async fn the_targets_values_reach_the_socket(
        #[case] parameters: &str,
        #[case] expected: (u64, u64, u32, u64),
    ) {
        let tcp = socket(parameters).await.expect("a socket");
        let socket = SockRef::from(&tcp);
        let (idle, interval, count, user_timeout) = expected;
        assert!(socket.keepalive().expect("known"));
        assert_eq!(
            socket.tcp_keepalive_time().expect("known"),
            Duration::from_secs(idle)
        );
        assert_eq!(
            socket.tcp_keepalive_interval().expect("known"),
            Duration::from_secs(interval)
        );
        assert_eq!(socket.tcp_keepalive_retries().expect("known"), count);
        let expected = Duration::from_millis(user_timeout);
        assert_eq!(socket.tcp_user_timeout().expect("known"), Some(expected));
    }

    #[tokio::test]
    async fn the_systems_defaults_are_left_alone() {
        let zero = "keepalives_idle=0&keepalives_interval=0&keepalives_count=0&tcp_user_timeout=0";
        let tcp = socket(zero).await.expect("a socket");
        let off = socket("keepalives=0").await.expect("a socket");
        assert!(!SockRef::from(&off).keepalive().expect("known"));
        let (zero, off) = (SockRef::from(&tcp), SockRef::from(&off));
        assert!(zero.keepalive().expect("known"));
        assert_eq!(
            zero.tcp_keepalive_time().ok(),
            off.tcp_keepalive_time().ok()
        );
        assert_eq!(
            zero.tcp_keepalive_interval().ok(),
            off.tcp_keepalive_interval().ok()
        );
        assert_eq!(
            zero.tcp_keepalive_retries().ok(),
            off.tcp_keepalive_retries().ok()
        );
        for socket in [zero, off] {
            assert_eq!(socket.tcp_user_timeout().expect("known"), None);
        }
    }
}

//! Who may connect through a socket, by the credentials that the kernel reports.

use std::io;

use tokio::net::UnixStream;

use crate::response::Refusal;

/// The process at an end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    user: u32,
    process: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Processes of the user who runs this one.
    SameUser,
    ThisProcess,
}

impl Peer {
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            user: credentials.uid(),
            process: credentials.pid(),
        })
    }

    /// This process, as others see it.
    pub(crate) fn own() -> io::Result<Self> {
        let (here, _there) = UnixStream::pair()?;
        Self::of(&here)
    }

    pub(crate) fn user(self) -> u32 {
        self.user
    }
}

impl Admission {
    pub(crate) fn check(self, own: Peer, peer: Peer) -> Result<(), Refusal> {
        if peer.user != own.user {
            return Err(Refusal::unauthorized(
                "this socket accepts only the user who runs the proxy",
            ));
        }
        // Some kernels do not report the process. Then it is not known to be this one.
        if self == Self::ThisProcess && (peer.process.is_none() || peer.process != own.process) {
            return Err(Refusal::unauthorized(
                "this socket accepts only the process that created it",
            )
            .with_hint("for other programs, start a separate proxy: entra-pg proxy"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const OWN: Peer = Peer {
        user: 1000,
        process: Some(10),
    };

    #[rstest]
    #[case::itself(1000, Some(10), true, true)]
    #[case::a_process_of_the_same_user(1000, Some(11), true, false)]
    #[case::a_process_that_the_kernel_does_not_name(1000, None, true, false)]
    #[case::another_user(1001, Some(11), false, false)]
    #[case::another_user_with_our_number(1001, Some(10), false, false)]
    #[case::root(0, Some(11), false, false)]
    fn other_processes_are_rejected(
        #[case] user: u32,
        #[case] process: Option<i32>,
        #[case] same_user: bool,
        #[case] this_process: bool,
    ) {
        let peer = Peer { user, process };
        let admits = |admission: Admission| admission.check(OWN, peer).is_ok();
        assert_eq!(admits(Admission::SameUser), same_user);
        assert_eq!(admits(Admission::ThisProcess), this_process);
    }

    #[tokio::test]
    async fn the_kernel_names_this_process() {
        let own = Peer::own().expect("credentials");
        assert_eq!(
            own.process.and_then(|id| u32::try_from(id).ok()),
            Some(std::process::id())
        );
    }
}

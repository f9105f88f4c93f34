//! Runs the command-line tools that give tokens, so that none outlives a request that is cancelled.

use std::{
    ffi::OsStr,
    fmt, io,
    process::{Output, Stdio},
};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

use crate::environment::Environment;

/// Runs a tool in an environment of its own.
#[derive(Clone)]
pub(super) struct Subprocess(Environment);

impl Subprocess {
    pub(super) fn in_environment(environment: &Environment) -> Self {
        Self(environment.clone())
    }

    fn command(&self, program: &OsStr, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.0.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

#[async_trait]
impl Executor for Subprocess {
    /// If this is cancelled the tool ends, and on Unix whatever it has started: `az` is a script, run by a shell, that runs
    /// Python. For that it has its own process group, so a Ctrl-C in the terminal does not reach it; a program that is ended
    /// by one without dropping this leaves the tool to end by itself.
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let tool = self.command(program, arguments).spawn()?;
        #[cfg(unix)]
        let mut group = unix::Group::of(&tool);
        let output = tool.wait_with_output().await;
        #[cfg(unix)]
        if output.is_ok() {
            group.release();
        }
        output
    }
}

impl fmt::Debug for Subprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subprocess")
    }
}

#[cfg(unix)]
mod unix {
    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };
    use tokio::process::Child;

    /// The process group that a child leads. Killed when this is dropped, unless it was released.
    pub(super) struct Group(Option<Pid>);

    impl Group {
        pub(super) fn of(leader: &Child) -> Self {
            let id = leader.id().and_then(|id| i32::try_from(id).ok());
            Self(id.map(Pid::from_raw))
        }

        /// Lets go on what the child has left running on purpose.
        pub(super) fn release(&mut self) {
            self.0 = None;
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(group) = self.0 {
                // An error says that it has ended by itself.
                let _ = killpg(group, Signal::SIGKILL);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncBufReadExt, BufReader},
        time::timeout,
    };

    use super::*;

    fn here() -> Subprocess {
        Subprocess::in_environment(&Environment::of_process())
    }

    const DEADLINE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_a_tool_has_started_does_not_outlive_the_request() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().await;
        assert!(made.expect("mkfifo runs").success());
        // A process that has the pipe open for writing is alive.
        let script = format!(
            "exec 3> '{}'; echo up >&3; sleep 1000; exit 1",
            pipe.display()
        );
        let request = tokio::spawn(async move {
            let arguments = [OsStr::new("-c"), OsStr::new(&script)];
            here().run(OsStr::new("/bin/sh"), &arguments).await
        });
        let mut reader = Command::new("cat")
            .arg(&pipe)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("cat runs");
        let mut written = BufReader::new(reader.stdout.take().expect("a pipe")).lines();
        let mut next = async || {
            timeout(DEADLINE, written.next_line())
                .await
                .expect("in time")
        };
        assert_eq!(next().await.expect("it is read").as_deref(), Some("up"));
        request.abort();
        assert_eq!(next().await.expect("it is read"), None, "all have ended");
    }

    #[tokio::test]
    async fn what_a_tool_prints_is_returned() {
        let arguments = [
            OsStr::new("-c"),
            OsStr::new("echo out; echo err >&2; exit 3"),
        ];
        let output = here().run(OsStr::new("/bin/sh"), &arguments).await;
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }

    #[tokio::test]
    async fn a_tool_sees_the_given_variables_and_no_others() {
        let environment = Environment::from_pairs([("PATH", "/usr/bin:/bin"), ("GIVEN", "yes")]);
        let arguments = [OsStr::new("-c"), OsStr::new("echo $GIVEN ${HOME-unset}")];
        let output = Subprocess::in_environment(&environment)
            .run(OsStr::new("/bin/sh"), &arguments)
            .await
            .expect("it runs");
        assert_eq!(output.stdout, b"yes unset\n");
    }
}

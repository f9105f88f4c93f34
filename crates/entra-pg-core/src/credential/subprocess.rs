//! Runs the command-line tools that give tokens, so that none outlives a request that is cancelled.

use std::{
    ffi::OsStr,
    fmt, io,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    pin,
    process::{Child, Command},
    time::timeout,
};

use crate::environment::Environment;

/// A token has some thousand bytes, and so has what a tool says about it.
const LONGEST_OUTPUT: u64 = 1 << 20;
/// What a tool has started may keep the pipes open when it has ended itself, and all that it has printed is in them.
const REST_OF_OUTPUT: Duration = Duration::from_secs(1);

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
    ///
    /// One that prints too much is ended in the same way: the error is of the kind `FileTooLarge`.
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut tool = self.command(program, arguments).spawn()?;
        #[cfg(unix)]
        let mut group = unix::Group::of(&tool);
        let output = output(&mut tool).await;
        #[cfg(unix)]
        if output.is_ok() {
            group.release();
        }
        output
    }
}

async fn output(tool: &mut Child) -> io::Result<Output> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let pipes = (tool.stdout.take(), tool.stderr.take());
    let status = {
        let read =
            async { tokio::try_join!(read(pipes.0, &mut stdout), read(pipes.1, &mut stderr)) };
        pin!(read);
        let ended: Option<ExitStatus> = tokio::select! {
            biased;
            all = &mut read => { all?; None }
            status = tool.wait() => Some(status?),
        };
        match ended {
            None => tool.wait().await?,
            Some(status) => {
                timeout(REST_OF_OUTPUT, read)
                    .await
                    .unwrap_or(Ok(((), ())))?;
                status
            }
        }
    };
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, output: &mut Vec<u8>) -> io::Result<()> {
    let Some(pipe) = pipe else { return Ok(()) };
    let read = pipe.take(LONGEST_OUTPUT + 1).read_to_end(output).await?;
    match read as u64 {
        0..=LONGEST_OUTPUT => Ok(()),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::{Path, PathBuf};

    use rstest::rstest;
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncBufReadExt, BufReader, Lines},
        process::ChildStdout,
    };

    use super::*;

    fn here() -> Subprocess {
        Subprocess::in_environment(&Environment::of_process())
    }

    const DEADLINE: Duration = Duration::from_secs(60);

    async fn pipe(directory: &TempDir) -> PathBuf {
        let pipe = directory.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().await;
        assert!(made.expect("mkfifo runs").success());
        pipe
    }

    async fn shell(script: String) -> io::Result<Output> {
        let arguments = [OsStr::new("-c"), OsStr::new(&script)];
        let run = here();
        let run = run.run(OsStr::new("/bin/sh"), &arguments);
        timeout(DEADLINE, run).await.expect("in time")
    }

    /// What is written to a pipe, line by line; `None` once all processes have ended that have it open.
    struct Written {
        lines: Lines<BufReader<ChildStdout>>,
        _reader: Child,
    }

    impl Written {
        fn to(pipe: &Path) -> Self {
            let mut reader = Command::new("cat")
                .arg(pipe)
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("cat runs");
            let written = reader.stdout.take().expect("a pipe");
            Self {
                lines: BufReader::new(written).lines(),
                _reader: reader,
            }
        }

        async fn next(&mut self) -> Option<String> {
            let line = timeout(DEADLINE, self.lines.next_line()).await;
            line.expect("in time").expect("it is read")
        }
    }

    #[tokio::test]
    async fn what_a_tool_has_started_does_not_outlive_the_request() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = pipe(&directory).await;
        let script = format!(
            "exec 3> '{}'; echo up >&3; sleep 1000; exit 1",
            pipe.display()
        );
        let request = tokio::spawn(shell(script));
        let mut written = Written::to(&pipe);
        assert_eq!(written.next().await.as_deref(), Some("up"));
        request.abort();
        assert_eq!(written.next().await, None, "all have ended");
    }

    #[rstest]
    #[case::on_stdout("yes")]
    #[case::on_stderr("yes >&2")]
    #[case::in_one_line("cat /dev/zero")]
    #[case::in_the_background("yes & sleep 1000")]
    #[case::and_takes_no_hint("trap '' TERM PIPE HUP; while :; do echo yes; done")]
    #[tokio::test]
    async fn a_tool_that_prints_for_ever_is_ended_with_what_it_has_started(#[case] prints: &str) {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = pipe(&directory).await;
        let script = format!("exec 3> '{}'; echo up >&3; {prints}", pipe.display());
        let mut written = Written::to(&pipe);
        let error = shell(script).await.expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(written.next().await.as_deref(), Some("up"));
        assert_eq!(written.next().await, None, "all have ended");
    }

    /// As the Azure CLI's upload of telemetry may.
    #[tokio::test]
    async fn a_process_that_a_tool_leaves_behind_does_not_hold_up_its_answer() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = pipe(&directory).await;
        let script = format!("cat '{}' & echo out; echo err >&2", pipe.display());
        let output = shell(script).await.expect("it runs");
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
        // It was not ended: it still reads.
        let write = tokio::task::spawn_blocking(move || std::fs::write(pipe, "bye"));
        let write = timeout(DEADLINE, write).await.expect("in time");
        write.expect("it runs").expect("written");
    }

    #[tokio::test]
    async fn what_a_tool_prints_is_returned() {
        let output = shell("echo out; echo err >&2; exit 3".to_owned()).await;
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

//! Where psql's arguments would lead it, read as psql reads them. Its password is a token: only our own parser says to whom
//! it goes, and that the connection is verified.

use std::ffi::{OsStr, OsString};

use lexopt::{Arg, Parser};

/// What an option of psql is followed by.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Host,
    Database,
    Another,
    /// Also of options that are not known here, so that what follows is looked at.
    Nothing,
}

/// <https://www.postgresql.org/docs/current/app-psql.html#R1-APP-PSQL-3>
pub(crate) fn short(letter: char) -> Takes {
    match letter {
        'h' => Takes::Host,
        'd' => Takes::Database,
        'c' | 'f' | 'F' | 'L' | 'o' | 'p' | 'P' | 'R' | 'T' | 'U' | 'v' => Takes::Another,
        _ => Takes::Nothing,
    }
}

/// psql takes the beginning of a name for the name.
fn long(name: &str) -> Takes {
    match name {
        "command" | "field-separator" | "file" | "log-file" | "output" | "port" | "pset"
        | "record-separator" | "set" | "table-attr" | "username" | "variable" => Takes::Another,
        _ if name.starts_with("ho") && "host".starts_with(name) => Takes::Host,
        _ if name.starts_with('d') && "dbname".starts_with(name) => Takes::Database,
        _ => Takes::Nothing,
    }
}

/// Whether they name a host, or hold a connection string, which could name one and switch off the verification.
pub(crate) fn leads_elsewhere(arguments: &[OsString]) -> bool {
    let mut parser = Parser::from_args(arguments);
    loop {
        let takes = match parser.next() {
            Ok(None) => return false,
            Ok(Some(Arg::Value(word))) if is_connection_string(&word) => return true,
            Ok(Some(Arg::Value(_))) => continue,
            Ok(Some(Arg::Short(letter))) => short(letter),
            Ok(Some(Arg::Long(name))) => {
                let takes = long(name);
                if let Takes::Nothing = takes {
                    _ = parser.optional_value();
                }
                takes
            }
            Err(_) => return true,
        };
        match takes {
            Takes::Host => return true,
            Takes::Database if parser.value().is_ok_and(|word| is_connection_string(&word)) => {
                return true;
            }
            Takes::Another => _ = parser.value(),
            Takes::Database | Takes::Nothing => {}
        }
    }
}

/// As libpq tells one from a database's name.
fn is_connection_string(word: &OsStr) -> bool {
    let word = word.to_string_lossy();
    is_url(&word) || word.contains('=')
}

pub(crate) fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["-h", "evil"], true)]
    #[case(&["-Xhevil"], true)]
    #[case(&["--host=evil"], true)]
    #[case(&["--ho", "evil"], true)]
    #[case(&["host=evil sslmode=disable"], true)]
    #[case(&["-c", "select 1", "sslmode = disable"], true)]
    #[case(&["-d", "host=evil"], true)]
    #[case(&["-Xdhost=evil"], true)]
    #[case(&["-AtXd", "host=evil"], true)]
    #[case(&["--dbname=service=evil"], true)]
    #[case(&["--db", "host=evil"], true)]
    #[case(&["--", "host=evil"], true)]
    #[case(&["-d", "postgres://evil/"], true)]
    #[case(&["--fi", "hostaddr=10.0.0.1"], true)]
    #[case(&[], false)]
    #[case(&["orders", "app"], false)]
    #[case(&["-d", "orders", "-p", "6432"], false)]
    #[case(&["-c", "select * from t where host='a'"], false)]
    #[case(&["-Atcselect 'host=a'"], false)]
    #[case(&["--command=select 'host=a'", "--csv", "-1"], false)]
    #[case(&["-v", "host=a", "--set=sslmode=b", "-P", "border=2"], false)]
    #[case(&["-h", "--help=commands"], true)]
    #[case(&["--help=commands"], false)]
    fn no_argument_leads_the_token_elsewhere(#[case] arguments: &[&str], #[case] refused: bool) {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        assert_eq!(leads_elsewhere(&arguments), refused);
    }
}

//! A program as a user would deploy it: it knows only its environment. It logs in once and prints the role.

use std::process::ExitCode;

use entra_pg_tokio_postgres::{
    connect_and_spawn,
    entra_pg_core::{Entra, Error, ManagedIdentity},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let entra = match arguments() {
        (Some(flag), Some(id)) if flag == "--client-id" => {
            Entra::managed_identity(ManagedIdentity::ClientId(id))?
        }
        (Some(flag), Some(id)) if flag == "--object-id" => {
            Entra::managed_identity(ManagedIdentity::ObjectId(id))?
        }
        (Some(flag), _) if flag == "--system-assigned" => {
            Entra::managed_identity(ManagedIdentity::SystemAssigned)?
        }
        _ => Entra::from_env()?,
    };
    let url = std::env::var("DATABASE_URL").unwrap_or_default();
    let client = connect_and_spawn(url, &entra).await?;
    let user = match client.query_one("SELECT current_user::text", &[]).await {
        Ok(row) => row.get::<_, String>(0),
        Err(error) => error.to_string(),
    };
    println!("{user} by {}", entra.credential_name());
    Ok(())
}

fn arguments() -> (Option<String>, Option<String>) {
    let mut arguments = std::env::args().skip(1);
    (arguments.next(), arguments.next())
}

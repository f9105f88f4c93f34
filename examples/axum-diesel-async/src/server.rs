//! The parts that do not depend on the database driver: the port, the tokens' health, the graceful stop.

use std::{io, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use entra_pg_diesel_async::entra_pg_core::{Entra, Status};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// How long requests in progress may take to finish after a signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves on the port in `PORT` (8080 by default; 0 for any free port), until Ctrl-C or SIGTERM.
pub async fn serve(app: Router) -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let port: u16 = port
        .parse()
        .map_err(|_| io::Error::other(format!("PORT={port} is not a port")))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(("0.0.0.0", port))
        .await
        .map_err(|error| io::Error::other(format!("cannot listen on port {port}: {error}")))?;
    println!("http://localhost:{}", listener.local_addr()?.port());

    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        tokio::spawn(async {
            tokio::time::sleep(GRACE).await;
            tracing::error!("requests did not finish within {GRACE:?}");
            std::process::exit(1);
        });
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await
}

/// `/health`: 503 while no token is valid and the last refresh has failed.
pub fn health(entra: Entra) -> Router {
    Router::new()
        .route("/health", get(tokens))
        .with_state(entra)
}

async fn tokens(State(entra): State<Entra>) -> (StatusCode, Json<Value>) {
    let tokens = entra.status();
    let status = if tokens.iter().all(Status::is_healthy) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let tokens = tokens.iter().map(|token| {
        let left = token.expires_on.and_then(|until| until.elapsed().err());
        json!({
            "credential": token.credential,
            "seconds_left": left.map(|left| left.duration().as_secs()),
            "failures": token.failures,
        })
    });
    (status, Json(tokens.collect()))
}

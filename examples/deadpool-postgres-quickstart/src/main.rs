//! deadpool-postgres. Each connection opens with a fresh Microsoft Entra token. `DATABASE_URL` holds no password; the identity
//! comes from the environment.

use entra_pg_tokio_postgres::{
    Connector, Entra,
    deadpool_postgres::{ManagerConfig, RecyclingMethod},
};

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS quickstart_items (id serial PRIMARY KEY, article text NOT NULL)";
const INSERT: &str = "INSERT INTO quickstart_items (article) VALUES ($1) RETURNING id";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("entra_pg=info")
        .init();

    let url = std::env::var("DATABASE_URL")?; // postgres://app@myserver.postgres.database.azure.com/orders
    let entra = Entra::from_env()?; // managed identity, workload identity, az login, …

    let connector = Connector::new(url, &entra)?;
    let config = ManagerConfig {
        recycling_method: RecyclingMethod::Verified,
    };
    let pool = connector
        .deadpool_postgres_builder(config)
        .max_size(10)
        .build()?;

    let client = pool.get().await?;
    client.batch_execute(TABLE).await?;
    for article in ["tea", "rice"] {
        let insert = client.prepare_cached(INSERT).await?; // on the server only once
        let row = client.query_one(&insert, &[&article]).await?;
        println!("saved: {article} as {}", row.get::<_, i32>(0));
    }
    Ok(())
}

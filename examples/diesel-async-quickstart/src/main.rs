//! diesel-async on bb8. Each connection opens with a fresh Microsoft Entra token. `DATABASE_URL` holds no password; the
//! identity comes from the environment.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl, pooled_connection::bb8::Pool};
use entra_pg_diesel_async::Entra;

diesel::table! {
    quickstart_parcels (id) {
        id -> Int4,
        article -> Text,
    }
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = quickstart_parcels, check_for_backend(diesel::pg::Pg))]
#[allow(dead_code, reason = "shown by Debug")]
struct Parcel {
    id: i32,
    article: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("entra_pg=info")
        .init();

    // README begins
    let url = std::env::var("DATABASE_URL")?; // postgres://app@myserver.postgres.database.azure.com/orders
    let entra = Entra::from_env()?; // managed identity, workload identity, az login, …

    let manager = entra_pg_diesel_async::manager(url, &entra)?;
    let pool: Pool<AsyncPgConnection> = Pool::builder().max_size(10).build(manager).await?;

    let mut connection = pool.get().await?;
    create_table(&mut connection).await?;
    let saved = diesel::insert_into(quickstart_parcels::table)
        .values(quickstart_parcels::article.eq("tea"))
        .returning(Parcel::as_returning())
        .get_result(&mut connection)
        .await?;
    println!("saved: {saved:?}");
    // README ends
    Ok(())
}

async fn create_table(connection: &mut AsyncPgConnection) -> QueryResult<usize> {
    diesel::sql_query("CREATE TABLE IF NOT EXISTS quickstart_parcels (id serial PRIMARY KEY, article text NOT NULL)")
        .execute(connection)
        .await
}

#![doc = include_str!("../README.md")]

mod connect;

pub use entra_pg_sqlx::{Strategy, core};
pub use sea_orm;

pub use self::connect::{connect, connect_with};

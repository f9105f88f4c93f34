//! The one table: readings of meters.

use diesel::prelude::*;

diesel::table! {
    readings (id) {
        id -> Int4,
        meter -> Int4,
        watts -> Int4,
    }
}

/// Writes a reading, and returns how many there are of this meter.
pub fn write(connection: &mut PgConnection, meter: i32, watts: i32) -> QueryResult<i64> {
    connection.transaction(|connection| {
        diesel::insert_into(readings::table)
            .values((readings::meter.eq(meter), readings::watts.eq(watts)))
            .execute(connection)?;
        readings::table
            .filter(readings::meter.eq(meter))
            .count()
            .get_result(connection)
    })
}

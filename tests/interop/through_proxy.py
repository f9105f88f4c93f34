"""psycopg through the proxy, without a token or a password: a pipeline, COPY, and a query that is cancelled."""

import os
import threading

import psycopg

QUERIES = 100
ROWS = 10_000

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    (user,) = connection.execute("SELECT current_user").fetchone()
    assert user == "app", user

    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", (n,)) for n in range(QUERIES)]
    assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(QUERIES)]

    connection.execute("CREATE TEMPORARY TABLE copied (n int)")
    with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
        for n in range(ROWS):
            copy.write_row((n,))
    assert connection.execute("SELECT count(*) FROM copied").fetchone() == (ROWS,)

    # Sooner than the query it would cancel nothing, so it asks until that has ended.
    ended = threading.Event()

    def cancel():
        while not ended.wait(0.2):
            connection.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        connection.execute("SELECT pg_sleep(600)")
        raise SystemExit("the query was not cancelled")
    except psycopg.errors.QueryCanceled:
        pass
    finally:
        ended.set()
        canceller.join()

print(f"through the proxy: logged in as {user} with psycopg")

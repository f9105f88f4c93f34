-- One at a time, when several workers start together.
SELECT pg_advisory_xact_lock(hashtext('listen-notify'));

CREATE TABLE IF NOT EXISTS jobs (
    id serial PRIMARY KEY,
    task text NOT NULL,
    done_at timestamptz
);

CREATE OR REPLACE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY jobs;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER announce_job AFTER INSERT ON jobs
    FOR EACH STATEMENT EXECUTE FUNCTION announce_job();

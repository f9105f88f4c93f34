CREATE TABLE readings (
    id serial PRIMARY KEY,
    meter integer NOT NULL,
    watts integer NOT NULL
);

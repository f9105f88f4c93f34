CREATE TABLE parcels (
    id serial PRIMARY KEY,
    addressee text NOT NULL,
    grams integer NOT NULL CHECK (grams > 0)
);

-- Beside the tables of the two-way sync (examples/two-way/erp.sql), the orders of Precoro.
create table orders (
    precoro_id bigint primary key,
    number text,
    status bigint,
    note text
);

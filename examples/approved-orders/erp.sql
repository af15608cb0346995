-- What an accounting system keeps of orders; it has more columns than Precoro fills.
create table orders (
    precoro_id bigint primary key,
    number text,
    vendor text,
    vendor_code text,
    currency text,
    total numeric,
    approved_at timestamp,
    booked boolean default false
);
create table order_lines (
    order_id bigint,
    line text,
    sku text,
    name text,
    quantity numeric,
    price numeric,
    primary key (order_id, line)
);

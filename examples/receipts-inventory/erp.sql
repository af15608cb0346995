-- What a warehouse system keeps. Its own receipts:
create table goods_receipts (
    number text primary key,
    order_number text not null,
    warehouse text not null,
    received_on date not null,
    note text,
    completes_order boolean not null
);
create table goods_receipt_lines (
    receipt text references goods_receipts,
    sku text,
    quantity numeric not null,
    primary key (receipt, sku)
);
-- The receipts that Precoro knows; `own_number` is set where one of the above was sent there.
create table deliveries (
    precoro_id bigint primary key,
    number text not null,
    own_number text,
    order_number text,
    status integer,
    warehouse text,
    location text,
    received_on timestamp
);
create table delivery_lines (
    delivery_id bigint,
    line text,
    sku text,
    name text,
    quantity numeric,
    primary key (delivery_id, line)
);

-- Quantities by item and warehouse: each delivery once, those of Precoro once they are approved.
create view inventory as
select warehouse, location, sku, sum(quantity) as quantity
from (
    select r.warehouse, null as location, l.sku, l.quantity
    from goods_receipts r join goods_receipt_lines l on l.receipt = r.number
    union all
    select d.warehouse, d.location, l.sku, l.quantity
    from deliveries d join delivery_lines l on l.delivery_id = d.precoro_id
    where d.status = 2
      and not exists (select from goods_receipts r where r.number = d.own_number)
) received
where sku is not null
group by warehouse, location, sku;

insert into goods_receipts
select 'WH-' || n, n::text, w.name, date '2026-01-01' + n::int, null, n % 4 <> 0
from generate_series(1, 12) n
join (values (0, 'Portland main store'), (1, 'Leeds store'), (2, 'Madison cold store'))
    w (place, name) on w.place = n % 3;
insert into goods_receipt_lines
select 'WH-' || n, 'PART-' || part, n * part
from generate_series(1, 12) n, generate_series(1, 2) part;

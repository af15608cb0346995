-- The lists of an accounting system from which people choose in Precoro. Each is a tree.
create table accounts (
    id text primary key,
    number text not null,
    name text not null,
    parent_id text,
    active boolean not null default true
);
create table departments (
    id text primary key,
    code text not null,
    name text not null,
    parent_id text,
    active boolean not null default true
);
create table classes (like departments including all);
create table projects (like departments including all);

-- Children stand before their parents: the order does not matter.
insert into accounts (id, number, name, parent_id) values
    ('A-65110', '6511', 'Flights within Europe', 'A-6510'),
    ('A-65120', '6512', 'Flights overseas', 'A-6510'),
    ('A-6510', '6510', 'Flights', 'A-6500'),
    ('A-6520', '6520', 'Trains', 'A-6500'),
    ('A-6500', '6500', 'Travel', 'A-6000'),
    ('A-6310', '6310', 'Licences', 'A-6300'),
    ('A-6320', '6320', 'Hosting', 'A-6300'),
    ('A-6300', '6300', 'Information technology', 'A-6000'),
    ('A-6000', '6000', 'Operating expenses', null),
    ('A-5110', '5110', 'Metals', 'A-5100'),
    ('A-5120', '5120', 'Chemicals', 'A-5100'),
    ('A-5100', '5100', 'Materials', 'A-5000'),
    ('A-5000', '5000', 'Cost of sales', null);
insert into departments (id, code, name, parent_id) values
    ('D-11', '11', 'Production', 'D-10'),
    ('D-12', '12', 'Maintenance', 'D-10'),
    ('D-10', '10', 'Operations', null),
    ('D-21', '21', 'Laboratory', 'D-20'),
    ('D-20', '20', 'Research', null);
insert into classes (id, code, name, parent_id) values
    ('C-1', 'RUN', 'Running business', null),
    ('C-2', 'NEW', 'New business', null),
    ('C-21', 'NEW-US', 'New business, Americas', 'C-2');
insert into projects (id, code, name, parent_id)
select 'P-' || n, 'P' || n, 'Site ' || n, case when n % 4 <> 0 then 'P-' || (n / 4 * 4) end
from generate_series(100, 119) as n;

-- What the jobs fill: Precoro's options with the ids of the lists above, and what was chosen.
create table item_options (
    precoro_id bigint primary key,
    erp_id text,
    code text,
    name text
);
create table document_options (like item_options including all);
create table item_values (
    item_id bigint,
    field_id bigint,
    place bigint,
    field text,
    value text,
    option_id bigint,
    option text,
    primary key (item_id, field_id, place)
);
create table order_values (
    order_id bigint,
    field_id bigint,
    place bigint,
    order_number text,
    field text,
    value text,
    option_id bigint,
    option text,
    primary key (order_id, field_id, place)
);
create table line_values (
    order_id bigint,
    line text,
    field_id bigint,
    place bigint,
    order_number text,
    field text,
    value text,
    option_id bigint,
    option text,
    primary key (order_id, line, field_id, place)
);

-- The account of each order line.
create view line_accounts as
select chosen.order_number, chosen.line, account.id, account.number, account.name
from line_values as chosen
join item_options as option on option.precoro_id = chosen.option_id
join accounts as account on account.id = option.erp_id
where chosen.field = 'GL account';

-- Another system: its bills, and what was paid of them. `bills` and `posted` are its own.
create table bills (
    id text primary key
);
-- Precoro's invoices and the bills that their externalId names; null while nobody has linked them.
create table precoro_invoices (
    id bigint primary key,
    number text,
    total numeric(12, 2),
    bill text
);
create table payments (
    precoro_id bigint primary key,
    invoice_id bigint,
    amount numeric(12, 2),
    paid_on timestamp,
    cancelled boolean,
    posted boolean default false
);
-- What is paid of each bill, and whether that is all of it and posted already.
create view paid_bills as
select bills.id as bill, invoices.number as invoice, sum(payments.amount) as paid,
       sum(payments.amount) >= invoices.total as fully, bool_and(payments.posted) as posted
from bills
join precoro_invoices invoices on invoices.bill = bills.id
join payments on payments.invoice_id = invoices.id and not payments.cancelled
group by bills.id, invoices.id;

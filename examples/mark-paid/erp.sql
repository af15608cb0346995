-- Bills as accounting has them, and what was paid of them. A bill's id is its invoice's externalId in
-- Precoro; of a bill that was typed in by hand only Precoro's number of the invoice is known.
create table bills (
    id text primary key,
    total numeric(12, 2) not null
);
create table payments (
    id text primary key,
    bill text,
    precoro_number text,
    amount numeric(12, 2) not null,
    paid_on date not null,
    booked_at timestamp not null
);
insert into bills
select 'BILL-' || 9000 + n, 100 + 7.35 * n from generate_series(1, 30) n;
-- Twenty bills are paid, the fourth with a cent too little and the fifth with a cent too much;
-- of five more the first half is paid, of the last five nothing yet.
insert into payments
select 'PAY-' || n, id, null,
       case when n = 4 then total - 0.01
            when n = 5 then total + 0.01
            when n > 20 then round(total / 2, 2)
            else total end,
       date '2026-01-01' + n, timestamp '2026-02-01 08:00' + n * interval '1 minute'
from (select *, right(id, 4)::int - 9000 n from bills) numbered
where n <= 25;

-- What people decided in the ERP: one row a decision, which is never changed.
create table decisions (
    id integer primary key generated always as identity,
    document text not null,
    number text not null,
    action text not null check (action in ('approve', 'reject', 'revision')),
    comment text,
    approver text not null,
    decided_at timestamp not null default clock_timestamp()
);

-- What became of each Precoro document in the ERP: one row a document, the latest try.
create table sync_results (
    document text not null check (document in ('purchase_orders', 'invoices', 'receipts')),
    number text not null,
    erp_id text,
    status text not null check (status in ('ok', 'failed')),
    error text,
    tried_at timestamp not null default clock_timestamp(),
    primary key (document, number),
    check ((status = 'failed') = (error is not null))
);

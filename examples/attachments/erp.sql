-- Where accounting finds the files of its invoices.
create table invoice_files (
    id bigint primary key,
    invoice_id bigint,
    invoice_number text,
    name text,
    format text,
    size bigint,
    comment text,
    uploaded_at timestamp,
    path text,
    archived boolean default false
);

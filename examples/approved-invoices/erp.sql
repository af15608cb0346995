-- What an accounting system keeps of suppliers' bills and credits; `posted` is its own column.
create table bills (
    precoro_id bigint primary key,
    number text not null,
    invoice_number text,
    vendor text,
    vendor_code text,
    order_number text,
    currency text,
    net numeric,
    total numeric,
    issued_at timestamp,
    due_at timestamp,
    approved_at timestamp,
    department text,
    project text,
    posted boolean default false
);
create table vendor_credits (
    precoro_id bigint primary key,
    number text not null,
    invoice_number text,
    vendor text,
    vendor_code text,
    bill_number text,
    currency text,
    net numeric,
    total numeric,
    issued_at timestamp,
    approved_at timestamp,
    department text,
    project text,
    posted boolean default false
);
-- The lines of both.
create table document_lines (
    document_id bigint,
    line text,
    sku text,
    name text,
    quantity numeric,
    price numeric,
    gl_account text,
    primary key (document_id, line)
);

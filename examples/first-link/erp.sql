-- The vendors of an ERP.
create table vendors (
    vendor_no text primary key,
    name text not null,
    code text,
    registration_no text,
    email text,
    city text,
    blocked boolean not null default false
);
insert into vendors (vendor_no, name, code, registration_no, email, city)
select
    'V-' || (2000 + n),
    (array['Alder', 'Birch', 'Cedar', 'Damson', 'Elder', 'Fir', 'Gorse', 'Hazel'])[(n - 1) % 8 + 1]
    || (array[' Stationery', ' Freight', ' Tools', ' Catering', ' Software'])[(n - 1) / 8 + 1]
    || (array[' Ltd', ' GmbH', ', Inc.', ''])[n % 4 + 1],
    'K-' || (100 + n),
    case when n % 10 <> 0 then 'HRB ' || (50000 + n * 7) end,
    'office' || n || '@example.com',
    (array['Leeds', 'Köln', 'Tampa', 'Boise'])[n % 4 + 1]
from generate_series(1, 40) as n;

-- Precoro's suppliers; `contacts` is the text of a list.
create table precoro_suppliers (
    id bigint primary key,
    external_id text,
    code text,
    registration_no text,
    contacts text
);

-- Vendors that are not linked yet. An e-mail address that stands with one supplier only names it,
-- unless a registration number or a code is there to do so.
create view vendors_to_link as
select v.vendor_no, v.name, v.code, v.registration_no, by_email.precoro_id
from vendors as v left join lateral (
    select min(p.id) as precoro_id
    from precoro_suppliers as p
    where strpos(lower(p.contacts), '''' || lower(v.email) || '''') > 0
    having count(*) = 1 and not exists (
        select from precoro_suppliers as s
        where lower(trim(s.registration_no)) = lower(trim(v.registration_no))
            or lower(trim(s.code)) = lower(trim(v.code))
    )
) as by_email on true
where not exists (select from precoro_suppliers as p where p.external_id = v.vendor_no);

-- Which supplier each vendor is.
create view vendor_links as
select v.vendor_no, p.id as precoro_id
from vendors as v join precoro_suppliers as p on p.external_id = v.vendor_no;

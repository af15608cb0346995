-- What Precoro's catalogue has of the supplier: the job fills it.
create table catalogue (
    precoro_id bigint primary key,
    item_no text,
    sku text,
    name text,
    unit text,
    price numeric,
    currency text,
    hidden boolean
);
-- The price list that the supplier sent, as the ERP keeps it.
create table price_list (
    item_no text primary key,
    sku text not null,
    name text not null,
    unit text not null,
    price numeric(12, 2) not null,
    currency text not null,
    discontinued boolean not null default false
);
insert into price_list
select
    'ART-' || to_char(n, 'FM000'),
    'BN' || (4000 + n),
    'Hex bolt M' || (4 + n % 9) || ' x ' || (10 + n) || ', box of 100',
    'box',
    round(3.90 + n * 0.37, 2),
    'EUR'
from generate_series(1, 40) as n;

-- Which rows of the catalogue are an article: those with its number, else those with its SKU.
create view articles as
select list.item_no, count(item.precoro_id) as found, min(item.precoro_id) as precoro_id
from price_list as list
left join catalogue as item
    on item.item_no = list.item_no or (item.item_no is null and item.sku = list.sku)
group by list.item_no;

-- What Precoro is to be told: articles that it does not have, and those that differ.
create view price_changes as
select list.*, article.precoro_id
from price_list as list
join articles as article using (item_no)
left join catalogue as item using (precoro_id)
where (article.found = 0 and not list.discontinued)
    or (
        article.found = 1
        and (
            item.item_no, item.sku, item.name, item.unit, item.price, item.currency,
            coalesce(item.hidden, false)
        ) is distinct from (
            list.item_no, list.sku, list.name, list.unit, list.price, list.currency,
            list.discontinued
        )
    );

-- What a person is to say: articles that the catalogue has several times.
create view price_questions as
select list.item_no, list.name, item.precoro_id, item.name as name_in_precoro
from price_list as list
join articles as article using (item_no)
join catalogue as item
    on item.item_no = list.item_no or (item.item_no is null and item.sku = list.sku)
where article.found > 1;

-- Listings of one scope (incoming_entities) against what is stored of it: what they change.
-- An entity that the listing of $wholly_listed no longer holds stays, marked as not listed.

CREATE OR REPLACE TEMP TABLE listed_entities AS
SELECT * FROM incoming_entities
UNION ALL BY NAME
SELECT {key}, {versioned_as_unlisted}, {unversioned}attributes
FROM {entity_table} AS stored
ANTI JOIN incoming_entities USING ({key})
WHERE stored.project_id IN (SELECT unnest($wholly_listed));

CREATE OR REPLACE TEMP TABLE changed_entities AS
SELECT listed.*
FROM listed_entities AS listed
LEFT JOIN {entity_table} AS stored USING ({key})
WHERE stored.first_listed_at IS NULL OR {versions_differ};

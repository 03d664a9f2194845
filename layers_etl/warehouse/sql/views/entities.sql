-- ops.entities: the one place that knows where an entity belongs, and so its platform and currency.
-- The API promises an ad only its ad set, and an ad set only its campaign; the tables in ads keep what was listed.
CREATE OR REPLACE VIEW ops.entities AS
{entities};

COMMENT ON VIEW ops.entities IS
  'One row per entity of every scope: where it belongs. What its own listing does not say (see schema ads) is what is '
  'known of its parents, the nearest first.';
COMMENT ON COLUMN ops.entities.ad_account_id IS 'The ad account itself, or the one it belongs to; null: not known.';
COMMENT ON COLUMN ops.entities.campaign_id IS 'The campaign itself, or the one it belongs to; null: above, or not known.';
COMMENT ON COLUMN ops.entities.adset_id IS 'The ad set itself, or the one it belongs to; null: above, or not known.';
COMMENT ON COLUMN ops.entities.platform IS 'Of the entity or, where its listing does not say, of its nearest parent.';
COMMENT ON COLUMN ops.entities.currency IS
  'ISO 4217 currency of the ad account, and so of all money of the entity; of a project: the only one that its accounts '
  'ever had; null: several or unknown.';

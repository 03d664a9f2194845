-- Whether days landed before all was known of their entity: mornings on which none did have nothing to fill in.
SELECT 1 FROM ads.{scope}_metrics WHERE platform IS NULL OR currency IS NULL{or_account_is_unknown} LIMIT 1;

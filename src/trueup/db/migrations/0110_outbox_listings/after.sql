SELECT 'every intent names its SKU' AS name, count(*) = 0 AS ok,
  count(*) || ' intents have none' AS detail
FROM outbox.intent WHERE sku IS NULL;

-- Adds an entry to the bucket's outbox, which keeps the newest 10,000; store/outbox.py explains entries. Include it where `outbox`
-- (the key) and `entry` (field, value, …) are locals. Callers pass the key only if events are requested, so check it first.
redis.call('XADD', outbox, 'MAXLEN', 10000, '*', unpack(entry))

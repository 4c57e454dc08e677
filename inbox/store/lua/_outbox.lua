-- Tells what happened, in the same step: an entry of the bucket's outbox (store/outbox.py says what is in one), which keeps the
-- newest 10,000. Goes in where `outbox` (its key) and `entry` (field and value, …) are locals; who wants no events gives no
-- key, so a script asks for that first.
redis.call('XADD', outbox, 'MAXLEN', 10000, '*', unpack(entry))

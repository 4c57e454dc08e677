#!lua flags=allow-oom
-- Removes events from those that could not be delivered.
-- KEYS: 1 failed events, 2 their order; ARGV: the ids of the events
-- Returns the number of removed events
local failed, order = unpack(KEYS)
redis.call('ZREM', order, unpack(ARGV))
return redis.call('HDEL', failed, unpack(ARGV))

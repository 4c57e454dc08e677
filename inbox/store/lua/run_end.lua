#!lua flags=allow-oom
-- Removes a run whose messages are stored.
-- KEYS: 1 the transaction's runs, 2 timers, 3 its events
-- ARGV: 1 the feed's number, 2 the packed run, 3 its timer
-- Returns 1 | 0 (it has moved on)
local runs, timers, events = unpack(KEYS)
local feed_number, standing, timer = unpack(ARGV)
if redis.call('HGET', runs, feed_number) ~= standing then return 0 end
redis.call('HDEL', runs, feed_number)
redis.call('ZREM', timers, timer)
redis.call('UNLINK', events)
--#run_left
return 1

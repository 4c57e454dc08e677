-- Begins the wait of a run at a step, once per transaction, step and recipient; the run may have waited before.
-- KEYS: 1 the transaction's runs, 2 timers, 3 delivered (the transaction's step and feed), 4 state of the feed
-- ARGV: 1 the feed's number, 2 the packed run now ('' a new one), 3 the packed run then, 4 its due time (ms),
--       5 its timer, 6 the plan's name, 7 the plan ('' it is stored), 8 lifetime of `delivered` (seconds), 9 the subscriber's oid
-- Returns 1 | 0 (it waited before, or has moved on) | -1 (no such feed)
local runs, timers, delivered, feed = unpack(KEYS)
local feed_number, standing, next_standing, due_ms, timer, plan_name, plan, delivered_ttl, oid = unpack(ARGV)
if redis.call('HGET', feed, 's') ~= oid then return -1 end
if (redis.call('HGET', runs, feed_number) or '') ~= standing then return 0 end
if not redis.call('SET', delivered, 'waits', 'NX', 'EX', delivered_ttl) then return 0 end
if plan ~= '' and redis.call('HSETNX', runs, '=' .. plan_name, plan) == 1 then
  redis.call('HINCRBY', runs, 'plans', 1)
end
redis.call('HSET', runs, feed_number, next_standing)
redis.call('ZADD', timers, due_ms, timer)
return 1

-- A run begins to wait at a step, once per transaction, step and recipient; or one that waited before does so again.
-- KEYS: 1 the transaction's runs, 2 timers, 3 delivered (the transaction's step and feed), 4 state of the feed
-- ARGV: 1 the feed's number, 2 where the run stands now ('' it begins), 3 where it stands then, 4 when its time comes (ms),
--       5 its timer, 6 the plan's name, 7 the plan ('' it is there), 8 seconds to remember the transaction, 9 whose feed it is (oid)
-- Returns 1 | 0 (it waited before, or has moved on) | -1 (no such feed)
if redis.call('HGET', KEYS[4], 's') ~= ARGV[9] then return -1 end
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if not redis.call('SET', KEYS[3], 'waits', 'NX', 'EX', ARGV[8]) then return 0 end
if ARGV[7] ~= '' and redis.call('HSETNX', KEYS[1], '=' .. ARGV[6], ARGV[7]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'plans', 1)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
return 1

-- A process has another socket of a subscriber, who is online with it.
-- KEYS: 1 subscriber record, 2 what the process holds in this bucket, 3 outbox (where events are wanted)
-- ARGV: 1 process, 2 environment and oid
-- Returns 1 came online | 0 was online already | -1 (no such subscriber)
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
redis.call('HSET', KEYS[1], '@' .. ARGV[1], 1)
redis.call('SADD', KEYS[2], ARGV[2])
if redis.call('HGET', KEYS[1], 'online') == '1' then return 0 end
if KEYS[3] then
  local outbox, entry = KEYS[3], {'p', ARGV[2], 'o', 1}
--#outbox
end
redis.call('HSET', KEYS[1], 'online', 1)
return 1

-- Notes that a process has a socket of a subscriber, who is online from now on.
-- KEYS: 1 subscriber record, 2 the process's subscribers in this bucket, 3 outbox (if events are requested)
-- ARGV: 1 process, 2 environment and oid
-- Returns 1 came online | 0 was online already | -1 (no such subscriber)
local subscriber, held, outbox = unpack(KEYS)
local process, member = unpack(ARGV)
if redis.call('EXISTS', subscriber) == 0 then return -1 end
redis.call('HSET', subscriber, '@' .. process, 1)
redis.call('SADD', held, member)
if redis.call('HGET', subscriber, 'online') == '1' then return 0 end
if outbox then
  local entry = {'p', member, 'o', 1}
--#outbox
end
redis.call('HSET', subscriber, 'online', 1)
return 1

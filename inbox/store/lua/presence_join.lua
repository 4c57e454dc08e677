-- Notes that a process has a socket of a subscriber, who is online from now on.
-- KEYS: 1 subscriber record, 2 the process's subscribers in this bucket, 3 outbox (if events are requested)
-- ARGV: 1 process, 2 environment and oid
-- Returns the record as it is then, each field before its value | {} (no such subscriber)
local subscriber, held, outbox = unpack(KEYS)
local process, member = unpack(ARGV)
if redis.call('EXISTS', subscriber) == 0 then return {} end
redis.call('HSET', subscriber, '@' .. process, 1)
redis.call('SADD', held, member)
if redis.call('HGET', subscriber, 'online') ~= '1' then
  if outbox then
    local entry = {'p', member, 'o', 1}
--#outbox
  end
  redis.call('HSET', subscriber, 'online', 1)
end
return redis.call('HGETALL', subscriber)

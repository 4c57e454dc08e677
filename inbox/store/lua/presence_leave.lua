#!lua flags=allow-oom
-- Notes that a process has no socket of a subscriber; if no process has one, the subscriber goes offline.
-- KEYS: 1 subscriber record, 2 the process's subscribers in this bucket, 3 outbox (if events are requested)
-- ARGV: 1 process, 2 environment and oid, 3 time (ms; '' now)
-- Returns 1 went offline | 0 another process has a socket, or this one had none
local subscriber, held, outbox = unpack(KEYS)
local process, member, left_ms = unpack(ARGV)
redis.call('SREM', held, member)
if redis.call('HDEL', subscriber, '@' .. process) == 0 then return 0 end
local fields = redis.call('HKEYS', subscriber)
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '@' then return 0 end
end
if left_ms == '' then
  local time = redis.call('TIME')
  left_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
if outbox and redis.call('HGET', subscriber, 'online') == '1' then
  local entry = {'p', member, 'o', 0, 'l', left_ms}
--#outbox
end
redis.call('HSET', subscriber, 'online', 0, 'last_online', left_ms)
return 1

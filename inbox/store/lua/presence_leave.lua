-- A process has no socket of a subscriber any more; if none has, the subscriber goes offline.
-- KEYS: 1 subscriber record, 2 what the process holds in this bucket, 3 outbox (where events are wanted)
-- ARGV: 1 process, 2 environment and oid, 3 since when (ms; '' now)
-- Returns 1 went offline | 0 still held, or was not
redis.call('SREM', KEYS[2], ARGV[2])
if redis.call('HDEL', KEYS[1], '@' .. ARGV[1]) == 0 then return 0 end
local fields = redis.call('HKEYS', KEYS[1])
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '@' then return 0 end
end
local at = ARGV[3]
if at == '' then
  local t = redis.call('TIME')
  at = t[1] * 1000 + math.floor(t[2] / 1000)
end
if KEYS[3] and redis.call('HGET', KEYS[1], 'online') == '1' then
  local outbox, entry = KEYS[3], {'p', ARGV[2], 'o', 0, 'l', at}
--#outbox
end
redis.call('HSET', KEYS[1], 'online', 0, 'last_online', at)
return 1

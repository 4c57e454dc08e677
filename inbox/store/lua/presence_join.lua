-- A process has the first socket of a subscriber; if no other process has one, the subscriber comes online.
-- KEYS: 1 subscriber record, 2 what the process holds in this bucket; ARGV: 1 process, 2 environment and oid
-- Returns 1 came online | 0 was held already | -1 (no such subscriber)
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local fields, held = redis.call('HKEYS', KEYS[1]), false
for i = 1, #fields do held = held or string.sub(fields[i], 1, 1) == '@' end
redis.call('HSET', KEYS[1], '@' .. ARGV[1], 1)
redis.call('SADD', KEYS[2], ARGV[2])
if held then return 0 end
redis.call('HSET', KEYS[1], 'online', 1)
return 1

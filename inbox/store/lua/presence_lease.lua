-- Renews a process's lease and tells whose has lapsed.
-- KEYS: 1 processes; ARGV: 1 process, 2 lease (ms)
-- Returns {1 renewed | 0 new or lapsed, {process, lapsed at (ms), ...}}
local t = redis.call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if until_ms > ms or until_ms == 0 then redis.call('ZADD', KEYS[1], ms + ARGV[2], ARGV[1]) end
return {until_ms > ms and 1 or 0, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ms, 'WITHSCORES')}

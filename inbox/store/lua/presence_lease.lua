#!lua flags=allow-oom
-- Renews a process's lease and returns the lapsed leases.
-- KEYS: 1 processes; ARGV: 1 process, 2 lease (ms)
-- Returns {1 renewed | 0 new or lapsed, {process, lapsed at (ms), ...}}
local processes = KEYS[1]
local process, lease_ms = unpack(ARGV)
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ms = tonumber(redis.call('ZSCORE', processes, process) or 0)
if until_ms > ms or until_ms == 0 then redis.call('ZADD', processes, ms + lease_ms, process) end
return {until_ms > ms and 1 or 0, redis.call('ZRANGEBYSCORE', processes, '-inf', ms, 'WITHSCORES')}

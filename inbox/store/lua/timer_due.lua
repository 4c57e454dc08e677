#!lua flags=no-writes
-- Reads the timers of a bucket that are due by the store's clock, the earliest first.
-- KEYS: 1 timers; ARGV: 1 limit. Returns {timer, its time (ms), …}
local timers = KEYS[1]
local limit = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', timers, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)

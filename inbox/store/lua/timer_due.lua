-- Timers of a bucket whose time has come by the store's clock, the earliest first.
-- KEYS: 1 timers; ARGV: 1 how many. Returns {timer, its time (ms), …}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])

#!lua flags=allow-oom
-- Cancels a running dispatch: messages that are not delivered yet are not delivered.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 its lifetime then (seconds)
-- Returns 1 | 0 (it is not running)
local dispatch, shares, running = unpack(KEYS)
local id, ttl = unpack(ARGV)
if redis.call('HGET', dispatch, 'state') ~= 'running' then return 0 end
redis.call('HSET', dispatch, 'state', 'cancelled')
redis.call('HDEL', dispatch, 'plan')
redis.call('ZREM', running, id)
redis.call('EXPIRE', dispatch, ttl)
redis.call('EXPIRE', shares, ttl)
return 1

#!lua flags=allow-oom
-- Ends a share of a dispatch: its counts are added once, and with its last share the dispatch is done.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 share, 3 delivered, 4 suppressed, 5 failed, 6 skipped, 7 waiting, 8 lifetime of a dispatch that is done (seconds)
-- Returns 1 (the dispatch is done) | 0
local dispatch, shares, running = unpack(KEYS)
local id, share, ttl = ARGV[1], ARGV[2], ARGV[8]
if redis.call('ZREM', shares, share) == 0 then return 0 end
local counts = {'delivered', 'suppressed', 'failed', 'skipped', 'waiting'}
for i = 1, #counts do
  if ARGV[i + 2] ~= '0' then redis.call('HINCRBY', dispatch, counts[i], ARGV[i + 2]) end
end
if redis.call('EXISTS', shares) == 1 then return 0 end
if redis.call('HGET', dispatch, 'state') == 'running' then redis.call('HSET', dispatch, 'state', 'done') end
redis.call('HDEL', dispatch, 'plan')
redis.call('ZREM', running, id)
redis.call('EXPIRE', dispatch, ttl)
return 1

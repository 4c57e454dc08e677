-- Ends a share of a dispatch: its counts are added once, and with its last share the dispatch is done.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 share, 3 delivered, 4 suppressed, 5 failed, 6 skipped, 7 waiting, 8 seconds to remember a dispatch that is done
-- Returns 1 (the dispatch is done) | 0
if redis.call('ZREM', KEYS[2], ARGV[2]) == 0 then return 0 end
local counts = {'delivered', 'suppressed', 'failed', 'skipped', 'waiting'}
for i = 1, #counts do redis.call('HINCRBY', KEYS[1], counts[i], ARGV[i + 2]) end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if redis.call('HGET', KEYS[1], 'state') == 'running' then redis.call('HSET', KEYS[1], 'state', 'done') end
redis.call('HDEL', KEYS[1], 'plan')
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[8])
return 1

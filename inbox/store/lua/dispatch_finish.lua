#!lua flags=allow-oom
-- Ends shares of a dispatch: the counts of each are added once, and with its last share the dispatch is done.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 lifetime of a dispatch that is done (seconds), then for each share: the share, and how many of its messages were
--       delivered, suppressed, failed, skipped and are waiting
-- Returns 1 (the dispatch is done) | 0
local dispatch, shares, running = unpack(KEYS)
local id, ttl = unpack(ARGV, 1, 2)
local COUNTS = {'delivered', 'suppressed', 'failed', 'skipped', 'waiting'}
local ended, sums = false, {0, 0, 0, 0, 0}
for at = 3, #ARGV, 1 + #COUNTS do
  if redis.call('ZREM', shares, ARGV[at]) == 1 then
    ended = true
    for i = 1, #COUNTS do sums[i] = sums[i] + ARGV[at + i] end
  end
end
if not ended then return 0 end
for i = 1, #COUNTS do
  if sums[i] > 0 then redis.call('HINCRBY', dispatch, COUNTS[i], string.format('%d', sums[i])) end
end
if redis.call('EXISTS', shares) == 1 then return 0 end
if redis.call('HGET', dispatch, 'state') == 'running' then redis.call('HSET', dispatch, 'state', 'done') end
redis.call('HDEL', dispatch, 'plan')
redis.call('ZREM', running, id)
redis.call('EXPIRE', dispatch, ttl)
return 1

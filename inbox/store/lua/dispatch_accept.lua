-- Accepts a dispatch, once: what is to be delivered, and a share of it for each bucket.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 plan, 3 total, 4 how many shares
-- Returns 1 | 0 (known already)
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'plan', ARGV[2], 'state', 'running', 'total', ARGV[3], 'accepted', now)
-- after every one that is under way, also within one millisecond and when the clock was put back
local newest = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
local place = math.max(now, (newest[2] or 0) + 1)
for share = 0, ARGV[4] - 1 do redis.call('ZADD', KEYS[2], 0, share) end
redis.call('ZADD', KEYS[3], place, ARGV[1])
return 1

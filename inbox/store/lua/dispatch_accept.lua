-- Accepts a dispatch once: stores its plan, and a share of it for each bucket.
-- KEYS: 1 dispatch, 2 its open shares, 3 the environment's running dispatches
-- ARGV: 1 id, 2 plan, 3 total, 4 number of shares
-- Returns 1 | 0 (it exists)
local dispatch, shares, running = unpack(KEYS)
local id, plan, total, share_count = unpack(ARGV)
if redis.call('EXISTS', dispatch) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', dispatch, 'plan', plan, 'state', 'running', 'total', total, 'accepted', now)
-- after every one that is under way, also within one millisecond and when the clock was put back
local newest = redis.call('ZRANGE', running, -1, -1, 'WITHSCORES')
local score = math.max(now, (newest[2] or 0) + 1)
local open = {}
for share = 0, share_count - 1 do open[2 * share + 1], open[2 * share + 2] = '0', string.format('%d', share) end
redis.call('ZADD', shares, unpack(open))
redis.call('ZADD', running, score, id)
return 1

-- Renews a lease, hands it on (0 ms) or gives it back, unless the bucket is somebody else's by now.
-- KEYS: 1 alarms; ARGV: 1 `<environment>:<bucket>`, 2 the lease's end as its holder knows it, 3 ms from now to its new end ('' gives
--       it back)
-- Returns the new end (ms since 1970; 0 given back) | -1 (it is somebody else's)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not known or tonumber(known) ~= tonumber(ARGV[2]) then return -1 end
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 0
end
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
redis.call('ZADD', KEYS[1], string.format('%d', ends), ARGV[1])
return ends

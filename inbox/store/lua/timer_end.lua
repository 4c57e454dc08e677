#!lua flags=allow-oom
-- Removes timers that have fired, or postpones them, except for those that were set again meanwhile.
-- KEYS: 1 timers; ARGV: 1 ms from now to postpone them ('' removes them), then each timer and the time at which it fired
-- Returns 1
local timers = KEYS[1]
local delay_ms = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV, 2 do
  local at = redis.call('ZSCORE', timers, ARGV[i])
  if at and tonumber(at) == tonumber(ARGV[i + 1]) then
    if delay_ms == '' then
      redis.call('ZREM', timers, ARGV[i])
    else
      redis.call('ZADD', timers, string.format('%d', now + delay_ms), ARGV[i])
    end
  end
end
return 1

-- Drops timers that have fired, or puts them off, but for those that were set anew meanwhile.
-- KEYS: 1 timers; ARGV: 1 ms from now to put them off ('' drops them), then timer and its time as it was when it fired
-- Returns 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV, 2 do
  local at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if at and tonumber(at) == tonumber(ARGV[i + 1]) then
    if ARGV[1] == '' then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[1]), ARGV[i])
    end
  end
end
return 1

-- Notes an event that could not be delivered; noted twice it is there once. The oldest go when there are too many.
-- KEYS: 1 failed events, 2 their order
-- ARGV: 1 event id, 2 the event and why, 3 when (ms), 4 how many are kept
-- Returns how many there are
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[1])
local beyond = redis.call('ZCARD', KEYS[2]) - ARGV[4]
if beyond > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], beyond)
  for i = 1, #oldest, 2 do redis.call('HDEL', KEYS[1], oldest[i]) end
end
return redis.call('ZCARD', KEYS[2])

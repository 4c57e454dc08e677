-- Stores an event that could not be delivered, once. The oldest are removed if there are too many.
-- KEYS: 1 failed events, 2 their order
-- ARGV: 1 event id, 2 the event and the reason, 3 time (ms), 4 maximum number of events
-- Returns the number of events
local failed, order = unpack(KEYS)
local id, event, failed_ms, max_failed = unpack(ARGV)
redis.call('HSET', failed, id, event)
redis.call('ZADD', order, 'NX', failed_ms, id)
local beyond = redis.call('ZCARD', order) - max_failed
if beyond > 0 then
  local oldest = redis.call('ZPOPMIN', order, beyond)
  for i = 1, #oldest, 2 do redis.call('HDEL', failed, oldest[i]) end
end
return redis.call('ZCARD', order)

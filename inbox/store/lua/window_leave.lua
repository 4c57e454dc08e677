#!lua flags=allow-oom
-- Removes a cancelled event from a window that is still open, and the window with its last event.
-- KEYS: 1 window, 2 timers, 3 windows that the transaction's events wait in
-- ARGV: 1 the window's id, 2 the transaction's name, 3 which of the transaction's windows it is, 4 the window's timer
-- Returns {1, event, its workflow} | {1} (it was counted only) | {0} (it is closed, or the event was taken out before)
local window, timers, waits_in = unpack(KEYS)
local id, transaction, waits_in_field, window_timer = unpack(ARGV)
if redis.call('HDEL', waits_in, waits_in_field) == 0 then return {0} end
local open = redis.call('HMGET', window, 'id', 'last', 'e' .. transaction)
if open[1] ~= id then return {0} end
local taken = {1}
if open[3] then
  taken = {1, open[3], redis.call('HGET', window, '=' .. string.sub(open[3], 11, 26))}
  redis.call('HDEL', window, 'e' .. transaction)
  if open[2] == transaction then
    redis.call('HDEL', window, 'last')
  else
    redis.call('HINCRBY', window, 'kept', -1)
    redis.call('HINCRBY', window, 'bytes', 26 - #open[3])
  end
end
if redis.call('HINCRBY', window, 'count', -1) <= 0 then
  redis.call('UNLINK', window)
  redis.call('ZREM', timers, window_timer)
end
return taken

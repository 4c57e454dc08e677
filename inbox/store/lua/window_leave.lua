-- Takes a cancelled event out of a window that is still open; a window without events is not there.
-- KEYS: 1 window, 2 timers, 3 windows that the transaction's events wait in
-- ARGV: 1 the window's id, 2 the transaction's name, 3 which of the transaction's windows it is, 4 the window's timer
-- Returns {1, event, its workflow} | {1} (it was counted only) | {0} (it is closed, or the event was taken out before)
if redis.call('HDEL', KEYS[3], ARGV[3]) == 0 then return {0} end
local open = redis.call('HMGET', KEYS[1], 'id', 'last', 'e' .. ARGV[2])
if open[1] ~= ARGV[1] then return {0} end
local taken = {1}
if open[3] then
  taken = {1, open[3], redis.call('HGET', KEYS[1], '=' .. string.sub(open[3], 11, 26))}
  redis.call('HDEL', KEYS[1], 'e' .. ARGV[2])
  if open[2] == ARGV[2] then
    redis.call('HDEL', KEYS[1], 'last')
  else
    redis.call('HINCRBY', KEYS[1], 'kept', -1)
    redis.call('HINCRBY', KEYS[1], 'bytes', 26 - #open[3])
  end
end
if redis.call('HINCRBY', KEYS[1], 'count', -1) <= 0 then
  redis.call('UNLINK', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[4])
end
return taken

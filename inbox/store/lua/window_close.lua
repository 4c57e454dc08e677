-- Closes a window: a run continues with its events, and the next event opens another window.
-- KEYS: 1 window, 2 timers, 3 the runs of the transaction that opened it, 4 the events of the run
-- ARGV: 1 the feed's number, 2 the window's id, 3 the packed run, 4 the window's timer, 5 the run's timer, 6 its time
-- Returns 1 | 0 (it is closed already, or every event was cancelled)
local window, timers, runs, events = unpack(KEYS)
local feed_number, id, standing, window_timer, run_timer, due_ms = unpack(ARGV)
if redis.call('HGET', window, 'id') ~= id then return 0 end
redis.call('RENAME', window, events)
redis.call('ZREM', timers, window_timer)
redis.call('HSET', runs, feed_number, standing)
redis.call('ZADD', timers, due_ms, run_timer)
return 1

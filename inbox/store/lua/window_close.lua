-- Closes a window: its events go on as a run, and the next event opens another window.
-- KEYS: 1 window, 2 timers, 3 the runs of the transaction that opened it, 4 the events that the run goes on with
-- ARGV: 1 the feed's number, 2 the window's id, 3 where the run stands, 4 the window's timer, 5 the run's timer, 6 its time
-- Returns 1 | 0 (it is closed already, or every event was cancelled)
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[2] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[4])
redis.call('ZREM', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[5])
return 1

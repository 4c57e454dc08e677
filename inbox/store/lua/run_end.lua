-- A run is over: its messages are stored.
-- KEYS: 1 the transaction's runs, 2 timers, 3 the events it goes on with
-- ARGV: 1 the feed's number, 2 where the run stands, 3 its timer
-- Returns 1 | 0 (it has moved on)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('UNLINK', KEYS[3])
local runs = KEYS[1]
--#run_left
return 1

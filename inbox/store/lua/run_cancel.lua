#!lua flags=allow-oom
-- Cancels at most 50 runs of a transaction that are not due yet.
-- KEYS: 1 the transaction's runs, 2 timers, then the events of each run
-- ARGV: the feed's number and the timer of each
-- Returns {the feed's number of each cancelled run}
local runs, timers = unpack(KEYS, 1, 2)
local cancelled = {}
for i = 1, #ARGV, 2 do
  local run = redis.call('HGET', runs, ARGV[i])
  if run and string.sub(run, 1, 1) == 'w' then
    redis.call('HDEL', runs, ARGV[i])
    redis.call('ZREM', timers, ARGV[i + 1])
    redis.call('UNLINK', KEYS[2 + (i + 1) / 2])
    cancelled[#cancelled + 1] = tonumber(ARGV[i])
  end
end
--#run_left
return cancelled

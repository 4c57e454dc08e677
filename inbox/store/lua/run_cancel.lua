-- Cancels runs of a transaction whose time has not come, at most fifty.
-- KEYS: 1 the transaction's runs, 2 timers, then the events that each may go on with
-- ARGV: the feed's number and the timer of each
-- Returns {the feed's number of each that was cancelled}
local cancelled = {}
for i = 1, #ARGV, 2 do
  local run = redis.call('HGET', KEYS[1], ARGV[i])
  if run and string.sub(run, 1, 1) == 'w' then
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i + 1])
    redis.call('UNLINK', KEYS[2 + (i + 1) / 2])
    cancelled[#cancelled + 1] = tonumber(ARGV[i])
  end
end
local runs = KEYS[1]
--#run_left
return cancelled

-- The time of a run has come: from now on it cannot be cancelled. By the store's clock, and as its timer stands now: who comes
-- late, with a timer that was due before the run moved on, begins nothing early.
-- KEYS: 1 the transaction's runs, 2 timers; ARGV: 1 the feed's number, 2 its timer
-- Returns {where it stands: `f`, the plan's name, then what the script need not know; the plan, '' without a name} | {}
local run, due = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('ZSCORE', KEYS[2], ARGV[2])
local time = redis.call('TIME')
if not run or not due or tonumber(due) > time[1] * 1000 + math.floor(time[2] / 1000) then return {} end
if string.sub(run, 1, 1) == 'w' then
  run = 'f' .. string.sub(run, 2)
  redis.call('HSET', KEYS[1], ARGV[1], run)
end
return {run, redis.call('HGET', KEYS[1], '=' .. string.sub(run, 2, 17)) or ''}

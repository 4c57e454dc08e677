-- Fires a run that is due; from now on it cannot be cancelled. The store's clock and the present timer decide: a worker with
-- an earlier timer of a run that has moved on does not fire it early.
-- KEYS: 1 the transaction's runs, 2 timers; ARGV: 1 the feed's number, 2 its timer
-- Returns {the packed run: `f`, the plan's name, the rest (opaque here); the plan, '' without a name} | {}
local runs, timers = unpack(KEYS)
local feed_number, timer = unpack(ARGV)
local run, due = redis.call('HGET', runs, feed_number), redis.call('ZSCORE', timers, timer)
local time = redis.call('TIME')
if not run or not due or tonumber(due) > time[1] * 1000 + math.floor(time[2] / 1000) then return {} end
if string.sub(run, 1, 1) == 'w' then
  run = 'f' .. string.sub(run, 2)
  redis.call('HSET', runs, feed_number, run)
end
return {run, redis.call('HGET', runs, '=' .. string.sub(run, 2, 17)) or ''}

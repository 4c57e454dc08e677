-- The time of a run has come: from now on it cannot be cancelled.
-- KEYS: 1 the transaction's runs; ARGV: 1 the feed's number
-- Returns {where it stands: `f`, the plan's name, then what the script need not know; the plan, '' without a name} | {}
local run = redis.call('HGET', KEYS[1], ARGV[1])
if not run then return {} end
if string.sub(run, 1, 1) == 'w' then
  run = 'f' .. string.sub(run, 2)
  redis.call('HSET', KEYS[1], ARGV[1], run)
end
return {run, redis.call('HGET', KEYS[1], '=' .. string.sub(run, 2, 17)) or ''}

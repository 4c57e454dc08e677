-- What is kept of a transaction's runs goes with the last of them: asks for `runs`, the key of the hash.
local kept = tonumber(redis.call('HGET', runs, 'plans') or 0)
if kept > 0 and redis.call('HLEN', runs) == kept + 1 then redis.call('UNLINK', runs) end

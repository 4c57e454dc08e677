-- Removes the hash of a transaction's runs if only its plans are left. Include it after the local `runs`, the key of the hash.
local kept = tonumber(redis.call('HGET', runs, 'plans') or 0)
if kept > 0 and redis.call('HLEN', runs) == kept + 1 then redis.call('UNLINK', runs) end

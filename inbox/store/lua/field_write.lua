-- Changes one field of a hash, if it still holds what the caller has seen.
-- KEYS: 1 hash, 2 version that grows with every change (optional)
-- ARGV: 1 field, 2 its expected value ('' none), 3 new value ('' deletes), 4 maximum number of fields of the hash
-- Returns 1 written | 0 it holds something else | -1 full
local hash, version = unpack(KEYS)
local field, old_value, new_value, max_fields = unpack(ARGV)
local value = redis.call('HGET', hash, field)
if (value or '') ~= old_value then return 0 end
if new_value == '' then
  redis.call('HDEL', hash, field)
else
  if not value and redis.call('HLEN', hash) >= tonumber(max_fields) then return -1 end
  redis.call('HSET', hash, field, new_value)
end
if version then redis.call('INCR', version) end
return 1

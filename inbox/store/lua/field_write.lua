-- Changes one field of a hash, if it still holds what the caller has seen.
-- KEYS: 1 hash, 2 version that grows with every change (optional)
-- ARGV: 1 field, 2 its value as the caller knows it ('' none), 3 new value ('' deletes), 4 most fields the hash may have
-- Returns 1 written | 0 it holds something else | -1 full
local now = redis.call('HGET', KEYS[1], ARGV[1])
if (now or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  if not now and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
if KEYS[2] then redis.call('INCR', KEYS[2]) end
return 1

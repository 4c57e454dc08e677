-- Takes subscriptions out of a topic, at most 100.
-- KEYS: 1 subscriptions by _id, 2 _ids by identifier, 3 order of creation, 4 `<subscriber oid>:<_id>`
-- ARGV: _id, subscriber's oid and identifier of each
-- Returns 1 for each that was there, 0 for each that was not
--#retire
local gone = {}
for i = 1, #ARGV, 3 do
  gone[#gone + 1] = redis.call('HDEL', KEYS[1], ARGV[i])
  if redis.call('HGET', KEYS[2], ARGV[i + 2]) == ARGV[i] then redis.call('HDEL', KEYS[2], ARGV[i + 2]) end
  retire(KEYS[3], ARGV[i])
  redis.call('ZREM', KEYS[4], ARGV[i + 1] .. ':' .. ARGV[i])
end
return gone

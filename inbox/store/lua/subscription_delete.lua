#!lua flags=allow-oom
-- Removes at most 100 subscriptions from a topic.
-- KEYS: 1 subscriptions by _id, 2 _ids by identifier, 3 order of creation, 4 `<subscriber oid>:<_id>`
-- ARGV: _id, subscriber's oid and identifier of each
-- Returns 1 for each that was there, 0 for each that was not
local subscriptions, identifiers, created, by_subscriber = unpack(KEYS)
--#retire
local gone = {}
for i = 1, #ARGV, 3 do
  gone[#gone + 1] = redis.call('HDEL', subscriptions, ARGV[i])
  if redis.call('HGET', identifiers, ARGV[i + 2]) == ARGV[i] then redis.call('HDEL', identifiers, ARGV[i + 2]) end
  retire(created, ARGV[i])
  redis.call('ZREM', by_subscriber, ARGV[i + 1] .. ':' .. ARGV[i])
end
return gone

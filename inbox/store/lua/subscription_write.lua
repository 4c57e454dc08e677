-- Creates or changes a subscription of a topic.
-- KEYS: 1 subscriptions by _id, 2 _ids by identifier, 3 order of creation, 4 `<subscriber oid>:<_id>`
-- ARGV: 1 identifier, 2 _id, 3 subscriber's oid, 4 creation (ms), 5 content, 6 maximum subscriptions of one subscriber,
--       7 the content it replaces ('' for a new one)
-- Returns {1} written | {0, _id, content} the identifier is taken | {-1} the subscriber has too many |
--         {-2} it has changed
local subscriptions, identifiers, created, by_subscriber = unpack(KEYS)
local identifier, id, oid, created_ms, content, max_subscriptions, replaced = unpack(ARGV)
if replaced ~= '' then
  if redis.call('HGET', subscriptions, id) ~= replaced then return {-2} end
  redis.call('HSET', subscriptions, id, content)
  return {1}
end
local taken = redis.call('HGET', identifiers, identifier)
if taken then return {0, taken, redis.call('HGET', subscriptions, taken)} end
local count = redis.call('ZLEXCOUNT', by_subscriber, '[' .. oid .. ':', '(' .. oid .. ';')
if count >= tonumber(max_subscriptions) then return {-1} end
redis.call('HSET', subscriptions, id, content)
redis.call('HSET', identifiers, identifier, id)
redis.call('ZADD', created, created_ms, id)
redis.call('ZADD', by_subscriber, 0, oid .. ':' .. id)
return {1}

-- Creates or changes a subscription of a topic.
-- KEYS: 1 subscriptions by _id, 2 _ids by identifier, 3 order of creation, 4 `<subscriber oid>:<_id>`
-- ARGV: 1 identifier, 2 _id, 3 subscriber's oid, 4 creation (ms), 5 content, 6 most subscriptions of one subscriber,
--       7 the content it replaces ('' for a new one)
-- Returns {1} written | {0, _id, content} the identifier is taken | {-1} the subscriber has too many |
--         {-2} it holds something else by now
if ARGV[7] ~= '' then
  if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[7] then return {-2} end
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[5])
  return {1}
end
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if taken then return {0, taken, redis.call('HGET', KEYS[1], taken)} end
local count = redis.call('ZLEXCOUNT', KEYS[4], '[' .. ARGV[3] .. ':', '(' .. ARGV[3] .. ';')
if count >= tonumber(ARGV[6]) then return {-1} end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[5])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[4], 0, ARGV[3] .. ':' .. ARGV[2])
return {1}

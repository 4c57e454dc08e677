-- Creates, renames or deletes a topic.
-- KEYS: 1 the environment's topics, 2 topic keys by oid, 3 order of creation, 4 order of last change, 5 by name
-- ARGV: 1 topic key, 2 oid for a new one, 3 create | upsert | update | delete, 4 has a name (1 or 0), 5 name
-- A topic is kept as its oid (24), creation and last change (13 digits each), 1 or 0 for having a name, and the name.
-- Returns {1, topic} created | {2, topic} changed or as it was | {3, topic} deleted | {0} unknown | {-1} exists already
--#retire
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and ARGV[3] == 'create' then return {-1} end
if not known and (ARGV[3] == 'update' or ARGV[3] == 'delete') then return {0} end
-- by name: the name's SHA-1 and the oid, so that those of a name lie together in their order of creation
local function forget_name()
  if known and string.sub(known, 51, 51) == '1' then
    redis.call('ZREM', KEYS[5], redis.sha1hex(string.sub(known, 52)) .. string.sub(known, 1, 24))
  end
end
local oid = known and string.sub(known, 1, 24) or ARGV[2]
if ARGV[3] == 'delete' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], oid)
  retire(KEYS[3], oid)
  retire(KEYS[4], oid)
  forget_name()
  return {3, known}
end
local name = ARGV[4] .. ARGV[5]
if known and (ARGV[4] == '0' or name == string.sub(known, 51)) then return {2, known} end
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
local created = known and string.sub(known, 25, 37) or now
local topic = oid .. created .. now .. name
redis.call('HSET', KEYS[1], ARGV[1], topic)
redis.call('HSET', KEYS[2], oid, ARGV[1])
redis.call('ZADD', KEYS[3], created, oid)
redis.call('ZADD', KEYS[4], now, oid)
forget_name()
if ARGV[4] == '1' then redis.call('ZADD', KEYS[5], 0, redis.sha1hex(ARGV[5]) .. oid) end
return {known and 2 or 1, topic}

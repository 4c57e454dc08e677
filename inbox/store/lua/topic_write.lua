-- Creates, renames or deletes a topic.
-- KEYS: 1 the environment's topics, 2 topic keys by oid, 3 order of creation, 4 order of last change, 5 by name
-- ARGV: 1 topic key, 2 oid for a new one, 3 create | upsert | update | delete, 4 has a name (1 or 0), 5 name
-- A topic is kept as its oid (24), creation and last change (13 digits each), 1 or 0 for having a name, and the name.
-- Returns {1, topic} created | {2, topic} changed or as it was | {3, topic} deleted | {0} unknown | {-1} exists already
local topics, keys_by_oid, created_list, updated_list, by_name = unpack(KEYS)
local key, new_oid, mode, has_name, name = unpack(ARGV)
--#retire
local known = redis.call('HGET', topics, key)
if known and mode == 'create' then return {-1} end
if not known and (mode == 'update' or mode == 'delete') then return {0} end
-- by name: the name's SHA-1 and the oid, so that those of a name lie together in their order of creation
local function forget_name()
  if known and string.sub(known, 51, 51) == '1' then
    redis.call('ZREM', by_name, redis.sha1hex(string.sub(known, 52)) .. string.sub(known, 1, 24))
  end
end
local oid = known and string.sub(known, 1, 24) or new_oid
if mode == 'delete' then
  redis.call('HDEL', topics, key)
  redis.call('HDEL', keys_by_oid, oid)
  retire(created_list, oid)
  retire(updated_list, oid)
  forget_name()
  return {3, known}
end
local stored_name = has_name .. name
if known and (has_name == '0' or stored_name == string.sub(known, 51)) then return {2, known} end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local created = known and string.sub(known, 25, 37) or now
local topic = oid .. created .. now .. stored_name
redis.call('HSET', topics, key, topic)
redis.call('HSET', keys_by_oid, oid, key)
redis.call('ZADD', created_list, created, oid)
redis.call('ZADD', updated_list, now, oid)
forget_name()
if has_name == '1' then redis.call('ZADD', by_name, 0, redis.sha1hex(name) .. oid) end
return {known and 2 or 1, topic}

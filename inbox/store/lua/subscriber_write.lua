-- Creates or changes a subscriber. A write that changes nothing leaves the date of the last change alone. A change is published
-- on the channel of each feed: pushed messages show the subscriber.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 outbox (where presence is written, and events of it are wanted)
-- ARGV: 1 subscriberId, 2 oid of the record, 3 upsert | create | update, 4 count of fields to set,
--       5 field that must still hold 6 ('' none; its value, '' absent),
--       then field and value of each, then the fields to delete
-- Returns {1, record} created | {2, record} changed | {3, record} as it was | {0} update of an unknown one |
--         {-1, oid} the id has another oid | {-2} create of a known one | {-3} the field holds something else
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and known ~= ARGV[2] then return {-1, known} end
if known and ARGV[3] == 'create' then return {-2} end
if not known and ARGV[3] == 'update' then return {0} end
if ARGV[5] ~= '' and (redis.call('HGET', KEYS[2], ARGV[5]) or '') ~= ARGV[6] then return {-3} end
local names, fields, last = {}, {}, 6 + 2 * ARGV[4]
for i = 7, last do
  fields[#fields + 1] = ARGV[i]
  if i % 2 == 1 then names[#names + 1] = ARGV[i] end
end
for i = last + 1, #ARGV do names[#names + 1] = ARGV[i] end
if known then
  local now, same = #names > 0 and redis.call('HMGET', KEYS[2], unpack(names)) or {}, true
  for i = 1, #names do same = same and now[i] == (fields[2 * i] or false) end
  if same then return {3, redis.call('HGETALL', KEYS[2])} end
end
local t = redis.call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
if not known then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'created', ms)
end
local was = KEYS[3] and redis.call('HGET', KEYS[2], 'online') or '0'
redis.call('HSET', KEYS[2], 'updated', ms, unpack(fields))
local presence = KEYS[3] and redis.call('HMGET', KEYS[2], 'online', 'last_online')
if presence and presence[1] ~= was then
  local outbox, entry = KEYS[3], {'p', ARGV[2], 'o', presence[1], 'l', presence[2] or ''}
--#outbox
end
if #ARGV > last then redis.call('HDEL', KEYS[2], unpack(ARGV, last + 1)) end
local record = redis.call('HGETALL', KEYS[2])
local bucket = string.sub(KEYS[1], 1, -1 - #'subscribers')
for i = 1, #record, 2 do
  if string.sub(record[i], 1, 1) == '#' then redis.call('SPUBLISH', bucket .. record[i + 1] .. 'h', 'subscriber') end
end
return {known and 2 or 1, record}

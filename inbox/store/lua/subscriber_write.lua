-- Creates or changes a subscriber. A write that changes nothing leaves the date of the last change alone. A change is published
-- on the channel of each feed: pushed messages show the subscriber.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 outbox (where presence is written, and events of it are wanted)
-- ARGV: 1 subscriberId, 2 oid of the record, 3 upsert | create | update, 4 count of fields to set,
--       5 field that must still hold 6 ('' none; its value, '' absent),
--       then field and value of each, then the fields to delete
-- Returns {1, record} created | {2, record} changed | {3, record} as it was | {0} update of an unknown one |
--         {-1, oid} the id has another oid | {-2} create of a known one | {-3} the field holds something else
local index, subscriber, outbox = unpack(KEYS)
local subscriber_id, oid, mode, set_count, expected_field, expected_value = unpack(ARGV, 1, 6)
--#kinds
local known = redis.call('HGET', index, subscriber_id)
if known and known ~= oid then return {-1, known} end
if known and mode == 'create' then return {-2} end
if not known and mode == 'update' then return {0} end
if expected_field ~= '' and (redis.call('HGET', subscriber, expected_field) or '') ~= expected_value then return {-3} end
local names, fields, last = {}, {}, 6 + 2 * set_count
for i = 7, last do
  fields[#fields + 1] = ARGV[i]
  if i % 2 == 1 then names[#names + 1] = ARGV[i] end
end
for i = last + 1, #ARGV do names[#names + 1] = ARGV[i] end
if known then
  local now, same = #names > 0 and redis.call('HMGET', subscriber, unpack(names)) or {}, true
  for i = 1, #names do same = same and now[i] == (fields[2 * i] or false) end
  if same then return {3, redis.call('HGETALL', subscriber)} end
end
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
if not known then
  redis.call('HSET', index, subscriber_id, oid)
  redis.call('HSET', subscriber, 'id', subscriber_id, 'created', ms)
end
local was_online = outbox and redis.call('HGET', subscriber, 'online') or '0'
redis.call('HSET', subscriber, 'updated', ms, unpack(fields))
local presence = outbox and redis.call('HMGET', subscriber, 'online', 'last_online')
if presence and presence[1] ~= was_online then
  local entry = {'p', oid, 'o', presence[1], 'l', presence[2] or ''}
--#outbox
end
if #ARGV > last then redis.call('HDEL', subscriber, unpack(ARGV, last + 1)) end
local record = redis.call('HGETALL', subscriber)
local bucket = string.sub(index, 1, -1 - #'subscribers')
for i = 1, #record, 2 do
  if string.sub(record[i], 1, 1) == '#' then redis.call('SPUBLISH', bucket .. record[i + 1] .. 'h', SUBSCRIBER) end
end
return {known and 2 or 1, record}

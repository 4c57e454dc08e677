-- Creates or changes a subscriber.
-- KEYS: 1 the bucket's subscribers, 2 record
-- ARGV: 1 subscriberId, 2 oid of the record, 3 upsert | create | update, 4 count of fields to set,
--       then field and value of each, then the fields to delete
-- Returns {1, record} created | {2, record} changed | {0} update of an unknown one | {-1, oid} the id has another oid |
--         {-2} create of a known one
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and known ~= ARGV[2] then return {-1, known} end
if known and ARGV[3] == 'create' then return {-2} end
if not known and ARGV[3] == 'update' then return {0} end
local t = redis.call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
if not known then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'created', ms)
end
local fields = {'updated', ms}
local last = 4 + 2 * ARGV[4]
for i = 5, last do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[2], unpack(fields))
if #ARGV > last then redis.call('HDEL', KEYS[2], unpack(ARGV, last + 1)) end
return {known and 2 or 1, redis.call('HGETALL', KEYS[2])}

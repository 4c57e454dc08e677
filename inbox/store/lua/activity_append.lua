-- Appends rows of 32 bytes to the environment's newest block of activity, and the first three bytes of each row's
-- transaction tag to a string beside it, by which activity_find.lua selects blocks.
-- KEYS: 1 number of the newest block, 2 its rows, 3 its records, 4 the beginnings of its rows' transactions
-- ARGV: 1 the block of the keys, 2 maximum bytes of a block, 3 its lifetime (ms), 4 rows, 5 the beginnings of their
--       transactions, then index (from 0) and record of each row that has a record
-- Returns {1, block} | {0, block}: the one to append to, since this is not the newest, or is full, or was begun by a
-- release that stored rows alone
local newest_key, rows_key, records_key, beginnings_key = unpack(KEYS)
local block, max_bytes, ttl_ms, rows, beginnings = unpack(ARGV, 1, 5)
local WIDTH, BEGINNING = 32, 3
local newest = tonumber(redis.call('GET', newest_key) or 0)
if newest ~= tonumber(block) then return {0, newest} end
local length = redis.call('STRLEN', rows_key)
local is_whole = redis.call('STRLEN', beginnings_key) * WIDTH == length * BEGINNING
if length > 0 and (length + #rows > tonumber(max_bytes) or not is_whole) then
  for i = 2, 4, 2 do -- without the room that APPEND leaves
    local held = redis.call('GET', KEYS[i])
    if held then redis.call('SET', KEYS[i], held, 'KEEPTTL') end
  end
  return {0, redis.call('INCR', newest_key)}
end
redis.call('APPEND', rows_key, rows)
redis.call('APPEND', beginnings_key, beginnings)
redis.call('PEXPIRE', rows_key, ttl_ms)
redis.call('PEXPIRE', beginnings_key, ttl_ms)
for i = 6, #ARGV, 2 do
  redis.call('HSET', records_key, string.format('%d', length / WIDTH + ARGV[i]), ARGV[i + 1])
end
if #ARGV > 5 then redis.call('PEXPIRE', records_key, ttl_ms) end
return {1, newest}

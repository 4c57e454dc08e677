-- Notes what became of triggers: rows of 32 bytes at the end of the environment's newest block.
-- KEYS: 1 number of the newest block, 2 its rows, 3 its records
-- ARGV: 1 the block that the keys are of, 2 most bytes of a block, 3 ms to keep it, 4 rows, then for each of them that
--       has a record its place among them (from 0) and the record
-- Returns {1, block} | {0, block}: the one to go on with, since this is no longer the newest or is full
local WIDTH = 32
local newest = tonumber(redis.call('GET', KEYS[1]) or 0)
if newest ~= tonumber(ARGV[1]) then return {0, newest} end
local length = redis.call('STRLEN', KEYS[2])
if length > 0 and length + #ARGV[4] > tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], redis.call('GET', KEYS[2]), 'KEEPTTL') -- without the room that APPEND leaves
  return {0, redis.call('INCR', KEYS[1])}
end
redis.call('APPEND', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[3], string.format('%d', length / WIDTH + ARGV[i]), ARGV[i + 1])
end
if #ARGV > 4 then redis.call('PEXPIRE', KEYS[3], ARGV[3]) end
return {1, newest}

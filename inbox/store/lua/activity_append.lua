-- Notes what became of triggers: rows of 32 bytes at the end of the environment's newest block, and beside them of each
-- row the first three bytes of its transaction's tag, by which the block is passed over or read (activity_find.lua).
-- KEYS: 1 number of the newest block, 2 its rows, 3 its records, 4 the beginnings of its rows' transactions
-- ARGV: 1 the block that the keys are of, 2 most bytes of a block, 3 ms to keep it, 4 rows, 5 the beginnings of their
--       transactions, then for each row that has a record its place among them (from 0) and the record
-- Returns {1, block} | {0, block}: the one to go on with, since this is no longer the newest, or is full, or was begun by
-- a release that noted rows alone
local WIDTH, BEGINNING = 32, 3
local newest = tonumber(redis.call('GET', KEYS[1]) or 0)
if newest ~= tonumber(ARGV[1]) then return {0, newest} end
local length = redis.call('STRLEN', KEYS[2])
local is_whole = redis.call('STRLEN', KEYS[4]) * WIDTH == length * BEGINNING
if length > 0 and (length + #ARGV[4] > tonumber(ARGV[2]) or not is_whole) then
  for i = 2, 4, 2 do -- without the room that APPEND leaves
    local held = redis.call('GET', KEYS[i])
    if held then redis.call('SET', KEYS[i], held, 'KEEPTTL') end
  end
  return {0, redis.call('INCR', KEYS[1])}
end
redis.call('APPEND', KEYS[2], ARGV[4])
redis.call('APPEND', KEYS[4], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[3])
for i = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[3], string.format('%d', length / WIDTH + ARGV[i]), ARGV[i + 1])
end
if #ARGV > 5 then redis.call('PEXPIRE', KEYS[3], ARGV[3]) end
return {1, newest}

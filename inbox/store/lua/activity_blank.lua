-- Blanks rows of a block of activity where they stand, so that every other row keeps its place, and drops their records.
-- KEYS: 1 the block's rows, 2 its records, 3 the beginnings of its rows' transactions
-- ARGV: 1 bytes of a row that stay (its time), 2 what stands after them in a blank row, then of each row its place and
--       what it is known to hold there
-- Returns how many were blanked; a row that holds something else, or has ended, is left alone
local WIDTH, BEGINNING, kept, blanked = 32, 3, tonumber(ARGV[1]), {}
local beginnings = redis.call('STRLEN', KEYS[3])
for i = 3, #ARGV, 2 do
  local at = WIDTH * ARGV[i] + kept
  local first, last = string.format('%d', at), string.format('%d', at + #ARGV[i + 1] - 1)
  if redis.call('GETRANGE', KEYS[1], first, last) == ARGV[i + 1] then
    redis.call('SETRANGE', KEYS[1], first, ARGV[2])
    local beginning = BEGINNING * ARGV[i]
    if beginning < beginnings then redis.call('SETRANGE', KEYS[3], string.format('%d', beginning), '\0\0\0') end
    blanked[#blanked + 1] = ARGV[i]
  end
end
if #blanked > 0 then redis.call('HDEL', KEYS[2], unpack(blanked)) end
return #blanked

-- Blanks rows of a block of activity where they stand, so that every other row keeps its place, and drops their records.
-- KEYS: 1 the block's rows, 2 its records
-- ARGV: 1 bytes of a row that stay (its time), 2 what stands after them in a blank row, then of each row its place and
--       what it is known to hold there
-- Returns how many were blanked; a row that holds something else, or has ended, is left alone
local WIDTH, kept, blanked = 32, tonumber(ARGV[1]), 0
for i = 3, #ARGV, 2 do
  local at = WIDTH * ARGV[i] + kept
  local held = redis.call('GETRANGE', KEYS[1], string.format('%d', at), string.format('%d', at + #ARGV[i + 1] - 1))
  if held == ARGV[i + 1] then
    redis.call('SETRANGE', KEYS[1], string.format('%d', at), ARGV[2])
    redis.call('HDEL', KEYS[2], ARGV[i])
    blanked = blanked + 1
  end
end
return blanked

#!lua flags=allow-oom
-- Blanks rows of a block of activity, so that other rows keep their positions, and removes their records.
-- KEYS: 1 the block's rows, 2 its records, 3 the beginnings of its rows' transactions
-- ARGV: 1 number of bytes of a row that stay (its time), 2 the other bytes of a blank row, then for each row its index and
--       its expected other bytes
-- Returns the number of blanked rows; a row with other bytes, or in an expired block, is not changed
local rows_key, records_key, beginnings_key = unpack(KEYS)
local kept_bytes, blank_row = unpack(ARGV, 1, 2)
local WIDTH, BEGINNING, blanked = 32, 3, {}
kept_bytes = tonumber(kept_bytes)
local beginnings = redis.call('STRLEN', beginnings_key)
for i = 3, #ARGV, 2 do
  local at = WIDTH * ARGV[i] + kept_bytes
  local first, last = string.format('%d', at), string.format('%d', at + #ARGV[i + 1] - 1)
  if redis.call('GETRANGE', rows_key, first, last) == ARGV[i + 1] then
    redis.call('SETRANGE', rows_key, first, blank_row)
    local beginning = BEGINNING * ARGV[i]
    if beginning < beginnings then redis.call('SETRANGE', beginnings_key, string.format('%d', beginning), '\0\0\0') end
    blanked[#blanked + 1] = ARGV[i]
  end
end
if #blanked > 0 then redis.call('HDEL', records_key, unpack(blanked)) end
return #blanked

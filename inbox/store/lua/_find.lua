-- Finds the row that an id leads to: its own, or the one that its message was moved to (field `o<row>` of the side hash).
-- Include it after the local `base_row`. `find` returns the row and its flags, or nothing if the message does not exist.
local function live_flags(rows, row, check)
  local offset = 4 * (row - base_row - 1)
  local cell = offset >= 0 and redis.call('GETRANGE', rows, offset, offset + 3) or ''
  if #cell == 4 and string.sub(cell, 2) == check and string.byte(cell) % 2 == 1 then return string.byte(cell) end
end
local function find(rows, sides, id_row, check)
  local flags = live_flags(rows, id_row, check)
  if flags then return id_row, flags end
  local moved = redis.call('HGET', sides, 'o' .. id_row)
  if not moved then return nil end
  flags = live_flags(rows, tonumber(moved), check)
  if flags then return tonumber(moved), flags end
end

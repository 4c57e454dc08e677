-- The row that an id leads to: its own, or the one its message was moved to (field `o<row>` of the side hash).
-- Gives the row and its flags, or nothing when the message is gone or was never there; asks for `b`.
local function live_row(rows, number, check)
  local offset = 4 * (number - b - 1)
  local cell = offset >= 0 and redis.call('GETRANGE', rows, offset, offset + 3) or ''
  if #cell == 4 and string.sub(cell, 2) == check and string.byte(cell) % 2 == 1 then return string.byte(cell) end
end
local function find(rows, side, number, check)
  local flags = live_row(rows, number, check)
  if flags then return number, flags end
  local moved = redis.call('HGET', side, 'o' .. number)
  if not moved then return nil end
  flags = live_row(rows, tonumber(moved), check)
  if flags then return tonumber(moved), flags end
end

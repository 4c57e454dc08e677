-- What changed on one row after its creation. Side record: counter of its last change, then the milliseconds of first
-- seen, last seen, read, archived, snoozed until (0: never), the row it was moved from, then the action's result.
-- A bulk change leaves one stamp instead: dates, ms, counter, last row, base, and the rows it hit (none given: all).
local ROW = '>I5I6I6I6I6I6I4'
local STAMP = '>BI6I5I4I4'
-- dates: 1 first seen if never, 2 last seen, 4 read, 8 not read, 16 archived, 32 not archived, 64 not snoozed
local function apply(row, dates, at)
  if bit.band(dates, 1) ~= 0 and row[2] == 0 then row[2] = at end
  if bit.band(dates, 2) ~= 0 then row[3] = at end
  if bit.band(dates, 4) ~= 0 then row[4] = at elseif bit.band(dates, 8) ~= 0 then row[4] = 0 end
  if bit.band(dates, 16) ~= 0 then row[5] = at elseif bit.band(dates, 32) ~= 0 then row[5] = 0 end
  if bit.band(dates, 64) ~= 0 then row[6] = 0 end
end
local function hits(stamp, number, upto, base)
  if number > upto then return false end
  if #stamp == 20 then return true end
  local offset = number - base - 1
  local byte = offset >= 0 and string.byte(stamp, 21 + math.floor(offset / 8)) or 0
  return bit.band(byte or 0, bit.rshift(128, offset % 8)) ~= 0
end
local function load_row(number, raw, stamps)
  local row = raw and {struct.unpack(ROW, raw)} or {0, 0, 0, 0, 0, 0, 0}
  row[8] = raw and string.sub(raw, 40) or ''
  for i = 1, #stamps do
    local dates, at, counter, upto, base = struct.unpack(STAMP, stamps[i])
    if counter > row[1] and hits(stamps[i], number, upto, base) then apply(row, dates, at) end
  end
  return row
end
local function pack_row(row)
  return struct.pack(ROW, row[1], row[2], row[3], row[4], row[5], row[6], row[7]) .. row[8]
end

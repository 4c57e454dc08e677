-- A message's side record: the changes of its row since its creation. Fields: the counter of the last change; the times (ms,
-- 0: never) at which it was first seen, last seen, last read and archived, and the end of its snooze; the row it was moved from;
-- then the action's result as text. A bulk change leaves one stamp instead: the dates it sets (bits), ms, counter, last row, base,
-- and the rows it hit as bits (none: all). store/rows.py reads both.
local SIDE = '>I5I6I6I6I6I6I4'
local COUNTER, FIRST_SEEN, LAST_SEEN, LAST_READ, ARCHIVED, SNOOZED_UNTIL, MOVED_FROM, ACTION = 1, 2, 3, 4, 5, 6, 7, 8
local STAMP, STAMP_BYTES = '>BI6I5I4I4', 20
-- dates: 1 first seen if never, 2 last seen, 4 read, 8 not read, 16 archived, 32 not archived, 64 not snoozed
local function apply(side, dates, at)
  if bit.band(dates, 1) ~= 0 and side[FIRST_SEEN] == 0 then side[FIRST_SEEN] = at end
  if bit.band(dates, 2) ~= 0 then side[LAST_SEEN] = at end
  if bit.band(dates, 4) ~= 0 then side[LAST_READ] = at elseif bit.band(dates, 8) ~= 0 then side[LAST_READ] = 0 end
  if bit.band(dates, 16) ~= 0 then side[ARCHIVED] = at elseif bit.band(dates, 32) ~= 0 then side[ARCHIVED] = 0 end
  if bit.band(dates, 64) ~= 0 then side[SNOOZED_UNTIL] = 0 end
end
local function hits(stamp, row, stamp_last_row, stamp_base)
  if row > stamp_last_row then return false end
  if #stamp == STAMP_BYTES then return true end
  local offset = row - stamp_base - 1
  local byte = offset >= 0 and string.byte(stamp, STAMP_BYTES + 1 + math.floor(offset / 8)) or 0
  return bit.band(byte or 0, bit.rshift(128, offset % 8)) ~= 0
end
local function load_side(row, packed, stamps)
  local side = packed and {struct.unpack(SIDE, packed)} or {0, 0, 0, 0, 0, 0, 0}
  side[ACTION] = packed and string.sub(packed, 40) or ''
  for i = 1, #stamps do
    local dates, at, counter, stamp_last_row, stamp_base = struct.unpack(STAMP, stamps[i])
    if counter > side[COUNTER] and hits(stamps[i], row, stamp_last_row, stamp_base) then apply(side, dates, at) end
  end
  return side
end
local function pack_side(side)
  return struct.pack(SIDE, side[1], side[2], side[3], side[4], side[5], side[6], side[7]) .. side[ACTION]
end

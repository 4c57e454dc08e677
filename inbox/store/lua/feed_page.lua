#!lua flags=no-writes
-- A page as of one moment, for a feed that changes faster than its state and its rows can be read one after the other.
-- KEYS: 1 state, 2 rows, 3 side, 4 stamps, 5 stream
-- ARGV: 1 and 2 mask and value that the flags must have, 3 severities (bits 0-3), 4 limit, 5 number of messages to skip,
--       6 only rows below this one ('' all), then rows by number, to read just these
-- Returns {state, rows, stamps, {n}, {side record or false}, {stream entry}, {edit or false}} | {false} (no such feed)
local feed, rows_key, sides_key, stamps_key, stream = unpack(KEYS)
local mask, value, severities, limit, skip, before = unpack(ARGV, 1, 6)
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return {false} end
local last_row, base_row = struct.unpack(STATE, packed)
local rows = redis.call('GET', rows_key) or ''
mask, value, severities = tonumber(mask), tonumber(value), tonumber(severities)
limit, skip = tonumber(limit), tonumber(skip)
local numbers, sides, entries, edits = {}, {}, {}, {}

local function is_taken(number)
  local flags = string.byte(rows, 4 * (number - base_row) - 3) or 0
  return bit.band(flags, 1) == 1 and bit.band(flags, mask) == value
    and bit.band(severities, bit.lshift(1, bit.band(bit.rshift(flags, 5), 3))) ~= 0
end
local function read(number)
  numbers[#numbers + 1] = number
  sides[#sides + 1] = redis.call('HGET', sides_key, number)
  entries[#entries + 1] = redis.call('XRANGE', stream, number .. '-0', number .. '-0')[1]
  local is_edited = string.byte(rows, 4 * (number - base_row) - 3) >= 128
  edits[#edits + 1] = is_edited and redis.call('HGET', sides_key, 'e' .. number)
end

for i = 7, #ARGV do
  local number = tonumber(ARGV[i])
  if number > base_row and is_taken(number) then read(number) end
end
if #ARGV == 6 then
  local number = math.min(last_row, tonumber(before ~= '' and before or last_row + 1) - 1)
  while number > base_row and limit > 0 do
    if is_taken(number) then
      if skip > 0 then skip = skip - 1 else read(number); limit = limit - 1 end
    end
    number = number - 1
  end
end
return {packed, rows, redis.call('LRANGE', stamps_key, 0, -1), numbers, sides, entries, edits}

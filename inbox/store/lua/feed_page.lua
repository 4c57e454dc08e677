-- A page as of one moment, for a feed that changes faster than its state and its rows can be read one after the other.
-- KEYS: 1 state, 2 rows, 3 side, 4 stamps, 5 stream
-- ARGV: 1 and 2 mask and value that the flags must have, 3 severities taken (bits 0-3), 4 how many, 5 how many to skip,
--       6 only rows below this one ('' all), then rows by number, to read just these
-- Returns {state, rows, stamps, {n}, {side record or false}, {stream entry}} | {false} (no such feed)
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {false} end
local n, b = struct.unpack(STATE, packed)
local rows = redis.call('GET', KEYS[2]) or ''
local mask, value, taken = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local left, skip = tonumber(ARGV[4]), tonumber(ARGV[5])
local numbers, sides, entries = {}, {}, {}

local function is_taken(number)
  local flags = string.byte(rows, 4 * (number - b) - 3) or 0
  return bit.band(flags, 1) == 1 and bit.band(flags, mask) == value
    and bit.band(taken, bit.lshift(1, bit.rshift(flags, 5))) ~= 0
end
local function read(number)
  numbers[#numbers + 1] = number
  sides[#sides + 1] = redis.call('HGET', KEYS[3], number)
  entries[#entries + 1] = redis.call('XRANGE', KEYS[5], number .. '-0', number .. '-0')[1]
end

for i = 7, #ARGV do
  local number = tonumber(ARGV[i])
  if number > b and is_taken(number) then read(number) end
end
if #ARGV == 6 then
  local number = math.min(n, tonumber(ARGV[6] ~= '' and ARGV[6] or n + 1) - 1)
  while number > b and left > 0 do
    if is_taken(number) then
      if skip > 0 then skip = skip - 1 else read(number); left = left - 1 end
    end
    number = number - 1
  end
end
return {packed, rows, redis.call('LRANGE', KEYS[4], 0, -1), numbers, sides, entries}

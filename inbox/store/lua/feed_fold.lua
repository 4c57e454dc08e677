-- Folds the oldest stamp of a feed into the side records, 50 rows a call, and drops it after the last.
-- KEYS: 1 state, 2 rows, 3 side, 4 stamps; ARGV: none. Returns the stamps left.
local feed, rows_key, sides, stamps_key = unpack(KEYS)
--#state
--#dates
local stamp = redis.call('LINDEX', stamps_key, 0)
local state = redis.call('HMGET', feed, 'p', 'k')
if not stamp or not state[1] then return 0 end
local _, base_row = struct.unpack(STATE, state[1])
local _, _, counter, stamp_last_row, stamp_base = struct.unpack(STAMP, stamp)
local from = math.max(base_row + 1, tonumber(state[2] or 0))
local last = math.min(stamp_last_row, from + 49)
if from <= last then
  local numbers, fields = {}, {}
  for number = from, last do numbers[#numbers + 1] = number end
  local raw = redis.call('HMGET', sides, unpack(numbers))
  local cells = redis.call('GETRANGE', rows_key, 4 * (from - base_row - 1), 4 * (last - base_row) - 1)
  for i = 1, #numbers do
    local flags = string.byte(cells, 4 * i - 3) or 0
    if bit.band(flags, 1) == 1 and hits(stamp, numbers[i], stamp_last_row, stamp_base) then
      local side = load_side(numbers[i], raw[i], {stamp})
      side[COUNTER] = math.max(side[COUNTER], counter)
      fields[#fields + 1] = numbers[i]
      fields[#fields + 1] = pack_side(side)
    end
  end
  if #fields > 0 then redis.call('HSET', sides, unpack(fields)) end
end
if last >= stamp_last_row then
  redis.call('LPOP', stamps_key)
  redis.call('HDEL', feed, 'k')
else
  redis.call('HSET', feed, 'k', last + 1)
end
return redis.call('LLEN', stamps_key)

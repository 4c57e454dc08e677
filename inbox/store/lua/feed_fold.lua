-- Folds the oldest stamp of a feed into the side records, 50 rows a call, and drops it after the last.
-- KEYS: 1 state, 2 rows, 3 side, 4 stamps; ARGV: none. Returns the stamps left.
--#state
--#dates
local stamp = redis.call('LINDEX', KEYS[4], 0)
local state = redis.call('HMGET', KEYS[1], 'p', 'k')
if not stamp or not state[1] then return 0 end
local _, b = struct.unpack(STATE, state[1])
local _, _, counter, upto, base = struct.unpack(STAMP, stamp)
local from = math.max(b + 1, tonumber(state[2] or 0))
local last = math.min(upto, from + 49)
if from <= last then
  local numbers, fields = {}, {}
  for number = from, last do numbers[#numbers + 1] = number end
  local raw = redis.call('HMGET', KEYS[3], unpack(numbers))
  local cells = redis.call('GETRANGE', KEYS[2], 4 * (from - b - 1), 4 * (last - b) - 1)
  for i = 1, #numbers do
    local flags = string.byte(cells, 4 * i - 3) or 0
    if bit.band(flags, 1) == 1 and hits(stamp, numbers[i], upto, base) then
      local row = load_row(numbers[i], raw[i], {stamp})
      row[1] = math.max(row[1], counter)
      fields[#fields + 1] = numbers[i]
      fields[#fields + 1] = pack_row(row)
    end
  end
  if #fields > 0 then redis.call('HSET', KEYS[3], unpack(fields)) end
end
if last >= upto then
  redis.call('LPOP', KEYS[4])
  redis.call('HDEL', KEYS[1], 'k')
else
  redis.call('HSET', KEYS[1], 'k', last + 1)
end
return redis.call('LLEN', KEYS[4])

-- Removes what a lot of deleted rows held, at most 64 rows a call.
-- KEYS: 1 purge, 2 stream, 3 side; ARGV: none. Returns the lots left.
--#dates
local lot = redis.call('LPOP', KEYS[1])
if not lot then return 0 end
local numbers, entries, fields = {}, {}, {}
for at = 1, #lot, 4 do
  local number = struct.unpack('>I4', lot, at)
  numbers[#numbers + 1] = number
  entries[#entries + 1] = number .. '-0'
  fields[#fields + 1] = number
end
for _, raw in ipairs(redis.call('HMGET', KEYS[3], unpack(numbers))) do
  local origin = raw and load_row(0, raw, {})[7] or 0
  if origin ~= 0 then fields[#fields + 1] = 'o' .. origin end
end
redis.call('XDEL', KEYS[2], unpack(entries))
redis.call('HDEL', KEYS[3], unpack(fields))
return redis.call('LLEN', KEYS[1])

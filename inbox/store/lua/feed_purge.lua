#!lua flags=allow-oom
-- Removes the contents of a batch of deleted rows, at most 64 rows a call.
-- KEYS: 1 purge, 2 stream, 3 side; ARGV: none. Returns the lots left.
local purge, stream, sides = unpack(KEYS)
--#dates
--#references
local lot = redis.call('LPOP', purge)
if not lot then return 0 end
local numbers, entries, fields = {}, {}, {}
for at = 1, #lot, 4 do
  local number = struct.unpack('>I4', lot, at)
  numbers[#numbers + 1] = number
  entries[#entries + 1] = number .. '-0'
  fields[#fields + 1] = number
  fields[#fields + 1] = 'e' .. number
end
for _, raw in ipairs(redis.call('HMGET', sides, unpack(numbers))) do
  local origin = raw and load_side(0, raw, {})[MOVED_FROM] or 0
  if origin ~= 0 then fields[#fields + 1] = 'o' .. origin end
end
redis.call('XDEL', stream, unpack(entries))
redis.call('ZREM', references_of(purge), unpack(numbers))
redis.call('HDEL', sides, unpack(fields))
return redis.call('LLEN', purge)

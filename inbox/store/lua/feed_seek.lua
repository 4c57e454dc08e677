#!lua flags=no-writes
-- The newest row that was created at a time or before it: rows are in order of their creation.
-- KEYS: 1 state, 2 stream; ARGV: 1 ms since 1970. Returns the row | 0 (all are newer, or there are none).
local feed, stream = unpack(KEYS)
local created_ms = ARGV[1]
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return 0 end
local high, low = struct.unpack('>I4', packed), 0
created_ms = tonumber(created_ms)
while low < high do
  local middle = math.ceil((low + high) / 2)
  local entry = redis.call('XREVRANGE', stream, middle .. '-0', (low + 1) .. '-0', 'COUNT', 1)[1]
  if not entry then
    low = middle
  elseif tonumber(entry[2][2]) <= created_ms then
    low = middle
  else
    high = tonumber(string.match(entry[1], '^(%d+)')) - 1
  end
end
return low

-- The newest row that was created at a time or before it: rows are in order of their creation.
-- KEYS: 1 state, 2 stream; ARGV: 1 ms since 1970. Returns the row | 0 (all are newer, or there are none).
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return 0 end
local high, low, wanted = struct.unpack('>I4', packed), 0, tonumber(ARGV[1])
while low < high do
  local middle = math.ceil((low + high) / 2)
  local entry = redis.call('XREVRANGE', KEYS[2], middle .. '-0', (low + 1) .. '-0', 'COUNT', 1)[1]
  if not entry then
    low = middle
  elseif tonumber(entry[2][2]) <= wanted then
    low = middle
  else
    high = tonumber(string.match(entry[1], '^(%d+)')) - 1
  end
end
return low

-- Completes the references of a feed by those of messages that older releases stored.
-- KEYS: 1 state, 2 rows, 3 references
-- ARGV: 1 the newest row when the contents were read, then digest and row of each message with a reference
-- Returns 1 | 0 (messages have come or moved since, or there is no such feed)
local feed, rows, references = unpack(KEYS)
local read_last_row = ARGV[1]
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return 0 end
local last_row, base_row = struct.unpack(STATE, packed)
if last_row ~= tonumber(read_last_row) then return 0 end
for i = 2, #ARGV, 2 do
  local offset = 4 * (ARGV[i + 1] - base_row - 1)
  local cell = offset >= 0 and redis.call('GETRANGE', rows, offset, offset) or ''
  if cell ~= '' and string.byte(cell) % 2 == 1 then redis.call('ZADD', references, ARGV[i], ARGV[i + 1]) end
end
redis.call('ZADD', references, -1, '')
return 1

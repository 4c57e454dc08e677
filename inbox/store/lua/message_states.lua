#!lua flags=no-writes
-- Reads the state of a feed's messages from steps of a transaction.
-- KEYS: 1 state, 2 rows, 3 side, 4 stamps, then for each step: delivered (the transaction's step and feed)
-- ARGV: 1 the subscriber's oid
-- Returns {state, when the next snooze ends or '', stamps, {of each message that is there: its step (1 is the first), the row
--       in which it was stored, the row it is in, that row's four bytes, its side or ''}} | {} (no such feed)
local feed, rows, sides, stamps_key = unpack(KEYS, 1, 4)
local oid = ARGV[1]
--#state
local state = redis.call('HMGET', feed, 'p', 's', 'u')
if not state[1] or state[2] ~= oid then return {} end
local _, base = struct.unpack(STATE, state[1])
local function cell_of(row)
  local offset = 4 * (row - base - 1)
  local cell = offset >= 0 and redis.call('GETRANGE', rows, offset, offset + 3) or ''
  return #cell == 4 and string.byte(cell) % 2 == 1 and cell or nil
end
local found = {}
for i = 5, #KEYS do
  local stored = tonumber(redis.call('GET', KEYS[i]) or '')
  if stored then
    local row = stored
    local cell = cell_of(row)
    if not cell then -- a snooze that ended, or a later message with its collapse key, has moved it
      row = tonumber(redis.call('HGET', sides, string.format('o%d', stored)) or '')
      cell = row and cell_of(row)
    end
    if cell then
      found[#found + 1] = {i - 4, stored, row, cell, redis.call('HGET', sides, string.format('%d', row)) or ''}
    end
  end
end
return {state[1], state[3] or '', redis.call('LRANGE', stamps_key, 0, -1), found}

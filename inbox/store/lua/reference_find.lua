#!lua flags=no-writes
-- Finds the messages of a feed by an external reference.
-- KEYS: 1 state, 2 rows, 3 side, 4 references; ARGV: 1 the reference's digest
-- Returns {whether the references are complete (1 or 0), {row and check of each message's id, one after the other}}
--       | {-1} (no such feed)
local feed, rows, sides, references = unpack(KEYS)
local digest = ARGV[1]
--#state
--#dates
local packed = redis.call('HGET', feed, 'p')
if not packed then return {-1} end
local _, base_row = struct.unpack(STATE, packed)
--#find
local named = {}
for _, row in ipairs(redis.call('ZRANGEBYSCORE', references, digest, digest)) do
  local offset = 4 * (row - base_row - 1)
  local check = offset >= 0 and redis.call('GETRANGE', rows, offset + 1, offset + 3) or ''
  if live_flags(rows, tonumber(row), check) then
    local side = load_side(0, redis.call('HGET', sides, row), {})
    named[#named + 1] = side[MOVED_FROM] ~= 0 and side[MOVED_FROM] or tonumber(row)
    named[#named + 1] = check
  end
end
return {redis.call('ZSCORE', references, '') and 1 or 0, named}

-- Gives the number of a subscriber's feed; made once.
-- KEYS: 1 subscriber record, 2 state of the proposed number
-- ARGV: 1 field of the record that names the feed, 2 proposed number, 3 subscriber's oid
-- Returns the number | -1 (no such subscriber)
--#state
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local number = redis.call('HGET', KEYS[1], ARGV[1])
if not number then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  number = ARGV[2]
end
if number == ARGV[2] then
  redis.call('HSETNX', KEYS[2], 'p', struct.pack(STATE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
  redis.call('HSETNX', KEYS[2], 's', ARGV[3])
end
return tonumber(number)

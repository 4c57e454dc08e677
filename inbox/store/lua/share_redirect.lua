-- Lets a share of a dispatch go on at the same place under another name, unless it has moved on meanwhile.
-- KEYS: 1 share; ARGV: 1 the cursor it has, 2 the one it gets
-- Returns 1 | 0 (it has another cursor)
local cursor = redis.call('HGET', KEYS[1], 'cursor')
if cursor ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'cursor', ARGV[2])
return 1

-- A page of an environment-wide list.
-- KEYS: 1 the list (sorted set)
-- ARGV: 1 asc | desc, 2 rows wanted, 3 cursor ('' none), 4 after | from | before | upto (the last two end at the cursor;
--       from and upto include it), 5 rows to skip when there is no cursor
-- Returns {total, rows before the page, {member, score, ...}} | {total} (unknown cursor)
local total, wanted, first = redis.call('ZCARD', KEYS[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
if ARGV[3] ~= '' then
  local at = redis.call(ARGV[1] == 'asc' and 'ZRANK' or 'ZREVRANK', KEYS[1], ARGV[3])
  if not at then return {total} end
  if ARGV[4] == 'after' then first = at + 1
  elseif ARGV[4] == 'from' then first = at
  else
    local stop = ARGV[4] == 'upto' and at + 1 or at
    first = math.max(0, stop - wanted)
    wanted = stop - first
  end
end
if wanted < 1 then return {total, first, {}} end
return {total, first, redis.call(ARGV[1] == 'asc' and 'ZRANGE' or 'ZREVRANGE', KEYS[1], first, first + wanted - 1, 'WITHSCORES')}

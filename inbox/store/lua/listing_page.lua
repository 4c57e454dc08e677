-- A page of an environment-wide list.
-- KEYS: 1 the list (sorted set)
-- ARGV: 1 asc | desc, 2 rows wanted, 3 cursor ('' none), 4 after | from | before | upto (the last two end at the cursor;
--       from and upto include it), 5 rows to skip when there is no cursor, 6 the cursor's score ('' not known)
-- A cursor that is no longer listed stands for the gap that it left, as long as its score is known: here, or from `_retire`.
-- Returns {total, rows before the page, {member, score, ...}} | {total} (unknown cursor)
--#retire
local total, wanted, first = redis.call('ZCARD', KEYS[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
local function gap(score)
  local below = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. score)
  local beside = redis.call('ZRANGEBYSCORE', KEYS[1], score, score)
  for i = 1, #beside do
    if beside[i] < ARGV[3] then below = below + 1 end
  end
  return ARGV[1] == 'asc' and below or total - below
end
if ARGV[3] ~= '' then
  local at = redis.call(ARGV[1] == 'asc' and 'ZRANK' or 'ZREVRANK', KEYS[1], ARGV[3])
  local score = ARGV[6] ~= '' and ARGV[6]
  if not at and not score then score = redis.call('GET', place_of(KEYS[1], ARGV[3])) end
  if not at and not score then return {total} end
  local place = at or gap(score)
  local behind = at and at + 1 or place
  if ARGV[4] == 'after' then first = behind
  elseif ARGV[4] == 'from' then first = place
  else
    local stop = ARGV[4] == 'upto' and behind or place
    first = math.max(0, stop - wanted)
    wanted = stop - first
  end
end
if wanted < 1 then return {total, first, {}} end
return {total, first, redis.call(ARGV[1] == 'asc' and 'ZRANGE' or 'ZREVRANGE', KEYS[1], first, first + wanted - 1, 'WITHSCORES')}

#!lua flags=no-writes
-- A page of an environment-wide list.
-- KEYS: 1 the list (sorted set)
-- ARGV: 1 asc | desc, 2 rows wanted, 3 cursor ('' none), 4 after | from | before | upto (the last two end at the cursor;
--       from and upto include it), 5 rows to skip when there is no cursor, 6 the cursor's score ('' not known)
-- A cursor that is no longer listed marks its former position, if its score is available: given, or kept by `_retire`.
-- Returns {total, rows before the page, {member, score, ...}} | {total} (unknown cursor)
local list = KEYS[1]
local order, limit, cursor, side, skip, cursor_score = unpack(ARGV)
--#retire
local total, first = redis.call('ZCARD', list), tonumber(skip)
limit = tonumber(limit)
local function gap(score)
  local below = redis.call('ZCOUNT', list, '-inf', '(' .. score)
  local beside = redis.call('ZRANGEBYSCORE', list, score, score)
  for i = 1, #beside do
    if beside[i] < cursor then below = below + 1 end
  end
  return order == 'asc' and below or total - below
end
if cursor ~= '' then
  local at = redis.call(order == 'asc' and 'ZRANK' or 'ZREVRANK', list, cursor)
  local score = cursor_score ~= '' and cursor_score
  if not at and not score then score = redis.call('GET', score_key(list, cursor)) end
  if not at and not score then return {total} end
  local rank = at or gap(score)
  local next_rank = at and at + 1 or rank
  if side == 'after' then first = next_rank
  elseif side == 'from' then first = rank
  else
    local stop = side == 'upto' and next_rank or rank
    first = math.max(0, stop - limit)
    limit = stop - first
  end
end
if limit < 1 then return {total, first, {}} end
local range = order == 'asc' and 'ZRANGE' or 'ZREVRANGE'
return {total, first, redis.call(range, list, first, first + limit - 1, 'WITHSCORES')}

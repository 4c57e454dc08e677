-- Takes a member out of a list and keeps its place for ten minutes: the page behind it may still be asked for. The key names
-- neither, so nothing of somebody erased is left in it.
local function place_of(list, member)
  return string.match(list, '^.-}') .. 'gone:' .. redis.sha1hex(list .. ' ' .. member)
end
local function retire(list, member)
  local score = redis.call('ZSCORE', list, member)
  if not score then return end
  redis.call('ZREM', list, member)
  redis.call('SET', place_of(list, member), score, 'EX', 600)
end

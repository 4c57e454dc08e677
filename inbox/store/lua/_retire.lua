-- takes a member out of a list and keeps its place for ten minutes: the page behind it may still be asked for
local function retire(list, member)
  local score = redis.call('ZSCORE', list, member)
  if not score then return end
  redis.call('ZREM', list, member)
  redis.call('SET', list .. ':gone:' .. redis.sha1hex(member), score, 'EX', 600)
end

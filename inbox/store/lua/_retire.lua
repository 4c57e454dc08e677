-- Removes a member from a list and keeps its score for ten minutes: a client may still ask for the page after it. The key is a
-- hash, so it does not name an erased subscriber.
local function score_key(list, member)
  return string.match(list, '^.-}') .. 'gone:' .. redis.sha1hex(list .. ' ' .. member)
end
local function retire(list, member)
  local score = redis.call('ZSCORE', list, member)
  if not score then return end
  redis.call('ZREM', list, member)
  redis.call('SET', score_key(list, member), score, 'EX', 600)
end
